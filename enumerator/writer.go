package enumerator

import (
	"context"
	"io"
	"slices"

	"github.com/halley-go/halley/internal/stop"
	"github.com/halley-go/halley/iteratee"
)

// ErrStopped is the error of a Write in [FromWriter], or of a push into a [Channel], when the consumer
// is done.
var ErrStopped = stop.Err

// FromWriter returns an Enumerator of the bytes that write writes. It calls write once per run, in the
// goroutine of the run, and only that goroutine may call Write. Each Write hands on a copy as one
// chunk and returns when the consumer has answered.
//
// When the consumer is done, Write returns [ErrStopped]. When the consumer has failed or the context
// has ended, Write returns that error. write should return then, and its result is ignored. Otherwise
// an error of write ends the run.
//
// Play calls it Enumerator.outputStream.
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
