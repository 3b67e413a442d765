package enumerator

import (
	"context"
	"sync"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/iteratee"
)

// FlatMap returns the Enumerator of the elements of f of each element of e, one source
// after the other. f is called, and its source started, when an element is wanted.
//
// It is Play's Enumerator.flatMap.
func FlatMap[From, To any](e Enumerator[From], f func(From) Enumerator[To]) Enumerator[To] {
	return Through(e, MapFlatten(f))
}

// MapFlatten returns the adapter that hands on the elements of f of each element, one
// source after the other. A failure of one ends the run. If the consumer ends, the source
// that runs is stopped; what the consumer leaves over is dropped.
//
// It is Play's Enumeratee.mapFlatten.
func MapFlatten[From, To any](f func(From) Enumerator[To]) enumeratee.Enumeratee[From, To] {
	return MapInputFlatten(func(in iteratee.Input[From]) Enumerator[To] {
		if e, ok := in.El(); ok {
			return f(e)
		}
		return Empty[To]()
	})
}

// MapInputFlatten is [MapFlatten] of a function that is called at the end too, with EOF.
// Where Play calls it with Empty as well, here it is not.
//
// It is Play's Enumeratee.mapInputFlatten, which fails if the last source does not send
// EOF; here it need not.
func MapInputFlatten[From, To any](f func(iteratee.Input[From]) Enumerator[To]) enumeratee.Enumeratee[From, To] {
	return enumeratee.New(func(stage enumeratee.Stage, inner iteratee.Sink[To]) (iteratee.Sink[From], iteratee.Step) {
		end := iteratee.StepCont
		run := func(in iteratee.Input[From]) {
			if end.IsCont() {
				end = f(in).Into(stage.Context(), inner)
			}
		}
		return iteratee.Sink[From]{
			Next: func(e From) iteratee.Step {
				run(iteratee.El(e))
				return end
			},
			EOF: func() iteratee.Step {
				run(iteratee.EOF[From]())
				if end.IsCont() {
					end = stage.Stop()
				}
				return end
			},
			Rest: iteratee.Empty[From],
		}, iteratee.StepCont
	})
}

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
	checkPositive("FlatMapConcurrent", "limit", limit)
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
