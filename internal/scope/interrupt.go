package scope

import (
	"cmp"
	"context"

	"github.com/halley-go/halley/internal/stop"
)

// A step is an iteratee.Step. This package cannot import iteratee.
type step interface{ Err() error }

// Interruptible is for an adapter that runs its consumer in a goroutine of its own. The adapter calls it
// when it is attached, with the context of its run. Interruptible returns the context under which the
// adapter itself runs, and a function that makes the source stop waiting and ends the run with a step.
// That step is the one that the adapter has answered or would answer next. Any goroutine may call the
// function at any time.
//
// own ends when an adapter behind this one interrupts the source. This adapter passes the interruption on
// when its goroutine has ended, so that its consumer is not running when the source is told.
//
// A source can be interrupted only if no other part of the run will want its elements. For a part of a
// FlatMap, after which another part goes on, Interruptible returns ctx and nil, and the source is stopped
// at its next element.
func Interruptible[S step](ctx context.Context) (own context.Context, interrupt func(S)) {
	l := LineOf(ctx)
	if l == nil || l.run == nil {
		return ctx, nil
	}
	r := l.run
	if r.driven {
		return ctx, func(S) {}
	}
	own = r.own(ctx)
	source, cancel := context.WithCancelCause(r)
	r.AtEnd(func() { cancel(nil) })
	r.source = source
	return own, func(s S) { cancel(&interruption[S]{s}) }
}

// Within returns the context for a source that an adapter has feed its consumer. The adapter calls it when it
// is attached, with the context of its run. The source stops waiting when an adapter behind this one
// interrupts it; see [Interrupted]. If [Fail] ends the context, it ends ctx too. If end is not nil, the caller must
// call it when the adapter is no longer needed.
func Within(ctx context.Context) (within context.Context, end func()) {
	l := LineOf(ctx)
	if l == nil || l.run == nil || l.run.driven || l.run.source == nil {
		return ctx, nil
	}
	p := NewPart(l.run.own(ctx), ctx)
	return p, p.End
}

// own returns the context, made from ctx, under which an adapter runs that is attached now.
func (r *Run) own(ctx context.Context) context.Context {
	switch source := r.source; {
	case source == nil:
		return ctx
	case ctx == context.Context(r):
		return source
	default:
		return r.join(ctx, source)
	}
}

// join returns a context made from ctx that ends with source too.
func (r *Run) join(ctx, source context.Context) context.Context {
	own, cancel := context.WithCancelCause(ctx)
	forget := context.AfterFunc(source, func() { cancel(context.Cause(source)) })
	r.AtEnd(func() {
		forget()
		cancel(nil)
	})
	return own
}

// Drive calls drive with the context for the source of the run whose context is ctx, and returns the last
// answer of sink. Adapters that have called Interruptible before can interrupt that source. Only the maker of
// the run calls Drive, once.
func Drive[Sink any, S step](ctx context.Context, sink Sink, drive func(context.Context, Sink) S) S {
	r := ctx.(*Run)
	r.driven = true
	source := r.source
	if source == nil {
		source = (*driving)(r)
	}
	return Interrupted(source, drive(source, sink))
}

// Interrupted returns the step with which the adapter or the source whose context is own was interrupted.
// If it was not interrupted, Interrupted returns last, its last answer.
func Interrupted[S step](own context.Context, last S) S {
	if own.Err() == nil || last.Err() != nil && !stop.Only(last.Err()) {
		return last
	}
	if by, ok := context.Cause(own).(*interruption[S]); ok {
		return by.step
	}
	return last
}

// An interruption is the cause of the end of a source's context while the run goes on.
type interruption[S step] struct{ step S }

func (*interruption[S]) Error() string { return "iteratee: the consumer is done" }

// Unwrap returns the failure of the consumer or, if it has not failed, stop.Err.
func (i *interruption[S]) Unwrap() []error {
	return []error{cmp.Or(i.step.Err(), stop.Err), context.Canceled}
}

// driving is a Run as the context of its source. When a run fails, its source has returned or is about to
// return. So driving ends only with the context from which the Run is made, and a source can wait for it
// at no cost.
type driving Run

func (d *driving) Done() <-chan struct{} { return d.parent.Done() }
func (d *driving) Err() error            { return d.parent.Err() }
func (d *driving) Value(key any) any {
	switch key {
	case runKey{}:
		return (*Run)(d)
	case lineKey{}:
		return &d.line
	}
	return d.parent.Value(key)
}
