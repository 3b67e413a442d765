package text

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/internal/check"
	"github.com/halley-go/halley/iteratee"
)

// Lines returns the adapter that hands on the lines of a stream of bytes. A line ends in LF or CR
// LF, which is removed. A CR elsewhere is data. Bytes after the last line ending are handed on as a
// line at EOF.
//
// A line within one chunk is a part of that chunk, with its capacity cut. A line that
// spans chunks is copied to memory of its own.
//
// A line of more than limit bytes, not counting its ending, ends the run with a [*TooLongError] as
// soon as the line exceeds limit. The lines before it have been handed on by then. So Lines holds
// no more than limit bytes and the chunk in hand. [LinesOrSkip] can skip such a line.
//
// If the consumer ends on a line, the bytes after that line are left over. If the consumer leaves
// over the line or a part of it, the line or part comes before these bytes, with its line ending.
// Earlier lines that the consumer leaves over get LF as their ending. Lines panics if limit is not
// positive.
//
// In Play, Enumeratee.grouped does this.
func Lines(limit int) enumeratee.Enumeratee[[]byte, []byte] {
	check.Positive("enumeratee/text: Lines: limit", limit)
	return newLines(limit, func(_ context.Context, err *TooLongError, _ []byte) error { return err })
}

// LinesOrSkip is [Lines], but a line of more than limit bytes need not end the run. As soon as a line exceeds
// limit, LinesOrSkip calls f with the error and with the first limit bytes of the line, between the calls of the
// consumer for the lines before and after. Then it drops the line and its LF, however long the line is,
// and goes on. f is not called when the context has ended.
//
// An error of f ends the run, and the line is left over from its beginning. Like a line, beginning shares the memory
// of the chunk if it lies within one. LinesOrSkip panics if limit is not positive.
func LinesOrSkip(limit int, f func(ctx context.Context, err *TooLongError, beginning []byte) error) enumeratee.Enumeratee[[]byte, []byte] {
	check.Positive("enumeratee/text: LinesOrSkip: limit", limit)
	return newLines(limit, f)
}

func newLines(limit int, f func(context.Context, *TooLongError, []byte) error) enumeratee.Enumeratee[[]byte, []byte] {
	return enumeratee.New(func(stage enumeratee.Stage, out iteratee.Outlet[[]byte]) (iteratee.Sink[[]byte], iteratee.Step) {
		l := &lines{stage: stage, cancelled: stage.Cancelled(), out: out, limit: limit, f: f}
		return l, iteratee.StepCont
	})
}

// A TooLongError says that a line was longer than the limit of [Lines] or [LinesOrSkip]. It wraps
// [bufio.ErrTooLong].
type TooLongError struct {
	Offset int64 // of the beginning of the line, in bytes from the start of the run
	Limit  int
}

func (e *TooLongError) Error() string {
	return fmt.Sprintf("enumeratee/text: line of more than %d bytes, at byte %d", e.Limit, e.Offset)
}

// Unwrap returns bufio.ErrTooLong.
func (e *TooLongError) Unwrap() error { return bufio.ErrTooLong }

type lines struct {
	stage     enumeratee.Stage
	cancelled func() iteratee.Step
	out       iteratee.Outlet[[]byte]
	limit     int
	f         func(context.Context, *TooLongError, []byte) error // called with a line that is too long

	begun    []byte // the beginning of a line, from earlier chunks
	skipping bool   // the next bytes belong to a line that is too long
	offset   int64  // where the next line begins, or the rest of the line that is skipped
	end      iteratee.Step
	last     last
}

func (l *lines) Next(chunk []byte) iteratee.Step {
	if l.skipping && l.end.IsCont() {
		chunk = l.skip(chunk)
	}
	if len(l.begun) > 0 && l.end.IsCont() {
		n := bytes.IndexByte(chunk, '\n') + 1
		if n == 0 {
			l.begin(chunk)
			return l.end
		}
		line := append(l.begun, chunk[:n]...)
		l.begun, chunk = nil, chunk[n:]
		if l.split(line); !l.end.IsCont() {
			l.last.from = slices.Concat(l.last.from, chunk)
		}
	}
	if l.end.IsCont() {
		l.split(chunk)
	}
	return l.end
}

func (l *lines) EOF() iteratee.Step {
	if len(l.begun) > l.limit && l.end.IsCont() {
		l.tooLong(l.begun)
	}
	if len(l.begun) > 0 && l.end.IsCont() {
		line := slices.Clip(l.begun)
		if l.end = l.out.Next(line); !l.end.IsCont() {
			l.last = last{from: line, content: len(line), whole: len(line)}
		}
	}
	if l.end.IsCont() {
		l.end = l.stage.Stop()
	}
	return l.end
}

// split hands on the lines of chunk, which begins with a new line, and keeps the beginning of the last.
func (l *lines) split(chunk []byte) {
	for len(chunk) > 0 {
		chunk = l.begin(l.handOn(chunk))
	}
}

// handOn hands on lines up to the first that is not whole or is too long. It returns the bytes from there on, and
// none after an end.
func (l *lines) handOn(chunk []byte) []byte {
	next, limit, rest := l.out.Next, l.limit, chunk
	cold, n := len(chunk)-1024, 0 // no preload for a consumer that is done soon
	for {
		if len(rest) <= cold && n < 512 {
			cold = len(rest) - preload(rest)
		}
		n = bytes.IndexByte(rest, '\n')
		text := n
		if n > 0 && rest[n-1] == '\r' {
			text--
		}
		if n < 0 || text > limit {
			break
		}
		step := next(rest[:text:text])
		if step.IsCont() {
			step = l.cancelled()
		}
		if !step.IsCont() {
			l.end, l.last = step, last{from: rest, content: text, whole: n + 1}
			return nil
		}
		rest = rest[n+1:]
	}
	l.offset += int64(len(chunk) - len(rest))
	return rest
}

// preload reads the first bytes of a chunk in one go, and returns their number. That
// brings them into the cache. Without it, finding short lines takes one and a half times
// as long.
func preload(chunk []byte) int {
	n := min(len(chunk), 16<<10)
	bytes.Count(chunk[:n], []byte{'\n'})
	return n
}

// begin keeps the beginning of a line, unless it is too long. Then it returns the bytes after that line. A CR after
// limit bytes may be a part of the line ending.
func (l *lines) begin(chunk []byte) []byte {
	n := len(l.begun) + len(chunk)
	if len(chunk) > 0 && n > l.limit && (n > l.limit+1 || chunk[len(chunk)-1] != '\r') {
		if len(l.begun) > 0 {
			chunk = slices.Concat(l.begun, chunk)
		}
		return l.tooLong(chunk)
	}
	l.begun = append(l.begun, chunk...)
	return nil
}

// tooLong calls f. It returns the bytes after the line that is too long, with which from begins, and none after
// an end.
func (l *lines) tooLong(from []byte) []byte {
	l.begun = nil
	if l.end = l.cancelled(); l.end.IsCont() {
		if err := l.f(l.stage.Context(), &TooLongError{l.offset, l.limit}, from[:l.limit:l.limit]); err != nil {
			l.end = iteratee.StepError(err)
		}
	}
	if !l.end.IsCont() {
		l.last = last{from: from}
		return nil
	}
	return l.skip(from)
}

// skip drops the bytes of chunk that belong to the line that is too long, and returns those after the line.
func (l *lines) skip(chunk []byte) []byte {
	n := bytes.IndexByte(chunk, '\n') + 1
	if l.skipping = n == 0; l.skipping {
		n = len(chunk)
	}
	l.offset += int64(n)
	return chunk[n:]
}

func (l *lines) Rest() iteratee.Input[[]byte] {
	return l.last.rest(l.out.Rest().Els(), "\n")
}

// last holds the element on which a consumer ended, and the bytes after it.
type last struct {
	from    []byte
	content int // the size of the element
	whole   int // the size of the element and its ending
}

// rest returns the leftovers if the consumer has left over parts, which sep joins. It
// copies nothing if they are the end of the element.
func (l last) rest(parts [][]byte, sep string) iteratee.Input[[]byte] {
	rest := l.from[l.whole:]
	if len(parts) > 0 {
		left := bytes.Join(parts, []byte(sep))
		if bytes.HasSuffix(l.from[:l.content], left) {
			rest = l.from[l.content-len(left):]
		} else {
			rest = slices.Concat(left, l.from[l.content:])
		}
	}
	if len(rest) == 0 {
		return iteratee.Empty[[]byte]()
	}
	return iteratee.El(rest)
}
