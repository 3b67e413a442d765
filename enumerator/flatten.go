package enumerator

import (
	"context"
	"fmt"

	"github.com/halley-go/halley/iteratee"
)

// FlatMapConcurrent is [FlatMap] with up to limit of the sources side by side: it returns the
// Enumerator of the elements of f of each element of e, as they come, in the order of each source
// and in any order of the sources. While limit of them run, no element is asked of e, so 1 is
// FlatMap. It runs out when e and all of them have. A failure of e or of a source stops the others
// and ends the run at once. While limit sources run, e is not asked, and so cannot fail: its failure
// is heard when one of them has run out. FlatMapConcurrent panics if limit is not positive;
// math.MaxInt is no limit.
//
// It runs e and each source in a goroutine of its own, and the consumer in that of the run; how
// they end is as with [Interleave]. f is called in the goroutine of e, which goes on when it has
// returned; a source that is slow to make is best wrapped in [Defer].
//
// It is the flatMap of ReactiveX, which calls the limit maxConcurrent, and there hears a failure of e
// at once, since e is never held up. EOF of one of the sources
// ends that one alone.
func FlatMapConcurrent[From, To any](limit int, e Enumerator[From], f func(From) Enumerator[To]) Enumerator[To] {
	if limit <= 0 {
		panic(fmt.Sprintf("enumerator: FlatMapConcurrent: limit must be positive, got %d", limit))
	}
	return merged("FlatMapConcurrent", func(m *merge[To]) {
		places := make(chan struct{}, limit)
		places <- struct{}{} // an element is asked of e only if there is a place for its source
		m.start(m.ctx, driving[To](e, func(ctx context.Context, x From) error {
			m.start(m.ctx, f(x), func() { <-places })
			select {
			case places <- struct{}{}:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}), nil)
	})
}

// SwitchMap returns the Enumerator of the elements of f of the latest element of e: each element
// stops the source of the one before, and the next source starts when that has returned. It runs
// out when e and the last source have. A failure of either ends the run; that a source says it
// was stopped is none, anything else that it fails with is.
//
// It runs e and the source in a goroutine of their own, and the consumer in that of the run; how
// they end is as with [Interleave]. f is called in the goroutine of the source, once the one
// before has returned, and not for an element that is not the latest any more by then. e is asked
// for the next element when all sources but the latest have returned.
//
// It is the switchMap of ReactiveX. EOF of a source ends that one alone.
func SwitchMap[From, To any](e Enumerator[From], f func(From) Enumerator[To]) Enumerator[To] {
	return merged("SwitchMap", func(m *merge[To]) {
		latest := newLatest(m)
		m.start(m.ctx, driving[To](e, func(_ context.Context, x From) error {
			<-latest.start(Defer(func(context.Context) (Enumerator[To], error) { return f(x), nil }))
			return nil
		}), nil)
	})
}

// driving is e as a source that gives nothing, but calls each with each of its elements.
func driving[To, From any](e Enumerator[From], each func(context.Context, From) error) Enumerator[To] {
	return New(func(ctx context.Context, _ iteratee.Sink[To]) iteratee.Step {
		return e.Into(ctx, iteratee.ForEach(each).Start(ctx).Sink)
	})
}

// latest is the one source of a merge that runs in place of all before it.
type latest[E any] struct {
	m    *merge[E]
	stop context.CancelCauseFunc
	over chan struct{} // closed when it has returned, and all before it
}

func newLatest[E any](m *merge[E]) *latest[E] {
	over := make(chan struct{})
	close(over)
	return &latest[E]{m, func(error) {}, over}
}

// start stops the source before, of which no element reaches the consumer any more then, and
// starts e when that has returned, which is when the channel is closed.
func (l *latest[E]) start(e Enumerator[E]) (before <-chan struct{}) {
	l.stop(errOver)
	before, over := l.over, make(chan struct{})
	ctx, stop := context.WithCancelCause(l.m.ctx)
	l.stop, l.over = stop, over
	l.m.start(ctx, New(func(ctx context.Context, sink iteratee.Sink[E]) iteratee.Step {
		<-before
		return e.Into(ctx, sink)
	}), func() {
		<-before // it may have been stopped before it waited for that
		close(over)
	})
	return before
}
