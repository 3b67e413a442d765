package httpadapter

import (
	"context"
	"errors"
	"io"
	"iter"

	"github.com/halley-go/halley/iteratee"
)

// reading returns the Iteratee that ends with what read returns, which is given the chunks
// as a Reader. It is for parsers that ask for their input. read runs as a coroutine: it
// goes on while a chunk is handed over, in the goroutine of the run in all but name, and
// waits within a Read for the next. If the run ends before, that Read fails.
//
// It is enumerator.FromWriter the other way round.
func reading[A any](read func(ctx context.Context, r io.Reader) (A, error)) iteratee.Iteratee[[]byte, A] {
	return iteratee.New(func(ctx context.Context) iteratee.Running[[]byte, A] {
		var (
			r   chunkReader
			a   A
			end iteratee.Step
		)
		resume, stop := iter.Pull(func(more func(struct{}) bool) {
			r.more = more
			var err error
			if a, err = read(ctx, &r); err != nil {
				end = iteratee.StepError(err)
				return
			}
			end = iteratee.StepDone
		})
		iteratee.AtEnd(ctx, stop)
		return iteratee.Running[[]byte, A]{
			Sink: iteratee.Sink[[]byte]{
				Next: func(chunk []byte) iteratee.Step {
					if end.IsCont() && len(chunk) > 0 {
						r.chunk = chunk
						resume()
					}
					return end
				},
				EOF: func() iteratee.Step {
					if end.IsCont() {
						r.eof = true
						resume()
					}
					return end
				},
				Rest: func() iteratee.Input[[]byte] {
					if len(r.chunk) == 0 {
						return iteratee.Empty[[]byte]()
					}
					return iteratee.El(r.chunk)
				},
			},
			Result: func() (A, error) { return a, nil },
		}
	})
}

// chunkReader reads from chunks that are handed to it one by one.
type chunkReader struct {
	more  func(struct{}) bool // waits for the next one
	chunk []byte
	eof   bool
	over  bool
}

var errReadingOver = errors.New("httpadapter: the run is over")

func (r *chunkReader) Read(p []byte) (int, error) {
	if len(r.chunk) == 0 && !r.eof && !r.over {
		r.over = !r.more(struct{}{})
	}
	switch {
	case r.over:
		return 0, errReadingOver
	case len(r.chunk) == 0:
		return 0, io.EOF
	}
	n := copy(p, r.chunk)
	r.chunk = r.chunk[n:]
	return n, nil
}
