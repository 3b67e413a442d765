package iteratee

import (
	"context"
	"io"
	"time"

	"github.com/halley-go/halley/internal/deadline"
)

// ToChan returns an Iteratee that sends each element to ch, up to EOF. It waits until the element is
// received or the buffer of ch has room for it. If the context ends before that, the run ends and the
// element is lost. ToChan does not close ch. The owner of ch can close it when the run is over.
//
// The inverse is enumerator.FromChan.
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

// ToWriter returns an Iteratee that writes each chunk to w in one Write, and ends at EOF with the number of
// bytes. An error of w ends the run. If w writes less than the chunk, the run ends with [io.ErrShortWrite].
// ToWriter does not flush or close w.
//
// If w has a method SetWriteDeadline, as network connections and pipes have, the end of the context
// interrupts a Write that waits. After that, w has no deadline. Without that method, the run ends when the
// Write returns. Several runs may use w at the same time only if w is safe for concurrent use.
func ToWriter(w io.Writer) Iteratee[[]byte, int64] {
	return Defer(func(ctx context.Context) (Iteratee[[]byte, int64], error) {
		if d, ok := w.(interface{ SetWriteDeadline(time.Time) error }); ok {
			AtEnd(ctx, deadline.Interrupt(ctx, d.SetWriteDeadline))
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
