package durable

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"hash/maphash"
	"time"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
)

// readsPrefix begins the name of a topic whose last entry has the time of the last read of a stream with a TTL.
const readsPrefix = "\x00read "

// plainMost is the number of entries without a state that may follow one with a state.
const plainMost = 256

// batch is the number of entries that are read from the Store at once.
const batch = 256

// stream is a stream as its newest entries describe it.
type stream struct {
	state
	ended bool                // the newest entry is the end of the topic
	last  enumerator.Position // of the newest entry
	time  time.Time           // of the newest entry
}

// find returns the stream, or nil if this Store knows of no such stream.
func (h *handler) find(ctx context.Context, name string) (*stream, error) {
	s, err := h.newest(ctx, name)
	if s == nil || err != nil {
		return nil, err
	}
	if s.Closed && !s.ended {
		if s, err = h.end(ctx, name, s); s == nil || err != nil {
			return nil, err
		}
	}
	expired, err := h.isExpired(ctx, name, s)
	if err != nil || !expired {
		return s, err
	}
	_, err = h.store.Append(ctx, name, topics.Record{Kind: topics.Deleted, Conditional: true, Last: s.last})
	switch {
	case errors.Is(err, topics.ErrConflict):
		return nil, nil // another request has deleted the stream, or has just written to it
	case err != nil:
		return nil, err
	}
	return nil, h.forgetReads(ctx, name, s)
}

// forgetReads deletes the note of the last read of a stream, if there is one.
func (h *handler) forgetReads(ctx context.Context, name string, s *stream) error {
	if s.TTL == "" {
		return nil
	}
	if at, err := h.lastRead(ctx, name); err != nil || at.IsZero() {
		return err
	}
	return h.topics.Delete(ctx, readsPrefix+name)
}

// mustFind calls find, and returns errNotFound if the stream does not exist.
func (h *handler) mustFind(ctx context.Context, name string) (*stream, error) {
	s, err := h.find(ctx, name)
	if s == nil && err == nil {
		if err = h.sync(ctx, name); err == nil {
			s, err = h.find(ctx, name)
		}
	}
	if s == nil && err == nil {
		err = errNotFound
	}
	return s, err
}

// newest reads the newest entry of a stream, and earlier ones if that has no state.
func (h *handler) newest(ctx context.Context, name string) (*stream, error) {
	for _, n := range []int{1, plainMost} {
		entries, _, err := h.read(ctx, name, topics.Place{Last: n}, n+1) // one more for an Ended
		if err != nil || len(entries) == 0 {
			return nil, err
		}
		end := entries[len(entries)-1]
		s := &stream{state: state{Type: jsonType}, ended: end.Kind == topics.Ended, last: end.Position, time: end.Time}
		i := len(entries) - 1
		for i >= 0 && !isOurs(&entries[i]) {
			i--
		}
		if i < 0 && n < plainMost && len(entries) >= n {
			continue
		}
		if i >= 0 {
			err = s.decode(&entries[i])
		}
		s.Closed = s.Closed || s.ended
		return s, err
	}
	panic("unreachable")
}

// end ends the topic of a stream that is closed. A program may have died before it could do so.
func (h *handler) end(ctx context.Context, name string, s *stream) (*stream, error) {
	p, err := h.append(ctx, name, topics.Record{Kind: topics.Ended, Meta: s.encode()})
	if errors.Is(err, topics.ErrEnded) { // another program was faster
		if err = h.sync(ctx, name); err == nil {
			s, err = h.newest(ctx, name)
		}
		return s, err
	}
	return &stream{state: s.state, ended: true, last: p, time: s.time}, err
}

// sync makes the Store learn of all entries that are stored now. A Store of many programs may not know the newest
// entries of the other programs yet.
func (h *handler) sync(ctx context.Context, name string) error {
	return ask(ctx, func() error {
		_, stop, err := h.store.Watch(ctx, name, func(topics.Entry) {}, func(error) {})
		if err == nil {
			stop()
		}
		return err
	})
}

func (h *handler) read(ctx context.Context, name string, place topics.Place, limit int) (entries []topics.Entry, ok bool, err error) {
	err = ask(ctx, func() (err error) {
		entries, ok, err = h.store.Read(ctx, name, place, limit)
		return err
	})
	return entries, ok, err
}

// ask calls f until it succeeds or fails for good, or ctx ends.
func ask(ctx context.Context, f func() error) error {
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		err := f()
		for _, final := range []error{nil, topics.ErrName, topics.ErrConflict, topics.ErrEnded, topics.ErrTooLarge, topics.ErrClosed} {
			if errors.Is(err, final) {
				return err
			}
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return errors.Join(context.Cause(ctx), err)
		}
	}
}

// append stores r once, unless the outcome is unknown.
func (h *handler) append(ctx context.Context, name string, r topics.Record) (p enumerator.Position, err error) {
	r.Key = rand.Text()
	doubt := false
	err = ask(ctx, func() (err error) {
		p, err = h.store.Append(ctx, name, r)
		doubt = doubt || errors.Is(err, topics.ErrUnknown)
		return err
	})
	if doubt && err != nil && !errors.Is(err, topics.ErrConflict) && !errors.Is(err, topics.ErrEnded) {
		err = fmt.Errorf("%w: %w", topics.ErrUnknown, err)
	}
	return p, err
}

// change is the next entry of an update.
type change struct {
	state state // after the entry
	data  []byte
	more  bool // other entries follow
}

// update appends entries to the stream, and returns the stream as it is then. next returns the next entry, or the error
// that update returns. done is the number of entries that update has appended. s is nil if there is no stream. update
// calls next again if another request has written to the stream meanwhile.
func (h *handler) update(ctx context.Context, name string, next func(s *stream, done int) (change, error)) (s *stream, err error) {
	turn := h.turns[maphash.String(h.seed, name)%uint64(len(h.turns))]
	select {
	case turn <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { <-turn }()
	done := 0
	defer func() {
		if err != nil && done > 0 {
			err = fmt.Errorf("%w: %w", topics.ErrUnknown, err)
		}
	}()
	s, err = h.find(ctx, name)
	for synced := false; err == nil; {
		c, refusal := next(s, done)
		switch {
		case refusal != nil && synced:
			return nil, refusal
		case refusal == nil:
			s, err = h.write(ctx, name, s, c)
			switch {
			case err == nil && !c.more:
				return s, nil
			case err == nil:
				done++
				continue
			case ctx.Err() != nil || !errors.Is(err, topics.ErrConflict) && !errors.Is(err, topics.ErrEnded):
				return nil, err
			}
		}
		if err = h.sync(ctx, name); err == nil { // this Store may be behind
			s, err = h.find(ctx, name)
		}
		synced = true
	}
	return nil, err
}

// write appends an entry to the stream s, which may be nil.
func (h *handler) write(ctx context.Context, name string, s *stream, c change) (*stream, error) {
	r := topics.Record{Conditional: true, Meta: c.state.encode(), Data: c.data}
	if s != nil {
		r.Last = s.last
	}
	p, err := h.append(ctx, name, r)
	if err != nil {
		return nil, err
	}
	s = &stream{state: c.state, last: p, time: time.Now()}
	if !s.Closed {
		return s, nil
	}
	if s, err = h.end(ctx, name, s); err != nil {
		return nil, fmt.Errorf("%w: %w", topics.ErrUnknown, err)
	}
	return s, nil
}

// slack is the number of parts of a TTL. A read is not noted if the last append or the last noted read is less than one
// part ago. So a stream can live longer by one part.
const slack = 16

// isExpired reports whether the time of a stream is over.
func (h *handler) isExpired(ctx context.Context, name string, s *stream) (bool, error) {
	now := time.Now()
	if at, err := time.Parse(time.RFC3339, s.Expires); err == nil && s.Expires != "" {
		return !now.Before(at), nil
	}
	ttl, ok := s.ttl()
	if !ok {
		return false, nil
	}
	ttl += ttl / slack
	if now.Sub(s.time) < ttl {
		return false, nil
	}
	at, err := h.lastRead(ctx, name)
	return now.Sub(at) >= ttl, err
}

// noteRead starts the TTL of a stream anew, if it has one.
func (h *handler) noteRead(ctx context.Context, name string, s *stream) error {
	ttl, ok := s.ttl()
	if !ok || time.Since(s.time) < ttl/slack {
		return nil
	}
	at, err := h.lastRead(ctx, name)
	if err != nil || time.Since(at) < ttl/slack {
		return err
	}
	return ask(ctx, func() error {
		_, err := h.store.Append(ctx, readsPrefix+name, topics.Record{})
		return err
	})
}

// lastRead returns the time of the last read that was noted.
func (h *handler) lastRead(ctx context.Context, name string) (at time.Time, err error) {
	entries, _, err := h.read(ctx, readsPrefix+name, topics.Place{Last: 1}, 1)
	if len(entries) > 0 {
		at = entries[0].Time
	}
	return at, err
}
