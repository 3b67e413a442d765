package iteratee

import (
	"context"
	"errors"
	"io"
	"iter"
)

// Read returns an Iteratee that calls read with a Reader of the chunks and ends with the result of
// read. It is for code that asks for its input, such as the decoders of the standard library. The
// Reader returns io.EOF at the end of the stream, and skips empty chunks.
//
// The Iteratee is done as soon as read returns, even before the first chunk. An error of read ends the
// run. If the run ends before read returns, the Reader returns an error from then on. The run then
// waits until read returns, and drops the result.
//
// The bytes that read did not take from the Reader are left over. A [bufio.Reader], and a decoder that
// contains one, takes more bytes than it uses.
//
// read runs as a coroutine. It runs while a chunk or the end of the stream is handed to the Iteratee,
// and at other times waits in a call of the Reader. So read must not pass the Reader to another
// goroutine. A panic of read reaches the caller of the run. Read panics if read is nil.
//
// The inverse is enumerator.FromWriter.
func Read[A any](read func(ctx context.Context, r io.Reader) (A, error)) Iteratee[[]byte, A] {
	if read == nil {
		panic("iteratee: Read: read must not be nil")
	}
	return New(func(ctx context.Context) (Running[[]byte, A], Step) {
		r := new(reading[A])
		resume, stop := iter.Pull(func(wait func(struct{}) bool) {
			r.chunks.wait = func() bool { return wait(struct{}{}) }
			var err error
			if r.result, err = read(ctx, &r.chunks); err != nil {
				r.end = StepError(err)
				return
			}
			r.end = StepDone
		})
		AtEnd(ctx, stop)
		r.resume = func() { resume() }
		r.resume() // to the first call of the Reader
		return r, r.end
	})
}

// reading is one run of Read.
type reading[A any] struct {
	chunks chunkReader
	resume func() // runs read until it waits for a chunk or returns
	end    Step
	result A
}

func (r *reading[A]) Next(chunk []byte) Step {
	if r.end.IsCont() && len(chunk) > 0 {
		r.chunks.chunk = chunk
		r.resume()
	}
	return r.end
}

func (r *reading[A]) EOF() Step {
	if r.end.IsCont() {
		r.chunks.ended = true
		r.resume()
	}
	return r.end
}

func (r *reading[A]) Result() (A, error) { return r.result, nil }

func (r *reading[A]) Rest() Input[[]byte] {
	if len(r.chunks.chunk) == 0 {
		return Empty[[]byte]()
	}
	return El(r.chunks.chunk)
}

// chunkReader reads chunks that are handed to it one by one.
type chunkReader struct {
	wait  func() bool // waits for a chunk or the end of the stream; false if the run is over
	chunk []byte      // the bytes that were not read yet
	ended bool        // the stream has ended
	over  bool        // the run is over
}

var errReadOver = errors.New("iteratee: Read: the run is over")

func (r *chunkReader) Read(p []byte) (int, error) {
	if len(r.chunk) == 0 && !r.ended && !r.over {
		r.over = !r.wait()
	}
	switch {
	case r.over:
		return 0, errReadOver
	case len(r.chunk) == 0:
		return 0, io.EOF
	}
	n := copy(p, r.chunk)
	r.chunk = r.chunk[n:]
	return n, nil
}
