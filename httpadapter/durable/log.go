package durable

import (
	"context"
	"encoding/json"
	"errors"
	"hash/maphash"
	"time"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
)

// readsPrefix begins the name of the topic that holds an entry for the last read of a stream with a TTL.
const readsPrefix = "\x00read "

// plainMost is the number of entries without a state that may follow one with a state.
const plainMost = 256

// batch is the number of entries that are read from the Store at once.
const batch = 256

// stream is a stream as its newest entry describes it.
type stream struct {
	state
	last enumerator.Position // of the newest entry
	time time.Time           // of the newest entry
}

// find returns the stream, or nil if this Store knows of no such stream.
func (h *handler) find(ctx context.Context, name string) (*stream, error) {
	s, err := h.newest(ctx, name)
	if s == nil || err != nil {
		return nil, err
	}
	expired, err := h.isExpired(ctx, name, s)
	if err != nil || !expired {
		return s, err
	}
	_, err = h.store.Append(ctx, name, topics.Record{Kind: topics.Deleted, Conditional: true, Last: s.last})
	if errors.Is(err, topics.ErrConflict) {
		err = nil // another request has deleted the stream, or has just written to it
	}
	return nil, err
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
		s := &stream{last: end.Position, time: end.Time}
		for i := len(entries) - 1; i >= 0; i-- {
			if _, text := split(entries[i].Data); text != nil {
				if err := json.Unmarshal(text, &s.state); err != nil {
					return nil, err
				}
				s.Closed = s.Closed || end.Kind == topics.Ended
				return s, nil
			}
		}
		if n == plainMost || len(entries) < n {
			s.state = state{Type: jsonType, Closed: end.Kind == topics.Ended}
			return s, nil
		}
	}
	panic("unreachable")
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

// update appends an entry to the stream. next returns the state after the entry, and the data of the entry. next gets
// nil if there is no stream. It is called again if another request has written to the stream meanwhile. update returns
// the error of next.
func (h *handler) update(ctx context.Context, name string, next func(*stream) (state, []byte, error)) (enumerator.Position, error) {
	turn := h.turns[maphash.String(h.seed, name)%uint64(len(h.turns))]
	select {
	case turn <- struct{}{}:
	case <-ctx.Done():
		return enumerator.Position{}, context.Cause(ctx)
	}
	defer func() { <-turn }()
	for synced := false; ; synced = true {
		if synced {
			if err := h.sync(ctx, name); err != nil {
				return enumerator.Position{}, err
			}
		}
		s, err := h.find(ctx, name)
		if err != nil {
			return enumerator.Position{}, err
		}
		var last enumerator.Position
		if s != nil {
			last = s.last
		}
		state, data, err := next(s)
		if err != nil {
			if synced {
				return last, err
			}
			continue
		}
		p, err := h.topics.PublishAfter(ctx, name, "", last, encode(state, data))
		if !errors.Is(err, topics.ErrConflict) || ctx.Err() != nil {
			return p, err
		}
	}
}

// slack divides a TTL into parts. A read is not noted within one part after the last append or the last noted read. So
// a stream can live longer by one part.
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
