package enumeratee

import (
	"time"

	"github.com/halley-go/halley/internal/check"
	"github.com/halley-go/halley/iteratee"
)

// Delay returns the adapter that hands on each element d after it came. It delays the end of the stream by d
// too. When 1024 elements wait, the source waits too.
//
// If the source fails or the context ends, the run ends at once, and the elements that wait are dropped. When
// the consumer is done, the source is stopped, even if it waits for its next element. The leftovers of the
// consumer are left over, followed by the elements that wait.
//
// The consumer runs in a goroutine of its own. A panic of the consumer reaches the caller of the run. Delay
// panics if d is not positive.
//
// ReactiveX: Delay, which lets any number of elements wait.
func Delay[E any](d time.Duration) Enumeratee[E, E] {
	check.Positive("enumeratee: Delay: d", d)
	return New(func(stage Stage, out iteratee.Outlet[E]) (iteratee.Sink[E], iteratee.Step) {
		clock := time.NewTimer(d)
		stage.AtEnd(func() { clock.Stop() })
		h := newHandover[delayed[E]](delayRoom)
		h.start(stage, &sleeper[E]{h: h, clock: clock, out: out})
		return &delay[E]{h: h, d: d, out: out}, iteratee.StepCont
	})
}

// delay is the Sink that the source feeds.
type delay[E any] struct {
	h     *handover[delayed[E]]
	d     time.Duration
	out   iteratee.Outlet[E]
	ended bool
}

func (d *delay[E]) Next(e E) iteratee.Step {
	return d.h.hand(delayed[E]{e: e, due: time.Now().Add(d.d)}, 1)
}

func (d *delay[E]) EOF() iteratee.Step {
	if !d.ended {
		d.ended = true
		d.h.hand(delayed[E]{due: time.Now().Add(d.d), end: true}, 0)
	}
	return d.h.EOF()
}

func (d *delay[E]) Rest() iteratee.Input[E] {
	var es []E
	for _, x := range d.h.Rest().Els() {
		if !x.end {
			es = append(es, x.e)
		}
	}
	return d.out.Rest().Then(iteratee.Els(es...))
}

// sleeper is the Outlet before the consumer. It sleeps until an element is due.
type sleeper[E any] struct {
	h      *handover[delayed[E]]
	clock  *time.Timer
	out    iteratee.Outlet[E]
	asleep []delayed[E] // one element, or none
}

func (s *sleeper[E]) Next(x delayed[E]) iteratee.Step {
	s.asleep = append(s.asleep[:0], x)
	s.clock.Reset(time.Until(x.due))
	select {
	case <-s.clock.C:
	case <-s.h.ctx.Done():
		return iteratee.Cancelled(s.h.ctx)
	}
	s.asleep = s.asleep[:0]
	if x.end {
		return iteratee.StepCont
	}
	return s.out.Next(x.e)
}

func (s *sleeper[E]) Rest() iteratee.Input[delayed[E]] { return iteratee.Els(s.asleep...) }

const delayRoom = 1024

// delayed is an element, or the end, and the time at which it is due.
type delayed[E any] struct {
	e   E
	end bool
	due time.Time
}
