package enumerator

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/halley-go/halley/internal/check"
	"github.com/halley-go/halley/internal/deadline"
	"github.com/halley-go/halley/iteratee"
)

// FromReader returns an Enumerator of the bytes of r. Each chunk holds the bytes of one Read, at most
// chunkSize, in memory of its own. An error of r other than io.EOF ends the run. FromReader does not
// close r.
//
// Runs share r: bytes that one run has read do not reach another. When the context ends during a Read
// and r has a method SetReadDeadline, as network connections and pipes have, the Read is interrupted
// and the deadline of r is cleared. Otherwise the run ends when the Read returns. FromReader panics if
// chunkSize is not positive.
//
// Play calls it Enumerator.fromStream, which closes the stream as [FromReadCloser] does.
func FromReader(r io.Reader, chunkSize int) Enumerator[[]byte] {
	check.Positive("enumerator: FromReader: chunkSize", chunkSize)
	return fromReader(r, chunkSize, false)
}

// FromReaderReuse is [FromReader], but uses the memory of a chunk again for the next one. A consumer must
// not keep a chunk, or a part of one, when it asks for more. Use FromReaderReuse to save memory if the
// consumer does not keep chunks.
func FromReaderReuse(r io.Reader, chunkSize int) Enumerator[[]byte] {
	check.Positive("enumerator: FromReaderReuse: chunkSize", chunkSize)
	return fromReader(r, chunkSize, true)
}

func fromReader(r io.Reader, chunkSize int, reuse bool) Enumerator[[]byte] {
	return New(func(ctx context.Context, sink iteratee.Sink[[]byte]) iteratee.Step {
		return read(ctx, r, chunkSize, reuse, sink)
	})
}

// FromReadCloser returns an Enumerator of the bytes of the reader that open returns, in chunks as those
// of [FromReader]. open is called in each run, with its context. An error of open ends the run. The
// reader is closed before the run is over. An error of closing ends the run, and is joined to the
// error of the run if there is one. FromReadCloser panics if chunkSize is not positive.
//
// Play calls it Enumerator.fromStream.
func FromReadCloser(open func(context.Context) (io.ReadCloser, error), chunkSize int) Enumerator[[]byte] {
	check.Positive("enumerator: FromReadCloser: chunkSize", chunkSize)
	return fromReadCloser(open, chunkSize, false)
}

func fromReadCloser(open func(context.Context) (io.ReadCloser, error), chunkSize int, reuse bool) Enumerator[[]byte] {
	return New(func(ctx context.Context, sink iteratee.Sink[[]byte]) (step iteratee.Step) {
		r, err := open(ctx)
		if err != nil {
			return iteratee.StepError(err)
		}
		defer func() {
			if err := r.Close(); err != nil {
				step = iteratee.StepError(errors.Join(step.Err(), err))
			}
		}()
		return read(ctx, r, chunkSize, reuse, sink)
	})
}

// FromFile returns an Enumerator of the bytes of the named file, in chunks as those of [FromReader]. Each
// run opens the file and closes it before the run is over. If the file cannot be opened, the run ends
// with the error of [os.Open]. FromFile panics if chunkSize is not positive.
//
// Play calls it Enumerator.fromFile and fromPath.
func FromFile(name string, chunkSize int) Enumerator[[]byte] {
	check.Positive("enumerator: FromFile: chunkSize", chunkSize)
	return fromFile(name, chunkSize, false)
}

// FromFileReuse is [FromFile], but uses the memory of a chunk again, as [FromReaderReuse] does.
func FromFileReuse(name string, chunkSize int) Enumerator[[]byte] {
	check.Positive("enumerator: FromFileReuse: chunkSize", chunkSize)
	return fromFile(name, chunkSize, true)
}

func fromFile(name string, chunkSize int, reuse bool) Enumerator[[]byte] {
	return fromReadCloser(func(context.Context) (io.ReadCloser, error) { return os.Open(name) }, chunkSize, reuse)
}

// FromScanner returns an Enumerator of the tokens of s: lines, or the tokens of its split function. s
// uses the memory of a token again, so the consumer must copy a token to keep it, as bytes.Clone, a
// conversion to string and [iteratee.Consume] do. An error of s ends the run. A Read that waits is not
// interrupted.
//
// Runs share s: tokens that one run has scanned do not reach another. To split other sources into
// lines, use Lines of package enumeratee/text.
func FromScanner(s *bufio.Scanner) Enumerator[[]byte] {
	return Generate(func(context.Context) ([]byte, bool, error) {
		if s.Scan() { // tokens can precede an error that s has already met
			return s.Bytes(), true, nil
		}
		return nil, false, s.Err()
	})
}

func read(ctx context.Context, r io.Reader, chunkSize int, reuse bool, sink iteratee.Sink[[]byte]) iteratee.Step {
	if d, ok := r.(interface{ SetReadDeadline(time.Time) error }); ok {
		defer deadline.Interrupt(ctx, d.SetReadDeadline)()
	}
	const patience = 100 // the number of empty Reads in a row that are tolerated, as in bufio
	var buf []byte
	for empty := 0; empty < patience; {
		if step := iteratee.Cancelled(ctx); !step.IsCont() {
			return step
		}
		if len(buf) <= chunkSize/2 {
			buf = make([]byte, chunkSize)
		}
		n, err := r.Read(buf)
		empty++
		if n > 0 {
			empty = 0
			if step := sink.Next(buf[:n:n]); !step.IsCont() {
				return step
			}
			if !reuse { // the chunk belongs to the consumer
				buf = buf[n:]
			}
		}
		switch {
		case err == io.EOF:
			return iteratee.StepCont
		case err != nil && ctx.Err() == nil:
			return iteratee.StepError(err)
		}
	}
	if step := iteratee.Cancelled(ctx); !step.IsCont() {
		return step
	}
	return iteratee.StepError(io.ErrNoProgress)
}
