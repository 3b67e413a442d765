package enumerator

import (
	"context"
	"io"
	"slices"

	"github.com/halley-go/halley/internal/stop"
	"github.com/halley-go/halley/iteratee"
)

// ErrStopped is what a Write of the function of [FromWriter], or a push into a [Channel],
// returns when the consumer is done.
var ErrStopped = stop.Err

// FromWriter returns the Enumerator of what write writes: each Write is one chunk, a copy.
// A Write returns when the consumer has answered, so write is never ahead of it. When the
// consumer is done, Write returns [ErrStopped]; when it has failed, or the context has
// ended, that error; write should return then, and whatever it returns is dropped. Before
// that, an error of write ends the run. write runs in the goroutine of the run, and only
// there may it call Write. It is called once per run.
//
// It is Play's Enumerator.outputStream, which never waits for the consumer.
func FromWriter(write func(io.Writer) error) Enumerator[[]byte] {
	return New(func(ctx context.Context, sink iteratee.Sink[[]byte]) iteratee.Step {
		w := &writer{ctx: ctx, sink: sink}
		err := write(w)
		switch {
		case !w.end.IsCont():
			return w.end
		case err != nil:
			return iteratee.StepError(err)
		}
		return iteratee.StepCont
	})
}

type writer struct {
	ctx  context.Context
	sink iteratee.Sink[[]byte]
	end  iteratee.Step
}

func (w *writer) Write(p []byte) (int, error) {
	if w.end.IsCont() {
		w.end = iteratee.Cancelled(w.ctx)
	}
	if !w.end.IsCont() {
		if err := w.end.Err(); err != nil {
			return 0, err
		}
		return 0, ErrStopped
	}
	if len(p) > 0 {
		w.end = w.sink.Next(slices.Clone(p))
	}
	return len(p), nil
}
