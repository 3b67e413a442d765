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

// ToReader returns a reader of the bytes of one run of source with the context ctx. A Read that needs
// more bytes asks source for its next chunk. source does not run between calls. Read returns a copy.
// The reader does not change a chunk, and does not keep it when it asks for the next one.
//
// When source has run out, Read returns io.EOF. When source has failed or ctx has ended, Read returns
// an error that wraps the failure or the cause, as do later calls. A panic of source reaches the
// caller of Read, and later calls fail.
//
// Close ends the run, and returns nil when source has closed everything. A caller that has not read
// everything must call Close. A Read that waits, and each later Read, returns an error that wraps
// [fs.ErrClosed]. Close may be called at any time and by any goroutine. The other methods must not be
// called by several goroutines at once.
//
// The reader is also an [io.WriterTo], so [io.Copy] writes whole chunks. An error of the writer ends
// the run, and WriteTo returns it unchanged. Close does not wait for WriteTo.
//
// source runs in a coroutine, as with [iter.Pull]. WriteTo needs none if nothing has been read before.
func ToReader(ctx context.Context, source Enumerator[[]byte]) io.ReadCloser {
	return &reader{pull: newPull(ctx, source)}
}

type reader struct {
	pull   *pull[[]byte]
	left   []byte // the unread part of the last chunk
	err    error  // why the run is over, nil until then
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

// end ends the run and notes why: err, or that source has run out.
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
		source := Of(r.left).AndThen(New(r.pull.into))
		if r.pull.claim() {
			source = r.pull.source
		}
		r.left, r.err = nil, errReaderPanicked // unless Run returns
		_, failed := Run(r.pull.ctx, source, write)
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
	errReaderPanicked = errors.New("enumerator: ToReader: the run panicked")
)
