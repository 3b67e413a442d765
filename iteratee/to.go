package iteratee

import (
	"context"
	"io"
	"time"

	"github.com/halley-go/halley/internal/stop"
)

// ToChan returns an Iteratee that sends each element to ch, up to EOF. It waits until the element
// has been received or is in the buffer; if the context ends before that, the run ends, and the
// element is lost. It does not close ch: whoever made it does, when the run is over.
//
// enumerator.FromChan is the way back.
func ToChan[E any](ch chan<- E) Iteratee[E, struct{}] {
	return ForEach(func(ctx context.Context, e E) error {
		select {
		case ch <- e:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
}

// ToWriter returns an Iteratee that writes each chunk to w, in one Write each, and ends with the
// number of bytes at EOF. An error of w ends the run, as does a Write of less than the chunk, with
// [io.ErrShortWrite]. It does not flush or close w.
//
// A Write that waits when the context ends is interrupted if w has a method SetWriteDeadline, as
// network connections and pipes have; w has no deadline any more then. Otherwise the run ends when
// that Write does. w belongs to one run at a time, unless it is made for more.
func ToWriter(w io.Writer) Iteratee[[]byte, int64] {
	return Defer(func(ctx context.Context) (Iteratee[[]byte, int64], error) {
		if d, ok := w.(interface{ SetWriteDeadline(time.Time) error }); ok {
			AtEnd(ctx, stop.Interrupting(ctx, d.SetWriteDeadline))
		}
		return FoldM(0, func(ctx context.Context, total int64, chunk []byte) (int64, error) {
			n, err := w.Write(chunk)
			switch {
			case err != nil && ctx.Err() != nil:
				err = context.Cause(ctx)
			case err == nil && n != len(chunk):
				err = io.ErrShortWrite
			}
			return total + int64(n), err
		}), nil
	})
}
