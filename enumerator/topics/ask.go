package topics

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/halley-go/halley/enumerator"
)

// patience is the time limit of one call of the store. The pauses between calls grow from shortest to longest.
const (
	patience = 5 * time.Second
	shortest = 100 * time.Millisecond
	longest  = 2 * time.Second
)

// errForgotten is the error of a publish that was in doubt until the store was about to forget its key.
var errForgotten = fmt.Errorf("%w; the store did not answer for too long", ErrUnknown)

func isFinal(err error) bool {
	for _, e := range []error{ErrName, ErrConflict, ErrEnded, ErrTooLarge, ErrClosed, errForgotten} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// ask calls f until it succeeds or fails for good, or ctx ends, or t is closed.
func (t *Topics[E]) ask(ctx context.Context, f func(context.Context) error) error {
	for pause := shortest; ; pause = min(2*pause, longest) {
		err := t.try(ctx, f)
		if err == nil || isFinal(err) {
			return err
		}
		if end := t.sleep(ctx, pause); end != nil {
			if errors.Is(err, end) {
				return err
			}
			return fmt.Errorf("%w; the last error of the store: %w", end, err)
		}
	}
}

func (t *Topics[E]) try(ctx context.Context, f func(context.Context) error) error {
	if t.open.Err() != nil {
		return ErrClosed
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	defer context.AfterFunc(t.open, cancel)()
	return f(ctx)
}

// sleep waits for half of d to all of it.
func (t *Topics[E]) sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d/2 + rand.N(d/2))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-t.open.Done():
		return ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// read reads a batch from the store for a run.
func (t *Topics[E]) read(ctx context.Context, name string, place Place) (entries []Entry, ok bool, err error) {
	err = t.ask(ctx, func(ctx context.Context) (err error) {
		entries, ok, err = t.store.Read(ctx, name, place, batch)
		return err
	})
	t.counts.fills.Add(1)
	t.counts.filled.Add(uint64(len(entries)))
	return entries, ok, err
}

// last asks the store for the last Position of a topic.
func (t *Topics[E]) last(ctx context.Context, name string) (p enumerator.Position, err error) {
	err = t.ask(ctx, func(ctx context.Context) error {
		last, stop, err := t.store.Watch(ctx, name, func(Entry) {}, func(error) {})
		if err == nil {
			p = last
			stop()
		}
		return err
	})
	return p, err
}
