package enumerator

import (
	"context"

	"github.com/halley-go/halley/internal/prompt"
	"github.com/halley-go/halley/iteratee"
)

// Generate returns an Enumerator of the elements that next returns. next is called when an element is
// wanted, with the context of the run, and should return when that context ends. The Enumerator runs
// out when ok is false. An error of next ends the run. All runs share the state that next keeps
// between calls.
//
// Play calls it Enumerator.generateM.
func Generate[E any](next func(context.Context) (e E, ok bool, err error)) Enumerator[E] {
	return New(func(ctx context.Context, sink iteratee.Sink[E]) iteratee.Step { return generate(ctx, next, sink) })
}

// generate is not a closure, since Generate is inlined, and the compiler inlines nothing into the closures of
// inlined functions.
func generate[E any](ctx context.Context, next func(context.Context) (E, bool, error), sink iteratee.Sink[E]) iteratee.Step {
	for {
		e, ok, err := next(ctx)
		if err != nil {
			return iteratee.StepError(err)
		}
		if !ok {
			return iteratee.StepCont
		}
		if step := sink.Next(e); !step.IsCont() {
			return step
		}
		if step := iteratee.Cancelled(ctx); !step.IsCont() {
			return step
		}
	}
}

// Unfold returns an Enumerator whose state is initial when a run starts. When an element is wanted, it
// calls f with the state. f returns the element and the next state. The Enumerator runs out when ok is
// false.
//
// Play calls it Enumerator.unfold.
func Unfold[S, E any](initial S, f func(S) (e E, next S, ok bool)) Enumerator[E] {
	return New(func(ctx context.Context, sink iteratee.Sink[E]) iteratee.Step { return unfold(ctx, initial, f, sink) })
}

// unfold is not a closure, for the reason that generate gives.
func unfold[S, E any](ctx context.Context, s S, f func(S) (e E, next S, ok bool), sink iteratee.Sink[E]) iteratee.Step {
	ask := prompt.Ask(ctx)
	defer ask.Forget()
	for {
		e, next, ok := f(s)
		if !ok {
			return iteratee.StepCont
		}
		if step := sink.Next(e); !step.IsCont() {
			return step
		}
		if step := ask.Cancelled(); !step.IsCont() {
			return step
		}
		s = next
	}
}

// UnfoldM is [Unfold] with a function that takes the context of the run and can fail.
//
// Play calls it Enumerator.unfoldM.
func UnfoldM[S, E any](initial S, f func(context.Context, S) (e E, next S, ok bool, err error)) Enumerator[E] {
	return New(func(ctx context.Context, sink iteratee.Sink[E]) iteratee.Step {
		s := initial
		return Generate(func(ctx context.Context) (E, bool, error) {
			e, next, ok, err := f(ctx, s)
			s = next
			return e, ok, err
		}).Into(ctx, sink)
	})
}

// Repeat returns an endless Enumerator of the results of f, which is called when an element is wanted.
//
// Play calls it Enumerator.repeat.
func Repeat[E any](f func() E) Enumerator[E] {
	return Unfold(struct{}{}, func(none struct{}) (E, struct{}, bool) { return f(), none, true })
}

// RepeatM is [Repeat] with a function that takes the context of the run and can fail.
//
// Play calls it Enumerator.repeatM.
func RepeatM[E any](f func(context.Context) (E, error)) Enumerator[E] {
	return Generate(func(ctx context.Context) (E, bool, error) {
		e, err := f(ctx)
		return e, true, err
	})
}

// FromCallback is [Generate] with functions that are called at the end. first tells next whether this
// is its first call in the run.
//
// onError is called if next or the consumer fails or the context ends. onComplete is called when the
// run of this source is over, also if the consumer has stopped it or has failed, but not if next has
// failed. If both are called, onError comes first. Neither is called after a panic. Either may be nil.
//
// Play calls it Enumerator.fromCallback1.
func FromCallback[E any](next func(ctx context.Context, first bool) (e E, ok bool, err error), onComplete func(), onError func(error)) Enumerator[E] {
	return New(func(ctx context.Context, sink iteratee.Sink[E]) iteratee.Step {
		first, failed := true, false
		step := Generate(func(ctx context.Context) (E, bool, error) {
			e, ok, err := next(ctx, first)
			first, failed = false, err != nil
			return e, ok, err
		}).Into(ctx, sink)
		if step.IsCont() {
			step = iteratee.Cancelled(ctx)
		}
		if err := step.Err(); err != nil && onError != nil {
			onError(err)
		}
		if !failed && onComplete != nil {
			onComplete()
		}
		return step
	})
}
