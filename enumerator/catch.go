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

// Catch returns the Enumerator of the elements of source. If source fails, Catch calls f with the error
// and goes on with the source that f returns. The elements that came before the failure stay handed on.
// If f cannot handle the error, it returns [Throw] of it.
//
// Only a failure of source itself is caught. A failure of the consumer, or of an adapter behind Catch,
// ends the run. So does the end of the context: a failure of source after that is dropped. A failure of the
// source that f returns ends the run too; a Catch around this one catches it.
//
// Catch needs no goroutine. If source has failed in a goroutine of its own while the consumer is busy,
// the context of the consumer does not end, and Catch waits for the consumer. A panic is not caught.
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

// Retry returns the Enumerator of the elements of source. If source fails, Retry runs it again, at once
// and up to n times; then it fails with the last error. The elements that came before a failure stay
// handed on, so a source that begins with the same elements gives them again. Package enumerator/retry
// has sources that wait between the attempts, and sources that go on where they were.
//
// Retry tells failures as [Catch] does, and needs no goroutine. It panics if n is negative.
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

// attempt runs source in a [scope.Part] of its own. err is the failure of source; it is nil if source
// has run out, or the run is over, for whatever reason. sink is still open after a failure.
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

// watched is a sink of which the last answer is known.
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
