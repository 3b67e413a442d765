package enumerator

import (
	"context"
	"sync"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/internal/check"
	"github.com/halley-go/halley/internal/scope"
	"github.com/halley-go/halley/iteratee"
)

// FlatMap returns an Enumerator that calls f with each element of source and gives the elements of the
// sources that f returns, one source after the other. f is called, and the source that it returns is
// started, when an element is wanted. A failure of any source ends the run.
//
// Play calls it Enumerator.flatMap.
func FlatMap[From, To any](source Enumerator[From], f func(From) Enumerator[To]) Enumerator[To] {
	return Through(source, MapFlatten(f))
}

// MapFlatten returns an adapter that calls f with each element and hands on the elements of the sources
// that f returns, one source after the other. A failure of such a source ends the run. When the
// consumer is done, the running source is stopped. Elements that the consumer leaves over are dropped.
//
// Play calls it Enumeratee.mapFlatten.
func MapFlatten[From, To any](f func(From) Enumerator[To]) enumeratee.Enumeratee[From, To] {
	return MapInputFlatten(func(in iteratee.Input[From]) Enumerator[To] {
		if e, ok := in.El(); ok {
			return f(e)
		}
		return Empty[To]()
	})
}

// MapInputFlatten is [MapFlatten] with a function that is also called at the end, with EOF. It is never
// called with an empty Input.
//
// Play calls it Enumeratee.mapInputFlatten.
func MapInputFlatten[From, To any](f func(iteratee.Input[From]) Enumerator[To]) enumeratee.Enumeratee[From, To] {
	return enumeratee.New(func(stage enumeratee.Stage, out iteratee.Outlet[To]) (iteratee.Sink[From], iteratee.Step) {
		return &flattening[From, To]{stage: stage, inner: innerOf(stage, out), f: f}, iteratee.StepCont
	})
}

type flattening[From, To any] struct {
	stage enumeratee.Stage
	inner[To]
	f   func(iteratee.Input[From]) Enumerator[To]
	end iteratee.Step
}

func (f *flattening[From, To]) run(in iteratee.Input[From]) {
	if f.end.IsCont() {
		f.end = f.feed(f.f(in))
	}
}

func (f *flattening[From, To]) Next(e From) iteratee.Step {
	f.run(iteratee.El(e))
	return f.end
}

func (f *flattening[From, To]) EOF() iteratee.Step {
	if f.run(iteratee.EOF[From]()); f.end.IsCont() {
		f.end = f.stage.Stop()
	}
	return f.end
}

func (f *flattening[From, To]) Rest() iteratee.Input[From] { return iteratee.Empty[From]() }

// inner is the place of sources that an adapter has feed its consumer.
type inner[E any] struct {
	ctx      context.Context
	consumer iteratee.Sink[E]
}

func innerOf[E any](stage enumeratee.Stage, out iteratee.Outlet[E]) inner[E] {
	ctx, end := scope.Within(stage.Context())
	if end != nil {
		stage.AtEnd(end)
	}
	return inner[E]{ctx, enumeratee.Closable(out)}
}

// feed runs source, and returns the last answer of the consumer or the failure of source.
func (i inner[E]) feed(source Enumerator[E]) iteratee.Step {
	return scope.Interrupted(i.ctx, source.Into(i.ctx, i.consumer))
}

// FlatMapConcurrent is [FlatMap] with up to limit inner sources side by side. An inner source is a
// source that f returns. Elements are given as they come, and those of each inner source keep their
// order. FlatMapConcurrent runs out when source and all inner sources have run out. EOF of an inner
// source ends only that source. A failure of any source stops the others and ends the run at once.
//
// While limit inner sources run, source is not asked for an element, so its failure is noticed only
// when one of them has run out. With a limit of 1 this is FlatMap. math.MaxInt means no limit.
//
// source and each inner source run in a goroutine of their own, and the consumer in the goroutine of
// the run. They end like the sources of [Interleave]. f is called in the goroutine of source, which
// waits for f. If it takes long to make an inner source, f should return a [Defer]. FlatMapConcurrent
// panics if limit is not positive.
//
// ReactiveX calls it FlatMap, and the limit maxConcurrent.
func FlatMapConcurrent[From, To any](source Enumerator[From], limit int, f func(From) Enumerator[To]) Enumerator[To] {
	check.Positive("enumerator: FlatMapConcurrent: limit", limit)
	return merged("FlatMapConcurrent", func(m *merge[To]) {
		places := make(chan struct{}, limit)
		places <- struct{}{} // source is asked for an element only if there is a place for the next source
		m.start(m.ctx, driving[To](source, func(ctx context.Context, e From) error {
			m.start(m.ctx, f(e), func() { <-places })
			select {
			case places <- struct{}{}:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}), nil)
	})
}

// SwitchMap returns an Enumerator that calls f with each element of source and gives the elements of the
// latest inner source. An inner source is a source that f returns. Each element of source stops the
// previous inner source. The next inner source starts when the stopped one has returned. SwitchMap runs
// out when source and the last inner source have run out. EOF of an inner source ends only that source. A
// failure of any source ends the run. If a stopped inner source returns an error that means only that it
// was stopped, this is not a failure.
//
// source and the inner source each run in a goroutine of their own, and the consumer in the goroutine
// of the run. They end like the sources of [Interleave]. f is called in the goroutine of the inner
// source, once the inner source before has returned. f is not called for an element that is no longer
// the latest by then. source is asked for the next element when all inner sources but the latest have
// returned.
//
// ReactiveX calls it SwitchMap.
func SwitchMap[From, To any](source Enumerator[From], f func(From) Enumerator[To]) Enumerator[To] {
	return merged("SwitchMap", func(m *merge[To]) {
		latest := newLatest(m)
		m.start(m.ctx, driving[To](source, func(_ context.Context, e From) error {
			<-latest.start(Defer(func(context.Context) (Enumerator[To], error) { return f(e), nil }))
			return nil
		}), nil)
	})
}

// driving returns a source without elements, which runs source and calls f with each of its elements.
func driving[To, From any](source Enumerator[From], f func(context.Context, From) error) Enumerator[To] {
	return New(func(ctx context.Context, _ iteratee.Sink[To]) iteratee.Step {
		consumer, _ := iteratee.ForEach(f).Start(ctx)
		return source.Into(ctx, consumer)
	})
}

// latest runs one source of a merge at a time. Each takes the place of the one before.
type latest[E any] struct {
	m    *merge[E]
	stop context.CancelCauseFunc
	over chan struct{} // closed when the latest source and all before it have returned

	mu   sync.Mutex
	next *waiting[E] // nil if the latest source has begun
}

// waiting is a source that starts when the one before has returned.
type waiting[E any] struct {
	source Enumerator[E]
	before <-chan struct{} // closed when the source before has returned
}

func newLatest[E any](m *merge[E]) *latest[E] {
	over := make(chan struct{})
	close(over)
	return &latest[E]{m: m, stop: func(error) {}, over: over}
}

// start stops the source before and starts source when that has returned. The channel that start
// returns is closed then. From now on no element of the source before reaches the consumer. A source
// that still waits is replaced by this one, so at most one waits, however busy the consumer is.
func (l *latest[E]) start(source Enumerator[E]) (before <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.next != nil {
		l.next.source = source
		return l.next.before
	}
	l.stop(errOver)
	before, over := l.over, make(chan struct{})
	ctx, stop := context.WithCancelCause(l.m.ctx)
	l.stop, l.over, l.next = stop, over, &waiting[E]{source, before}
	l.m.start(ctx, New(func(ctx context.Context, sink iteratee.Sink[E]) iteratee.Step {
		<-before
		return l.begin().Into(ctx, sink)
	}), func() {
		<-before // the source does not start, and so does not wait, if the run is over
		close(over)
	})
	return before
}

// begin returns the source that has waited.
func (l *latest[E]) begin() Enumerator[E] {
	l.mu.Lock()
	defer l.mu.Unlock()
	source := l.next.source
	l.next = nil
	return source
}
