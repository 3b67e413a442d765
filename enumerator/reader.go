package enumerator

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/halley-go/halley/internal/deadline"
	"github.com/halley-go/halley/iteratee"
)

// FromReader returns the Enumerator of what r reads, in chunks of at most chunkSize bytes:
// each is what one Read has returned, and memory of its own. An error of r other than
// io.EOF ends the run. FromReader does not close r. It panics if chunkSize is not positive.
//
// It can be run as often as there is something to read: what one run has read is not there
// for another. A Read that waits when the context ends is interrupted if r has a method
// SetReadDeadline, as network connections and pipes have; r has no deadline any more then.
// Otherwise the run ends when that Read does.
//
// It is Play's Enumerator.fromStream, which closes what it reads, as [FromReadCloser] does.
func FromReader(r io.Reader, chunkSize int) Enumerator[[]byte] {
	checkPositive("FromReader", "chunkSize", chunkSize)
	return fromReader(r, chunkSize, false)
}

// FromReaderReuse is [FromReader] that uses the memory of a chunk again for the next one:
// a consumer must not keep a chunk, or a part of one, when it asks for more. It is for
// streams that are looked at and not kept, where it spares the memory.
func FromReaderReuse(r io.Reader, chunkSize int) Enumerator[[]byte] {
	checkPositive("FromReaderReuse", "chunkSize", chunkSize)
	return fromReader(r, chunkSize, true)
}

func fromReader(r io.Reader, chunkSize int, reuse bool) Enumerator[[]byte] {
	return New(func(ctx context.Context, sink iteratee.Sink[[]byte]) iteratee.Step {
		return read(ctx, r, chunkSize, reuse, sink)
	})
}

// FromReadCloser returns the Enumerator of what is read from what open returns, in chunks as those
// of [FromReader]. open is called for each run, with its context, so the source can be used as
// often as open can be called. What it returns is closed before the run is over; an error of that
// ends the run, and is joined to that with which it has failed. An error of open ends the run.
// FromReadCloser panics if chunkSize is not positive.
//
// It is Play's Enumerator.fromStream, which closes what it reads.
func FromReadCloser(open func(context.Context) (io.ReadCloser, error), chunkSize int) Enumerator[[]byte] {
	checkPositive("FromReadCloser", "chunkSize", chunkSize)
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

// FromFile returns the Enumerator of what is in the named file, in chunks as those of
// [FromReader]. The file is opened for each run and closed before that is over. That it
// cannot be opened ends the run; errors.Is knows fs.ErrNotExist. FromFile panics if
// chunkSize is not positive.
//
// It is Play's Enumerator.fromFile and fromPath, which open the file when they are built.
func FromFile(name string, chunkSize int) Enumerator[[]byte] {
	checkPositive("FromFile", "chunkSize", chunkSize)
	return fromFile(name, chunkSize, false)
}

// FromFileReuse is [FromFile] that uses the memory of a chunk again, as [FromReaderReuse]
// does.
func FromFileReuse(name string, chunkSize int) Enumerator[[]byte] {
	checkPositive("FromFileReuse", "chunkSize", chunkSize)
	return fromFile(name, chunkSize, true)
}

func fromFile(name string, chunkSize int, reuse bool) Enumerator[[]byte] {
	return fromReadCloser(func(context.Context) (io.ReadCloser, error) { return os.Open(name) }, chunkSize, reuse)
}

// FromScanner returns the Enumerator of the tokens of s: its lines, or what its split function
// makes. A token is memory that s uses again: the consumer must copy what it keeps, as
// bytes.Clone, string and [iteratee.Consume] do. An error of s ends the run. A Read that waits is
// not interrupted. What reads lines from other sources is Lines of package enumeratee/text.
//
// It can be run as often as there is something to scan: what one run has scanned is not there for
// another.
func FromScanner(s *bufio.Scanner) Enumerator[[]byte] {
	return Generate(func(context.Context) ([]byte, bool, error) {
		if s.Scan() { // there can be tokens before an error that is known already
			return s.Bytes(), true, nil
		}
		return nil, false, s.Err()
	})
}

func read(ctx context.Context, r io.Reader, chunkSize int, reuse bool, sink iteratee.Sink[[]byte]) iteratee.Step {
	if d, ok := r.(interface{ SetReadDeadline(time.Time) error }); ok {
		defer deadline.Interrupt(ctx, d.SetReadDeadline)()
	}
	const patience = 100 // Reads in a row that return nothing, as bufio has it
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
			if !reuse { // what was handed on belongs to the consumer
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
