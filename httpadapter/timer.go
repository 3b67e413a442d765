package httpadapter

import (
	"context"
	"math"
	"math/rand/v2"
	"time"

	"github.com/halley-go/halley/internal/guard"
)

// alarm is the timer of a stream, which sends the head, bytes that wait to be flushed, and heartbeats
// when they are due, and which ends a stream that lasts too long. It is set again only when it has
// fired or when something is due earlier, so that a chunk does not pay for it.
type alarm struct {
	timer    *time.Timer
	at       time.Duration // when the timer fires, if it is armed
	fired    chan struct{} // closed by a tick that comes after the run is over; nil if none will
	panicked any           // the panic of a tick
	armed    bool
	stopped  bool // the run is over
}

// begin sets the timer.
func (s *stream) begin(cancel context.CancelCauseFunc) {
	s.lock()
	defer s.unlock()
	s.cancel = cancel
	s.last = s.now()
	if s.maxDuration > 0 && s.length < 0 {
		s.until = s.last + s.maxDuration - rand.N(s.maxDuration/5+1)
	}
	s.armed, s.at = true, s.last+grace
	s.timer = time.AfterFunc(grace, s.tick)
}

// stop stops the timer, and waits for a tick that has begun. It passes on the panic of a tick.
func (s *stream) stop() {
	s.lock()
	s.stopped = true
	if s.armed && !s.timer.Stop() {
		s.fired = make(chan struct{})
	}
	s.unlock()
	if s.fired != nil {
		<-s.fired
	}
	if s.encoder != nil {
		s.release()
	}
	if s.panicked != nil {
		panic(s.panicked)
	}
}

// tick is called when the timer fires.
func (s *stream) tick() {
	s.lock()
	defer s.unlock()
	if s.stopped {
		close(s.fired)
		return
	}
	s.armed = false
	guard.Run(theWriter, s.sendDue, func(panicked any) {
		if s.panicked = panicked; s.err != nil {
			s.cancel(s.err)
			return
		}
		s.arm()
	})
}

// sendDue does one thing that is due.
func (s *stream) sendDue() {
	now := s.now()
	switch {
	case s.err != nil: // the run is about to end
	case s.until > 0 && now >= s.until:
		s.until = 0
		s.cancel(errExpired)
	case !s.sent, s.waiting > 0 && now >= s.flushAt:
		_ = s.send(nil, true)
	case s.beats() && now >= s.last+s.beatEvery:
		s.err = errPanicked
		chunk := s.beat()
		s.err = nil
		_ = s.send(chunk, true)
	case s.maxQuiet > 0 && now >= s.quietUntil(now):
		s.maxQuiet = 0
		s.cancel(errQuiet)
	}
}

// arm sets the timer for the next thing that is due.
func (s *stream) arm() {
	at := s.due()
	if at == never || s.armed && (at >= s.at || !s.timer.Stop()) {
		return // nothing is due, the timer fires in time, or a tick has begun and will call arm
	}
	s.armed, s.at = true, at
	s.timer.Reset(at - s.now())
}

const never = math.MaxInt64

// due returns when the next thing is due.
func (s *stream) due() time.Duration {
	at := time.Duration(never)
	if s.until > 0 {
		at = s.until
	}
	switch {
	case !s.sent:
		at = min(at, s.last+grace)
	case s.waiting > 0:
		at = min(at, s.flushAt)
	case s.beats():
		at = min(at, s.last+s.beatEvery)
	case s.maxQuiet > 0:
		at = min(at, s.quietUntil(s.now()))
	}
	return at
}

// beats reports whether there are heartbeats. A stream with a length has no room for them.
func (s *stream) beats() bool { return s.beatEvery > 0 && s.beat != nil && s.length < 0 }
