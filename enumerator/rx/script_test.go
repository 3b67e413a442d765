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

// A script describes a source and counts its runs. The source gives es, repeatedly if it is endless,
// then fails with err unless that is nil.
type script struct {
	es      []any
	endless bool
	err     error
	starts  atomic.Int64 // the number of runs that have begun
	open    atomic.Int64 // the number of runs that have not ended
}

// play calls send with each element. It waits before each, and before it ends.
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
	if wait == 0 {
		return context.Cause(ctx)
	}
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

// observable returns the source as a cold Observable of RxGo itself.
func (s *script) observable(ctx context.Context, wait time.Duration) rxgo.Observable {
	return rxgo.Defer([]rxgo.Producer{func(ctx context.Context, next chan<- rxgo.Item) {
		err := s.play(ctx, wait, func(e any) bool { return rxgo.Of(e).SendContext(ctx, next) })
		if err != nil {
			rxgo.Error(err).SendContext(ctx, next)
		}
	}}, rxgo.WithContext(ctx))
}

// scripts holds sources that end in each way.
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

// For each source, a chain gives the same items and the same error as under RxGo alone, and runs the
// source as often.
func TestEveryOperatorTreatsAnySourceAsUnderRxGo(t *testing.T) {
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
					if wait > 0 { // otherwise the run may end before the source is observed for the last time
						require.Equal(t, runs*reference.starts.Load(), source.starts.Load(), name)
					}
					require.LessOrEqual(t, source.starts.Load(), runs*reference.starts.Load(), name)
					require.Zero(t, source.open.Load(), name)
				}
			})
		})
	}
}

// impossible returns the reason why RxGo alone has no result, or "".
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
