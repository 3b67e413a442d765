package ndjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumeratee/text"
	"github.com/halley-go/halley/internal/check"
	"github.com/halley-go/halley/iteratee"
)

// Decode returns the adapter that decodes each line of a stream of bytes with json.Unmarshal and
// hands on the values. Lines end in LF or CR LF and may span chunks. The bytes after the last line
// ending are a line too. Blank lines are skipped. Each value is in new memory.
//
// A line that is not UTF-8, or not one JSON value that fits an E, ends the run with an [*Error]. A
// line of more than limit bytes also ends the run with an *Error, which wraps a
// [*text.TooLongError]. The values before it have been handed on by then. Decode holds no more than
// limit bytes and the chunk in hand.
//
// If the consumer ends on a value, the bytes after its line are left over. If the consumer leaves
// the value over, its line and an LF come before those bytes. Decode panics if limit is not
// positive.
func Decode[E any](limit int) enumeratee.Enumeratee[[]byte, E] {
	check.Positive("enumeratee/ndjson: Decode: limit", limit)
	lines := text.Lines(limit)
	return enumeratee.New(func(stage enumeratee.Stage, out iteratee.Outlet[E]) (iteratee.Sink[[]byte], iteratee.Step) {
		d := &decoder[E]{out: out}
		sink, step := lines.Attach(stage, d)
		return &decoding[E]{sink, d}, step
	})
}

// decoding is the adapter of lines. It tells its decoder where a chunk begins.
type decoding[E any] struct {
	iteratee.Sink[[]byte]
	decoder *decoder[E]
}

func (d *decoding[E]) Next(chunk []byte) iteratee.Step {
	if d.decoder.end.IsCont() {
		d.decoder.begin(chunk)
		d.decoder.ended(d.Sink.Next(chunk))
	}
	return d.decoder.end
}

func (d *decoding[E]) EOF() iteratee.Step {
	if d.decoder.end.IsCont() {
		d.decoder.begin(nil)
		d.decoder.ended(d.Sink.EOF())
	}
	return d.decoder.end
}

// decoder consumes the lines, and keeps track of their numbers and offsets.
type decoder[E any] struct {
	out    iteratee.Outlet[E]
	answer iteratee.Step          // to the last line
	last   iteratee.Input[[]byte] // the line on which the consumer ended
	end    iteratee.Step
	e      E

	chunk  []byte
	offset int64 // of chunk
	starts int64 // the offset of the first line that ends in chunk
	before int   // the number of lines that ended before chunk
	lines  int   // the number of lines that have ended in chunk
}

func (d *decoder[E]) begin(chunk []byte) {
	if n := bytes.LastIndexByte(d.chunk, '\n'); n >= 0 {
		d.starts = d.offset + int64(n) + 1
	}
	d.offset += int64(len(d.chunk))
	d.before += d.lines
	d.chunk, d.lines = chunk, 0
}

// Next decodes a line.
func (d *decoder[E]) Next(line []byte) iteratee.Step {
	d.lines++
	if isBlank(line) {
		return iteratee.StepCont
	}
	var zero E
	d.e = zero
	if err := unmarshal(line, &d.e); err != nil {
		d.answer = iteratee.StepError(&Error{d.before + d.lines, d.start(), err})
	} else if d.answer = d.out.Next(d.e); !d.answer.IsCont() {
		d.last = iteratee.El(line)
	}
	return d.answer
}

// unmarshal is json.Unmarshal, but refuses malformed UTF-8 instead of replacing it.
func unmarshal(text []byte, e any) error {
	if !utf8.Valid(text) {
		return errNotUTF8
	}
	return json.Unmarshal(text, e)
}

var errNotUTF8 = errors.New("not UTF-8")

// start returns the offset of the last line.
func (d *decoder[E]) start() int64 {
	if d.lines == 1 {
		return d.starts
	}
	rest := d.chunk
	for range d.lines - 1 {
		rest = rest[bytes.IndexByte(rest, '\n')+1:]
	}
	return d.offset + int64(len(d.chunk)-len(rest))
}

// ended notes the answer of the adapter of lines. An error that is not d.answer is an error of
// that adapter.
func (d *decoder[E]) ended(step iteratee.Step) {
	d.end = step
	if err := step.Err(); err != nil && step != d.answer {
		d.lines++
		d.end = iteratee.StepError(&Error{d.before + d.lines, d.start(), err})
	}
}

func (d *decoder[E]) Rest() iteratee.Input[[]byte] {
	if _, ok := d.out.Rest().El(); ok {
		return d.last
	}
	return iteratee.Empty[[]byte]()
}

func isBlank(b []byte) bool { return len(bytes.TrimLeft(b, space)) == 0 }

// An Error tells where [Decode] or [DecodeSeq] found invalid input.
type Error struct {
	Record int   // the number of the line, or of the record of a sequence; the first is 1
	Offset int64 // of the record, in bytes from the start of the run
	Err    error // the cause; an offset in it counts from Offset
}

func (e *Error) Error() string {
	return fmt.Sprintf("enumeratee/ndjson: record %d, at byte %d: %v", e.Record, e.Offset, e.Err)
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }
