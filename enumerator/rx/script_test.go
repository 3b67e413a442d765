package rx_test

import (
	"context"
	"path"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reactivex/rxgo/v2"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// A script is what a source does. It gives es, over and over if it is endless, and then fails
// with err, unless that is nil. It counts its runs.
type script struct {
	es      []any
	endless bool
	err     error
	starts  atomic.Int64 // how many runs have begun
	open    atomic.Int64 // how many runs go on
}

// play calls send with each element, after wait, and once more before it ends.
func (s *script) play(ctx context.Context, wait time.Duration, send func(any) bool) error {
	s.starts.Add(1)
	s.open.Add(1)
	defer s.open.Add(-1)
	for again := true; again; again = s.endless {
		for _, e := range s.es {
			if err := pause(ctx, wait); err != nil {
				return err
			}
			if !send(e) {
				return nil
			}
		}
	}
	if err := pause(ctx, wait); err != nil {
		return err
	}
	return s.err
}

func pause(ctx context.Context, wait time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(wait):
		return nil
	}
}

func (s *script) enumerator(wait time.Duration) enumerator.Enumerator[any] {
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[any]) (last iteratee.Step) {
		err := s.play(ctx, wait, func(e any) bool {
			last = sink.Next(e)
			return last.IsCont()
		})
		if err != nil {
			return iteratee.StepError(err)
		}
		return last
	})
}

// observable is the same for RxGo alone: a cold Observable that is none of ours.
func (s *script) observable(ctx context.Context, wait time.Duration) rxgo.Observable {
	return rxgo.Defer([]rxgo.Producer{func(ctx context.Context, next chan<- rxgo.Item) {
		err := s.play(ctx, wait, func(e any) bool { return rxgo.Of(e).SendContext(ctx, next) })
		if err != nil {
			rxgo.Error(err).SendContext(ctx, next)
		}
	}}, rxgo.WithContext(ctx))
}

// scripts are sources that end in each way, by name.
var scripts = map[string]func() *script{
	"empty":                  func() *script { return &script{} },
	"one":                    func() *script { return &script{es: in[:1]} },
	"all":                    func() *script { return &script{es: in} },
	"endless":                func() *script { return &script{es: in, endless: true} },
	"fails at once":          func() *script { return &script{err: errBoom} },
	"fails after an element": func() *script { return &script{es: in[:1], err: errBoom} },
	"fails in the middle":    func() *script { return &script{es: in[:3], err: errBoom} },
	"fails at its end":       func() *script { return &script{es: in, err: errBoom} },
}

// Whatever the source does, a chain gives the items and the error that it gives under RxGo alone,
// and runs the source as often.
func TestEveryOperatorSeesOfAnySourceWhatItSeesUnderRxGo(t *testing.T) {
	for _, wait := range []time.Duration{0, time.Second} {
		t.Run(wait.String(), func(t *testing.T) {
			forEachChain(t, func(t *testing.T, c chain) {
				op := path.Base(t.Name())
				for name, script := range scripts {
					if impossible(op, name, wait) != "" {
						continue
					}
					c := c
					if name == "endless" {
						whole := c
						c = func(o observable, opts ...option) iterable { return whole(o.Take(6, opts...), opts...) }
					}
					reference, source := script(), script()
					want, wantErr := alone(reference, wait, c)
					synctest.Wait()
					const runs = 10
					for range runs {
						got, err := seen(t.Context(), lift(source.enumerator(wait), c), all)
						require.Equal(t, want, got, name)
						require.Equal(t, wantErr, err, name)
					}
					if wait > 0 { // or else the run can be over when the source is observed for the last time
						require.Equal(t, runs*reference.starts.Load(), source.starts.Load(), name)
					}
					require.LessOrEqual(t, source.starts.Load(), runs*reference.starts.Load(), name)
					require.Zero(t, source.open.Load(), name)
				}
			})
		})
	}
}

// impossible says why RxGo alone gives no answer, if so.
func impossible(op, source string, wait time.Duration) string {
	switch op {
	case "BufferWithTimeOrCount0", "BufferWithTimeOrCount1":
		if wait == 0 {
			return "it misses the count if items come fast"
		}
	case "Map2", "OnErrorReturnItem2", "Retry6":
		if source == "endless" {
			return "Take does not stop under ContinueOnError"
		}
	case "Repeat1":
		if source == "empty" || source == "fails at once" {
			return "it repeats nothing, without end"
		}
	case "SequenceEqual0", "SequenceEqual1":
		return "it spins from the end of the shorter one to that of the longer one, which stops the clock"
	}
	return ""
}
