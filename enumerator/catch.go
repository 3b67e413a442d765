package enumerator

import (
	"context"

	"github.com/halley-go/halley/internal/check"
	"github.com/halley-go/halley/internal/scope"
	"github.com/halley-go/halley/iteratee"
)

// Throw returns the Enumerator that has no elements and fails with err. It panics if err is nil.
//
// ReactiveX: Throw.
func Throw[E any](err error) Enumerator[E] {
	step := iteratee.StepError(err)
	return New(func(context.Context, iteratee.Sink[E]) iteratee.Step { return step })
}

// Catch returns the Enumerator of the elements of source. If source fails, Catch calls f with the error and
// goes on with the source that f returns. Elements that source gave before the failure are not taken back.
// If f cannot handle the error, it returns [Throw] with the same error.
//
// Only a failure of source itself is caught. A failure of the consumer, or of an adapter behind Catch, ends
// the run. The end of the context ends the run too, and a failure of source after that is dropped. A
// failure of the source that f returns ends the run, unless another Catch is around this one.
//
// Catch starts no goroutine. If source has a goroutine of its own and fails there while the consumer is
// busy, the context of the consumer does not end, and Catch waits for the consumer. Catch does not catch
// panics.
//
// ReactiveX: catch, onErrorResumeNext.
func Catch[E any](source Enumerator[E], f func(error) Enumerator[E]) Enumerator[E] {
	return New(func(ctx context.Context, sink iteratee.Sink[E]) iteratee.Step {
		step, err := attempt(ctx, source, sink)
		if err != nil {
			return f(err).Into(ctx, sink)
		}
		return step
	})
}

// Retry returns the Enumerator of the elements of source. If source fails, Retry runs it again at once, up
// to n times, and then fails with the last error. Elements that source gave before a failure are not taken
// back. If source begins with the same elements in each run, the consumer gets them again. Package
// enumerator/retry can wait between the attempts, and can continue a source where it failed.
//
// Retry runs source again after the failures that [Catch] catches. It starts no goroutine. It panics if n
// is negative.
//
// ReactiveX: retry.
func Retry[E any](source Enumerator[E], n int) Enumerator[E] {
	check.NotNegative("enumerator: Retry: n", n)
	return New(func(ctx context.Context, sink iteratee.Sink[E]) iteratee.Step {
		for range n {
			if step, err := attempt(ctx, source, sink); err == nil {
				return step
			}
		}
		return source.Into(ctx, sink)
	})
}

// attempt runs source in a [scope.Part] of its own. err is the failure of source. It is nil if source has
// run out or if the run is over. sink is still open if err is not nil.
func attempt[E any](ctx context.Context, source Enumerator[E], sink iteratee.Sink[E]) (step iteratee.Step, err error) {
	part := scope.NewPart(ctx, nil)
	defer part.End()
	w := &watched[E]{Sink: sink}
	step = source.Into(part, w)
	if !w.last.IsCont() || step.Err() == nil {
		return step, nil
	}
	if ended := iteratee.Cancelled(ctx); !ended.IsCont() {
		return ended, nil
	}
	return step, step.Err()
}

// watched is a sink that remembers its last answer.
type watched[E any] struct {
	iteratee.Sink[E]
	last iteratee.Step
}

func (w *watched[E]) Next(e E) iteratee.Step {
	if w.last.IsCont() {
		w.last = w.Sink.Next(e)
	}
	return w.last
}

func (w *watched[E]) EOF() iteratee.Step {
	if w.last.IsCont() {
		w.last = w.Sink.EOF()
	}
	return w.last
}
