package enumerator

import (
	"context"
	"fmt"
	"sync"

	"github.com/halley-go/halley/iteratee"
)

// FlatMapConcurrent is [FlatMap] with up to limit of the sources side by side: it returns the
// Enumerator of the elements of f of each element of source, as they come. They are in the order of
// each source that f has returned, and in any order of those. While limit of them run, no element is
// asked of source, so a limit of 1 is FlatMap. FlatMapConcurrent runs out when source and all of them
// have. A failure of one of them stops the others and ends the run at once, and so does a failure of
// source; but while limit of them run, source is not asked and cannot fail. FlatMapConcurrent panics
// if limit is not positive; math.MaxInt is no limit.
//
// It runs source, and each source that f returns, in a goroutine of its own, and the consumer in that
// of the run; they end as with [Interleave]. f is called in the goroutine of source, which goes on when
// f has returned; a source that is slow to make is best wrapped in [Defer]. EOF of one of the sources
// ends that one alone.
//
// ReactiveX: flatMap. It calls the limit maxConcurrent and hears a failure of source at once, since it
// never holds source up.
func FlatMapConcurrent[From, To any](source Enumerator[From], limit int, f func(From) Enumerator[To]) Enumerator[To] {
	if limit <= 0 {
		panic(fmt.Sprintf("enumerator: FlatMapConcurrent: limit must be positive, got %d", limit))
	}
	return merged("FlatMapConcurrent", func(m *merge[To]) {
		places := make(chan struct{}, limit)
		places <- struct{}{} // an element is asked of source only if there is a place for its source
		m.start(m.ctx, driving[To](source, func(ctx context.Context, x From) error {
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

	mu   sync.Mutex
	next *waiting[E] // nil if it has begun
}

// waiting is a source that waits for the one before to return.
type waiting[E any] struct {
	e      Enumerator[E]
	before <-chan struct{}
}

func newLatest[E any](m *merge[E]) *latest[E] {
	over := make(chan struct{})
	close(over)
	return &latest[E]{m: m, stop: func(error) {}, over: over}
}

// start stops the source before, of which no element reaches the consumer any more then, and
// starts e when that has returned, which is when the channel is closed. A source that has not
// begun by then gives its place to e, so that no more than one waits, however busy the consumer is.
func (l *latest[E]) start(e Enumerator[E]) (before <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.next != nil {
		l.next.e = e
		return l.next.before
	}
	l.stop(errOver)
	before, over := l.over, make(chan struct{})
	ctx, stop := context.WithCancelCause(l.m.ctx)
	l.stop, l.over, l.next = stop, over, &waiting[E]{e, before}
	l.m.start(ctx, New(func(ctx context.Context, sink iteratee.Sink[E]) iteratee.Step {
		<-before
		return l.begin().Into(ctx, sink)
	}), func() {
		<-before // it has not waited for that if the run was over
		close(over)
	})
	return before
}

// begin returns the source that has waited.
func (l *latest[E]) begin() Enumerator[E] {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.next.e
	l.next = nil
	return e
}
