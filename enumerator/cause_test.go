package enumerator_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

// waits waits for the end of ctx and returns ctx.Err(), as most functions do, without the cause.
func waits(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func waitsWrapped(ctx context.Context) error { return fmt.Errorf("dial: %w", waits(ctx)) }

type contextReader struct{ ctx context.Context }

func (r contextReader) Read([]byte) (int, error) { return 0, waits(r.ctx) }

// A function that returns ctx.Err() does not hide the cause of its context, wherever it is called.
func TestTheCauseIsNotLost(t *testing.T) {
	type run = func(ctx context.Context, wait func(context.Context) error) error
	source := func(make func(wait func(context.Context) error) enumerator.Enumerator[int]) run {
		return func(ctx context.Context, wait func(context.Context) error) error {
			_, err := enumerator.Run(ctx, make(wait), iteratee.Ignore[int]())
			return err
		}
	}
	adapter := func(make func(wait func(context.Context) error) enumeratee.Enumeratee[int, int]) run {
		return func(ctx context.Context, wait func(context.Context) error) error {
			_, err := enumerator.Run(ctx, enumerator.Through(probe.Naturals(), make(wait)), iteratee.Ignore[int]())
			return err
		}
	}
	consumer := func(make func(wait func(context.Context) error) iteratee.Iteratee[int, int]) run {
		return func(ctx context.Context, wait func(context.Context) error) error {
			_, err := enumerator.Run(ctx, enumerator.Of(1, 2), make(wait))
			return err
		}
	}
	generate := func(wait func(context.Context) error) enumerator.Enumerator[int] {
		return enumerator.Generate(func(ctx context.Context) (int, bool, error) { return 0, false, wait(ctx) })
	}
	mapM := func(wait func(context.Context) error) enumeratee.Enumeratee[int, int] {
		return enumeratee.MapM(func(ctx context.Context, e int) (int, error) { return e, wait(ctx) })
	}
	foldM := func(wait func(context.Context) error) iteratee.Iteratee[int, int] {
		return iteratee.FoldM(0, func(ctx context.Context, a, _ int) (int, error) { return a, wait(ctx) })
	}
	bytes := func(e enumerator.Enumerator[[]byte]) enumerator.Enumerator[int] {
		return enumerator.Map(e, func(chunk []byte) int { return len(chunk) })
	}
	for name, run := range map[string]run{
		"Generate": source(generate),
		"UnfoldM": source(func(wait func(context.Context) error) enumerator.Enumerator[int] {
			return enumerator.UnfoldM(0, func(ctx context.Context, s int) (int, int, bool, error) { return s, s, true, wait(ctx) })
		}),
		"RepeatM": source(func(wait func(context.Context) error) enumerator.Enumerator[int] {
			return enumerator.RepeatM(func(ctx context.Context) (int, error) { return 0, wait(ctx) })
		}),
		"FromCallback": source(func(wait func(context.Context) error) enumerator.Enumerator[int] {
			return enumerator.FromCallback(func(ctx context.Context, _ bool) (int, bool, error) { return 0, true, wait(ctx) }, nil, nil)
		}),
		"Defer": source(func(wait func(context.Context) error) enumerator.Enumerator[int] {
			return enumerator.Defer(func(ctx context.Context) (enumerator.Enumerator[int], error) {
				return enumerator.Enumerator[int]{}, wait(ctx)
			})
		}),
		"FromSeq2": source(func(wait func(context.Context) error) enumerator.Enumerator[int] {
			return enumerator.Defer(func(ctx context.Context) (enumerator.Enumerator[int], error) {
				return enumerator.FromSeq2(iter.Seq2[int, error](func(yield func(int, error) bool) { yield(0, wait(ctx)) })), nil
			})
		}),
		"FromWriter": source(func(wait func(context.Context) error) enumerator.Enumerator[int] {
			return enumerator.Defer(func(ctx context.Context) (enumerator.Enumerator[int], error) {
				return bytes(enumerator.FromWriter(func(io.Writer) error { return wait(ctx) })), nil
			})
		}),
		"FromReadCloser whose open fails": source(func(wait func(context.Context) error) enumerator.Enumerator[int] {
			return bytes(enumerator.FromReadCloser(func(ctx context.Context) (io.ReadCloser, error) { return nil, wait(ctx) }, 10))
		}),
		"FromReader": func(ctx context.Context, _ func(context.Context) error) error {
			_, err := enumerator.Run(ctx, enumerator.FromReader(contextReader{ctx}, 10), iteratee.Ignore[[]byte]())
			return err
		},
		"New": source(func(wait func(context.Context) error) enumerator.Enumerator[int] {
			return enumerator.New(func(ctx context.Context, _ iteratee.Sink[int]) iteratee.Step { return iteratee.StepError(wait(ctx)) })
		}),
		"AndThen": source(func(wait func(context.Context) error) enumerator.Enumerator[int] {
			return enumerator.Of(1).AndThen(generate(wait))
		}),
		"OnDoneEnumerating": source(func(wait func(context.Context) error) enumerator.Enumerator[int] {
			return enumerator.OnDoneEnumerating(generate(wait), func() error { return nil })
		}),
		"Interleave": source(func(wait func(context.Context) error) enumerator.Enumerator[int] {
			return enumerator.Interleave(generate(wait), generate(wait), enumerator.Of(1))
		}),
		"FlatMap": source(func(wait func(context.Context) error) enumerator.Enumerator[int] {
			return enumerator.FlatMap(enumerator.Of(1), func(int) enumerator.Enumerator[int] { return generate(wait) })
		}),
		"FlatMapConcurrent": source(func(wait func(context.Context) error) enumerator.Enumerator[int] {
			return enumerator.FlatMapConcurrent(enumerator.Of(1, 2, 3), 2, func(int) enumerator.Enumerator[int] { return generate(wait) })
		}),
		"SwitchMap": source(func(wait func(context.Context) error) enumerator.Enumerator[int] {
			return enumerator.SwitchMap(enumerator.Of(1, 2), func(int) enumerator.Enumerator[int] { return generate(wait) })
		}),
		"Catch": source(func(wait func(context.Context) error) enumerator.Enumerator[int] {
			return enumerator.Catch(generate(wait), func(err error) enumerator.Enumerator[int] { return enumerator.Of(1) })
		}),
		"Retry": source(func(wait func(context.Context) error) enumerator.Enumerator[int] {
			return enumerator.Retry(generate(wait), 1)
		}),
		"Zip of sources": source(func(wait func(context.Context) error) enumerator.Enumerator[int] {
			return enumerator.ZipWith(enumerator.Of(1), generate(wait), func(a, _ int) int { return a })
		}),
		"TakeUntil": source(func(wait func(context.Context) error) enumerator.Enumerator[int] {
			return enumerator.TakeUntil(enumerator.Never[int](), generate(wait))
		}),
		"Race": source(func(wait func(context.Context) error) enumerator.Enumerator[int] {
			return enumerator.Race(generate(wait), generate(wait))
		}),
		"DebounceBy": source(func(wait func(context.Context) error) enumerator.Enumerator[int] {
			return enumerator.DebounceBy(enumerator.Of(1).AndThen(generate(wait)), func(int) enumerator.Enumerator[int] { return generate(wait) })
		}),
		"behind Buffer": source(func(wait func(context.Context) error) enumerator.Enumerator[int] {
			return enumerator.Through(generate(wait), enumeratee.Buffer[int](2))
		}),
		"behind Timeout": source(func(wait func(context.Context) error) enumerator.Enumerator[int] {
			return enumerator.Through(generate(wait), enumeratee.Timeout[int](time.Hour))
		}),
		"MapM": adapter(mapM),
		"MapInputM": adapter(func(wait func(context.Context) error) enumeratee.Enumeratee[int, int] {
			return enumeratee.MapInputM(func(ctx context.Context, in iteratee.Input[int]) (iteratee.Input[int], error) { return in, wait(ctx) })
		}),
		"Defer of an adapter": adapter(func(wait func(context.Context) error) enumeratee.Enumeratee[int, int] {
			return enumeratee.Defer(func(ctx context.Context) (enumeratee.Enumeratee[int, int], error) {
				return enumeratee.PassAlong[int](), wait(ctx)
			})
		}),
		"MapM behind Buffer": adapter(func(wait func(context.Context) error) enumeratee.Enumeratee[int, int] {
			return enumeratee.Compose(enumeratee.Buffer[int](2), mapM(wait))
		}),
		"MapConcurrent": adapter(func(wait func(context.Context) error) enumeratee.Enumeratee[int, int] {
			return enumeratee.MapConcurrent(2, func(ctx context.Context, e int) (int, error) { return e, wait(ctx) })
		}),
		"Async": adapter(func(wait func(context.Context) error) enumeratee.Enumeratee[int, int] {
			return enumeratee.Async(func(ctx context.Context, _ <-chan int, _ iteratee.Outlet[int]) iteratee.Step {
				return iteratee.StepError(wait(ctx))
			})
		}),
		"Grouped": adapter(func(wait func(context.Context) error) enumeratee.Enumeratee[int, int] {
			return enumeratee.Grouped(foldM(wait))
		}),
		"Recover": adapter(func(wait func(context.Context) error) enumeratee.Enumeratee[int, int] {
			return enumeratee.Recover(mapM(wait), func(context.Context, error, iteratee.Input[int]) error { return nil })
		}),
		"FoldM": consumer(foldM),
		"ForEach": consumer(func(wait func(context.Context) error) iteratee.Iteratee[int, int] {
			return iteratee.Map(iteratee.ForEach(func(ctx context.Context, _ int) error { return wait(ctx) }), func(struct{}) int { return 0 })
		}),
		"MapM of a result": consumer(func(wait func(context.Context) error) iteratee.Iteratee[int, int] {
			return iteratee.MapM(iteratee.Ignore[int](), func(ctx context.Context, _ struct{}) (int, error) { return 0, wait(ctx) })
		}),
		"FlatMap of an iteratee": consumer(func(wait func(context.Context) error) iteratee.Iteratee[int, int] {
			return iteratee.FlatMap(iteratee.Head[int](), func(*int) iteratee.Iteratee[int, int] { return foldM(wait) })
		}),
		"RecoverWith": consumer(func(wait func(context.Context) error) iteratee.Iteratee[int, int] {
			return iteratee.RecoverWith(foldM(wait), func(error) iteratee.Iteratee[int, int] { return iteratee.Done(0, iteratee.Empty[int]()) })
		}),
		"Transform": consumer(func(wait func(context.Context) error) iteratee.Iteratee[int, int] {
			return enumeratee.Transform(enumeratee.Buffer[int](1), foldM(wait))
		}),
		"Zip": consumer(func(wait func(context.Context) error) iteratee.Iteratee[int, int] {
			return iteratee.ZipWith(foldM(wait), iteratee.Ignore[int](), func(a int, _ struct{}) int { return a })
		}),
		"All": func(ctx context.Context, wait func(context.Context) error) (last error) {
			for _, err := range enumerator.All(ctx, generate(wait)) {
				last = err
			}
			return last
		},
		"Apply": func(ctx context.Context, wait func(context.Context) error) error {
			_, err := enumerator.Run(context.WithoutCancel(ctx), enumerator.Empty[int](), enumerator.Apply(ctx, generate(wait), iteratee.Ignore[int]()))
			return err
		},
		"RunPartial of a source": func(ctx context.Context, wait func(context.Context) error) error {
			_, _, stop, err := enumerator.RunPartial(ctx, generate(wait), iteratee.Ignore[int]())
			stop()
			return err
		},
		"RunPartial of a consumer": func(ctx context.Context, wait func(context.Context) error) error {
			_, _, stop, err := enumerator.RunPartial(ctx, enumerator.Of(1), foldM(wait))
			stop()
			return err
		},
	} {
		for how, wait := range map[string]func(context.Context) error{"plain": waits, "wrapped": waitsWrapped} {
			t.Run(name+"/"+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					cancelled, cancel := context.WithCancelCause(t.Context())
					time.AfterFunc(time.Second, func() { cancel(errBoom) })
					assert.ErrorIs(t, run(cancelled, wait), errBoom, "cancelled")

					late, cancelLate := context.WithTimeoutCause(t.Context(), time.Second, errBoom)
					defer cancelLate()
					assert.ErrorIs(t, run(late, wait), errBoom, "after a deadline")
				})
			})
		}
	}
}

func TestAFailureBesideTheCauseIsNotLost(t *testing.T) {
	errClose := errors.New("close")
	ctx, cancel := context.WithCancelCause(t.Context())
	source := enumerator.Generate(func(ctx context.Context) (int, bool, error) {
		cancel(errBoom)
		return 0, false, errors.Join(waits(ctx), errClose)
	})
	_, err := enumerator.Run(ctx, source, iteratee.Ignore[int]())
	assert.ErrorIs(t, err, errBoom)
	assert.ErrorIs(t, err, errClose)
}
