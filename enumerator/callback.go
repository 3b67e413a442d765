package enumerator

import (
	"context"

	"github.com/halley-go/halley/iteratee"
)

// FromInput returns the Enumerator of the elements of in. If in ends the stream, it sends
// EOF after them: nothing can follow it then.
//
// It is Play's Enumerator.enumInput, and Enumerator.eof of [iteratee.EOF].
func FromInput[E any](in iteratee.Input[E]) Enumerator[E] {
	return New(func(ctx context.Context, sink iteratee.Sink[E]) iteratee.Step {
		step := FromSlice(in.Els()).Into(ctx, sink)
		if step.IsCont() && in.IsEOF() {
			step = sink.EOF()
		}
		return step
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

// Defer returns the Enumerator that build makes for each run. If build fails, so does the
// run. What build opens it gives to [iteratee.AtEnd] to close: the source is not started if
// the context ends first.
//
// It is the Defer of ReactiveX, and serves where Play flattens a future source.
func Defer[E any](build func(context.Context) (Enumerator[E], error)) Enumerator[E] {
	return New(func(ctx context.Context, sink iteratee.Sink[E]) iteratee.Step {
		e, err := build(ctx)
		if err != nil {
			return iteratee.StepError(err)
		}
		return e.Into(ctx, sink)
	})
}

// FromChan returns the Enumerator of what comes from ch, until that is closed.
//
// It can be run as often as there is something in ch: what one run has received is not
// there for another. Nothing is received that the consumer does not get.
func FromChan[E any](ch <-chan E) Enumerator[E] {
	return New(func(ctx context.Context, sink iteratee.Sink[E]) iteratee.Step {
		cork := iteratee.Cork(ctx)
		defer cork(false)
		return Generate(func(ctx context.Context) (e E, ok bool, err error) {
			if len(ch) == 0 {
				cork(false)
			}
			select {
			case e, ok = <-ch:
			case <-ctx.Done():
				return e, false, context.Cause(ctx)
			}
			if len(ch) > 0 {
				cork(true)
			}
			return e, ok, nil
		}).Into(ctx, sink)
	})
}
