package enumerator

import (
	"context"

	"github.com/halley-go/halley/internal/prompt"
	"github.com/halley-go/halley/iteratee"
)

// Generate returns the Enumerator of what next returns, until ok is false, which
// ends it, or err is not nil, which fails it. next is called when an element is
// wanted, with the run's context; it should return when that ends. What it keeps
// between calls is shared by all runs.
//
// It is Play's Enumerator.generateM.
func Generate[E any](next func(context.Context) (e E, ok bool, err error)) Enumerator[E] {
	return New(func(ctx context.Context, sink iteratee.Sink[E]) iteratee.Step {
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
	})
}

// Unfold returns the Enumerator that starts with the state s and calls f for an
// element and the next state, until ok is false. f is called when an element is
// wanted; each run starts with s again.
//
// It is Play's Enumerator.unfold.
func Unfold[S, E any](s S, f func(S) (e E, next S, ok bool)) Enumerator[E] {
	return New(func(ctx context.Context, sink iteratee.Sink[E]) iteratee.Step {
		ask := prompt.Ask(ctx)
		defer ask.Forget()
		for s := s; ; {
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
	})
}

// UnfoldM is [Unfold] with a function that takes the run's context and can fail.
//
// It is Play's Enumerator.unfoldM.
func UnfoldM[S, E any](s S, f func(context.Context, S) (e E, next S, ok bool, err error)) Enumerator[E] {
	return New(func(ctx context.Context, sink iteratee.Sink[E]) iteratee.Step {
		s := s
		return Generate(func(ctx context.Context) (E, bool, error) {
			e, next, ok, err := f(ctx, s)
			s = next
			return e, ok, err
		}).Into(ctx, sink)
	})
}

// Repeat returns the Enumerator that calls f for each element, without end. f is called
// when an element is wanted.
//
// It is Play's Enumerator.repeat.
func Repeat[E any](f func() E) Enumerator[E] {
	return Unfold(struct{}{}, func(none struct{}) (E, struct{}, bool) { return f(), none, true })
}

// RepeatM is [Repeat] with a function that takes the run's context and can fail.
//
// It is Play's Enumerator.repeatM.
func RepeatM[E any](f func(context.Context) (E, error)) Enumerator[E] {
	return Generate(func(ctx context.Context) (E, bool, error) {
		e, err := f(ctx)
		return e, true, err
	})
}

// FromCallback is [Generate] for what has to be told how it ended. next is told whether it
// is called for the first time in its run. When the run of this source is over, because it
// has run out, was stopped, or the consumer has failed, onComplete is called; before that,
// if the consumer or next has failed or the context has ended, onError. After a failure of
// next there is no onComplete, and after a panic neither. Either may be nil.
//
// It is Play's Enumerator.fromCallback1, which sends EOF at the end; as every source, this
// does not.
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
