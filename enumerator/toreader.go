package enumerator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync/atomic"

	"github.com/halley-go/halley/iteratee"
)

// ToReader returns a reader of the bytes that e gives, which is one run of e, in the context ctx: a
// Read that needs more asks e for its next chunk, and nothing runs in between. It is not for several
// goroutines at once, but Close may be called at any time. What Read returns is a copy; the reader
// does not change or keep a chunk when the next one is asked for.
//
// When e has run out, Read returns io.EOF. An error of e, or what ended the context, comes out of
// Read, wrapped, again and again. A panic of e reaches the caller of Read, and later calls
// fail. Close ends the run, and a Read that waits with it: e has closed what it has opened when
// Close has returned, and Read returns an error that is [fs.ErrClosed]. Whoever has not read all
// must call it. It returns nil.
//
// The reader is an [io.WriterTo] too, so [io.Copy] hands it whole chunks: if nothing has been read
// before, e drives the writer itself. An error of the writer ends the run, and comes out of WriteTo
// as it is. Close does not wait for a WriteTo.
//
// e runs in a coroutine, as [iter.Pull] makes one.
func ToReader(ctx context.Context, e Enumerator[[]byte]) io.ReadCloser {
	return &reader{pull: newPull(ctx, e)}
}

type reader struct {
	pull   *pull[[]byte]
	left   []byte // of the last chunk
	err    error  // what ends it
	closed atomic.Bool
}

func (r *reader) Read(p []byte) (int, error) {
	for len(p) > 0 && len(r.left) == 0 && r.err == nil {
		r.err = errReaderPanicked // unless ask returns
		chunk, end, step := r.pull.ask()
		r.err = nil
		if r.left = chunk; end {
			r.end(step.Err())
		}
	}
	if r.closed.Load() {
		return 0, errReaderClosed
	}
	if n := copy(p, r.left); n > 0 || len(p) == 0 {
		r.left = r.left[n:]
		return n, nil
	}
	return 0, r.err
}

// end notes why the run is over, and ends it.
func (r *reader) end(err error) {
	r.left, r.err = nil, io.EOF
	if err != nil {
		r.err = fmt.Errorf("enumerator: ToReader: %w", err)
	}
	r.pull.stop()
}

func (r *reader) WriteTo(w io.Writer) (n int64, err error) {
	write := iteratee.ForEach(func(_ context.Context, chunk []byte) error {
		if len(chunk) == 0 {
			return nil
		}
		var m int
		m, err = w.Write(chunk)
		n += int64(m)
		if err == nil && m != len(chunk) {
			err = io.ErrShortWrite
		}
		return err
	})
	if r.err == nil {
		e := Of(r.left).AndThen(New(r.pull.into))
		if r.pull.claim() {
			e = r.pull.e
		}
		r.left, r.err = nil, errReaderPanicked // unless Run returns
		_, failed := Run(r.pull.ctx, e, write)
		r.end(failed)
	}
	switch {
	case err != nil:
		return n, err
	case r.closed.Load():
		return n, errReaderClosed
	case r.err != io.EOF:
		return n, r.err
	}
	return n, nil
}

func (r *reader) Close() error {
	r.closed.Store(true)
	r.pull.stop()
	return nil
}

var (
	errReaderClosed   = fmt.Errorf("enumerator: ToReader: %w", fs.ErrClosed)
	errReaderPanicked = errors.New("enumerator: ToReader: the run has panicked")
)
