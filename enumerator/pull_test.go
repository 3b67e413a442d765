package enumerator_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

// leaving returns a consumer that consumes n elements and leaves the last of them over.
func leaving(n int) iteratee.Iteratee[int, []int] {
	return iteratee.FlatMap(iteratee.TakeUpTo[int](n), func(es []int) iteratee.Iteratee[int, []int] {
		last := iteratee.Empty[int]()
		if len(es) > 0 {
			last = iteratee.El(es[len(es)-1])
		}
		return iteratee.Done(es, last)
	})
}

func TestRunPartial(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	for n := range 6 {
		for name, consumer := range map[string]iteratee.Iteratee[int, []int]{
			"exactly":            iteratee.TakeUpTo[int](n),
			"with a rest":        leaving(n),
			"behind a chain":     enumeratee.Transform(enumeratee.PassAlong[int](), leaving(n)),
			"done by an adapter": enumeratee.Transform(enumeratee.Take[int](n), iteratee.Collect[int]()),
		} {
			source := &probe.Source{N: 4}
			got, rest, stop, err := enumerator.RunPartial(t.Context(), source.Enumerator(), consumer)
			require.NoError(t, err)
			assert.Len(t, got, min(n, 4), name)
			assert.EqualValues(t, min(n, 4), source.Pulls.Load(), "the source is not ahead")
			want := len(got)
			if len(got) > 0 && (name == "with a rest" || name == "behind a chain") {
				want--
			}
			for _, e := range collect(t, rest) {
				want++
				assert.Equal(t, want, e, name)
			}
			assert.Equal(t, 4, want, name)
			assert.EqualValues(t, 1, source.Closes.Load())

			_, err = seen(t.Context(), rest, 0)
			assert.EqualError(t, err, "enumerator: RunPartial: the rest can be run only once")
			stop()
			stop()
		}
	}
}

func TestRunPartialWithoutItsRest(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	for n := range 4 {
		source := &probe.Source{N: -1}
		_, rest, stop, err := enumerator.RunPartial(t.Context(), source.Enumerator(), leaving(n))
		require.NoError(t, err)
		assert.Zero(t, source.Closes.Load(), "the source waits")
		stop()
		assert.Equal(t, source.Starts.Load(), source.Closes.Load(), "the source is closed when stop has returned")
		got, err := seen(t.Context(), rest, 0)
		assert.Error(t, err)
		assert.Empty(t, got)
	}
}

func TestRunPartialThatFails(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	cancelled, cancel := context.WithCancelCause(t.Context())
	cancel(errBoom)
	for name, c := range map[string]struct {
		ctx      context.Context
		e        func(source) source
		consumer iteratee.Iteratee[int, none]
	}{
		"the source":   {t.Context(), func(e source) source { return e.AndThen(failing()) }, iteratee.Ignore[int]()},
		"the consumer": {t.Context(), func(e source) source { return e.AndThen(silent()) }, failsWith(errBoom)},
		"the result": {t.Context(), func(e source) source { return e.AndThen(silent()) },
			iteratee.MapM(iteratee.Head[int](), func(context.Context, *int) (none, error) { return none{}, errBoom })},
		"at once":     {t.Context(), func(e source) source { return e }, iteratee.Error[int, none](errBoom, iteratee.Empty[int]())},
		"the context": {cancelled, func(e source) source { return e }, iteratee.Ignore[int]()},
	} {
		source := &probe.Source{N: 3}
		_, rest, stop, err := enumerator.RunPartial(c.ctx, c.e(source.Enumerator()), c.consumer)
		assert.ErrorIs(t, err, errBoom, name)
		assert.Equal(t, source.Starts.Load(), source.Closes.Load(), name)
		assert.Nil(t, collect(t, rest), name)
		stop()
	}
	source := &probe.Source{N: 3}
	assert.PanicsWithValue(t, "boom", func() {
		_, _, _, _ = enumerator.RunPartial(t.Context(), source.Enumerator(), iteratee.Fold(0, func(int, int) int { panic("boom") }))
	})
	assert.EqualValues(t, 1, source.Closes.Load())
	assert.PanicsWithValue(t, "boom", func() {
		_, _, _, _ = enumerator.RunPartial(t.Context(), enumerator.Repeat(func() int { panic("boom") }), sumUp)
	})
}

// The rest of a stream that begins with 1 ends in every possible way.
func TestRunPartialAndTheEndOfTheRest(t *testing.T) {
	ctxEnd := errors.New("the context has ended")
	for name, c := range map[string]struct {
		e        source
		consumer iteratee.Iteratee[int, int]
		want     error
		panics   bool
		cancels  string
	}{
		"the consumer is done":               {e: silent(), consumer: iteratee.Done(0, iteratee.Empty[int]())},
		"an adapter stops":                   {e: enumerator.Of(2).AndThen(silent()), consumer: enumeratee.Transform(enumeratee.Take[int](1), sumUp)},
		"the consumer fails":                 {e: enumerator.Of(2).AndThen(silent()), consumer: iteratee.Map(failsWith(errBoom), func(none) int { return 0 }), want: errBoom},
		"the source fails":                   {e: failing(), consumer: sumUp, want: errBoom},
		"the source fails later":             {e: after(time.Second, failing()), consumer: sumUp, want: errBoom},
		"the consumer panics":                {e: enumerator.Of(2), consumer: iteratee.Fold(0, func(int, int) int { panic("boom") }), panics: true},
		"the source panics":                  {e: enumerator.Repeat(func() int { panic("boom") }), consumer: sumUp, panics: true},
		"the context of the rest ends":       {e: silent(), consumer: sumUp, want: ctxEnd, cancels: "rest"},
		"it ends while the consumer is busy": {e: probe.Naturals(), consumer: iteratee.Fold(0, func(int, int) int { time.Sleep(time.Second); return 0 }), want: ctxEnd, cancels: "rest"},
		"the context of RunPartial ends":     {e: silent(), consumer: sumUp, want: ctxEnd, cancels: "first"},
		"stop is called":                     {e: silent(), consumer: sumUp, want: context.Canceled, cancels: "stop"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first, cancelFirst := context.WithCancelCause(t.Context())
				second, cancelSecond := context.WithCancelCause(t.Context())
				closed := false
				e := enumerator.OnDoneEnumerating(enumerator.Of(1).AndThen(c.e), func() error { closed = true; return nil })
				head, rest, stop, err := enumerator.RunPartial(first, e, iteratee.Head[int]())
				require.NoError(t, err)
				assert.Equal(t, 1, *head)
				time.AfterFunc(time.Minute, func() {
					switch c.cancels {
					case "first":
						cancelFirst(ctxEnd)
					case "rest":
						cancelSecond(ctxEnd)
					case "stop":
						stop()
					}
				})
				panicked := recovered(func() { _, err = enumerator.Run(second, rest, c.consumer) })
				assert.Equal(t, map[bool]any{true: "boom"}[c.panics], panicked)
				switch {
				case c.cancels == "stop":
					assert.ErrorContains(t, err, "no longer needed")
				default:
					assert.ErrorIs(t, err, c.want)
				}
				if name == "the consumer is done" { // so the rest was not started
					stop()
				}
				assert.True(t, closed)
			})
		})
	}
}
