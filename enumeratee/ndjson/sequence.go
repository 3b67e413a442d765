package ndjson

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/internal/check"
	"github.com/halley-go/halley/iteratee"
)

// separator begins a record of a sequence.
const separator = 0x1E

// DecodeSeq returns the adapter that decodes each record of a JSON text sequence (RFC 7464) with
// json.Unmarshal and hands on the values. A record begins with the record separator, 1E, and may
// span lines and chunks. Its value is handed on when its last line has ended. If the last line has
// no LF, the value is handed on when the next record begins or the stream ends. Empty records are
// skipped. Each value is in new memory.
//
// DecodeSeq calls invalid with an [*Error] for
//
//   - a record that is not UTF-8, or not one JSON value that fits an E,
//   - a record of more than limit bytes; that Error wraps bufio.ErrTooLong,
//   - a number, true, false or null without white space after it, since it may have been cut off;
//     that Error wraps io.ErrUnexpectedEOF, and the value is not handed on,
//   - text outside a record.
//
// If invalid returns nil, DecodeSeq goes on with the next record, as the RFC advises. If it returns
// an error, that error ends the run. If invalid is nil, each *Error ends the run.
//
// If the consumer ends on a value, the bytes after its record are left over. If the consumer leaves
// the value over, its record comes before those bytes. DecodeSeq panics if limit is not positive.
func DecodeSeq[E any](limit int, invalid func(error) error) enumeratee.Enumeratee[[]byte, E] {
	check.Positive("enumeratee/ndjson: DecodeSeq: limit", limit)
	if invalid == nil {
		invalid = func(err error) error { return err }
	}
	return enumeratee.New(func(stage enumeratee.Stage, out iteratee.Outlet[E]) (iteratee.Sink[[]byte], iteratee.Step) {
		d := &sequence[E]{stop: stage.Stop(), cancelled: stage.Cancelled(), out: out, limit: limit, invalid: invalid, outside: true}
		return d, iteratee.StepCont
	})
}

type sequence[E any] struct {
	cancelled func() iteratee.Step
	stop      iteratee.Step
	out       iteratee.Outlet[E]
	limit     int
	invalid   func(error) error
	end       iteratee.Step
	e         E

	number int    // of the record
	starts int64  // the offset of its text
	offset int64  // of the next byte
	begun  []byte // the text so far, from earlier chunks
	state  state

	outside bool // not in a record: none has begun, or its value is complete
	muted   bool // invalid has been called for this place

	last, after []byte // the record on which the consumer ended, and the bytes after it
	ended       bool   // the consumer ended on a record
}

func (d *sequence[E]) Next(chunk []byte) iteratee.Step {
	for len(chunk) > 0 && d.end.IsCont() {
		n := d.scan(chunk)
		part, after := chunk[:n], chunk[n:]
		d.offset += int64(n)
		switch {
		case d.outside:
			d.strayed(part, after)
		case n < len(chunk) || d.state.complete:
			d.record(part, after)
		default:
			d.begin(part)
		}
		if len(after) > 0 && after[0] == separator && d.end.IsCont() {
			d.offset++
			d.outside, d.muted, d.state = false, false, state{}
			d.starts, d.begun = d.offset, d.begun[:0]
			after = after[1:]
		}
		chunk = after
	}
	return d.end
}

func (d *sequence[E]) EOF() iteratee.Step {
	if d.end.IsCont() && !d.outside {
		d.record(nil, nil)
	}
	if d.end.IsCont() {
		d.end = d.stop
	}
	return d.end
}

// scan returns the number of bytes of chunk up to the next separator, or up to the end of the line
// that completes a value.
func (d *sequence[E]) scan(chunk []byte) int {
	n := bytes.IndexByte(chunk, separator)
	if n < 0 {
		n = len(chunk)
	}
	if !d.outside {
		n = d.state.scan(chunk[:n])
	}
	return n
}

// strayed checks the bytes outside a record.
func (d *sequence[E]) strayed(part, after []byte) {
	if text := bytes.TrimLeft(part, space); len(text) > 0 && !d.muted {
		d.muted = true
		d.wrong(d.offset-int64(len(text)), errors.New("text outside a record"), after)
	}
}

// begin keeps the beginning of a record, unless it is too long.
func (d *sequence[E]) begin(part []byte) {
	if d.begun = append(d.begun, part...); len(d.begun) > d.limit {
		d.tooLong(nil)
	}
}

func (d *sequence[E]) tooLong(after []byte) {
	d.number++
	d.outside, d.muted = true, true
	d.wrong(d.starts, fmt.Errorf("more than %d bytes: %w", d.limit, bufio.ErrTooLong), after)
}

// record decodes the record that ends with part.
func (d *sequence[E]) record(part, after []byte) {
	text := part
	if len(d.begun) > 0 {
		d.begun = append(d.begun, part...)
		text = d.begun
	}
	size := len(text)
	if d.state.complete {
		size-- // the end of its line
	}
	switch value := bytes.Trim(text, space); {
	case size > d.limit:
		d.tooLong(after)
		return
	case len(value) == 0:
		return
	case len(value) == len(bytes.TrimLeft(text, space)) && !bytes.ContainsRune([]byte(`{["`), rune(value[0])):
		d.number++
		d.outside, d.muted = true, true
		d.wrong(d.starts, fmt.Errorf("value that may have been cut off: %w", io.ErrUnexpectedEOF), after)
		return
	}
	d.number++
	d.outside = true
	var zero E
	d.e = zero
	if err := unmarshal(text, &d.e); err != nil {
		d.muted = true
		d.wrong(d.starts, err, after)
		return
	}
	if d.end = d.out.Next(d.e); d.end.IsCont() {
		d.end = d.cancelled()
	}
	if !d.end.IsCont() {
		d.last, d.after, d.ended = text, after, true
	}
}

func (d *sequence[E]) wrong(at int64, err error, after []byte) {
	if err := d.invalid(&Error{d.number, at, err}); err != nil {
		d.end, d.after = iteratee.StepError(err), after
	}
}

func (d *sequence[E]) Rest() iteratee.Input[[]byte] {
	rest := d.after
	if _, left := d.out.Rest().El(); left && d.ended {
		rest = slices.Concat([]byte{separator}, d.last, rest)
	}
	if len(rest) == 0 {
		return iteratee.Empty[[]byte]()
	}
	return iteratee.El(rest)
}

// space is the white space of JSON.
const space = " \t\r\n"

// state is the state of a scan over a JSON text.
type state struct {
	begun    bool // something other than white space has come
	depth    int  // of objects and arrays
	inString bool
	escaped  bool // by a backslash
	complete bool // a line has ended, and no string, object or array is open
}

// scan reads text up to the end of the line that completes the value, and returns the number of
// bytes. It does not check that text is JSON.
func (s *state) scan(text []byte) int {
	for i, c := range text {
		switch {
		case s.escaped:
			s.escaped = false
		case s.inString:
			s.escaped, s.inString = c == '\\', c != '"'
		case c == '"':
			s.begun, s.inString = true, true
		case c == '{', c == '[':
			s.begun = true
			s.depth++
		case c == '}', c == ']':
			s.begun = true
			s.depth--
		case c == '\n':
			if s.begun && s.depth <= 0 {
				s.complete = true
				return i + 1
			}
		case c != ' ' && c != '\t' && c != '\r':
			s.begun = true
		}
	}
	return len(text)
}
