package eventsource

import (
	"bufio"
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/unicode"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/iteratee"
)

// Decode returns the adapter that hands on the events of a stream of bytes for which a
// browser would call listeners, as soon as the line end after each has come. Lines end
// with LF, CR or CR LF. A byte order mark before all is skipped, and bytes that are not
// UTF-8 are replaced by U+FFFD. Fields that the HTML standard does not know, or whose value
// it does not allow, are ignored, and so are comments. An event that is not complete at EOF
// is dropped.
//
// Every event has as its ID the last one that the stream has set, and as its Retry the last
// time that was asked for: what to connect again with. ResetID and RetryAtOnce say that these
// were set to nothing and to 0. So [Encode] writes events from which Decode makes the same
// ones again. The strings of an event are memory of their own.
//
// A line of more than limit bytes, or one that together with the data before it is of more,
// ends the run with an error that wraps [bufio.ErrTooLong], as soon as that is seen: Decode
// holds no more than a small multiple of limit.
//
// If the consumer ends on an event, the bytes after the line end that completed it are left
// over; an event that it leaves over is not. Decode panics if limit is not positive.
//
// It is the reading side of Play's EventSource, which has none.
func Decode(limit int) enumeratee.Enumeratee[[]byte, Event] { return decode("Decode", limit, false) }

// DecodeAll is [Decode] that also hands on, with NoData set, what only changes the ID or
// asks for a Retry. A client that connects again has to know of those too, and so has a
// program that passes the events on. A Retry counts as soon as its line has ended, so
// DecodeAll hands it on at EOF, though the event that it stands in is dropped.
func DecodeAll(limit int) enumeratee.Enumeratee[[]byte, Event] {
	return decode("DecodeAll", limit, true)
}

func decode(function string, limit int, all bool) enumeratee.Enumeratee[[]byte, Event] {
	if limit <= 0 {
		panic(fmt.Sprintf("comet/eventsource: %s: limit must be positive, got %d", function, limit))
	}
	return enumeratee.New(func(stage enumeratee.Stage, out iteratee.Outlet[Event]) (iteratee.Sink[[]byte], iteratee.Step) {
		d := &decoder{stop: stage.Stop(), cancelled: stage.Cancelled(), out: out, limit: limit, all: all}
		return d, iteratee.StepCont
	})
}

// decoder is one attachment. The names of its fields are the standard's words, where it
// has any.
type decoder struct {
	cancelled func() iteratee.Step
	stop      iteratee.Step
	out       iteratee.Outlet[Event]
	limit     int
	all       bool

	line    []byte // one that chunks before have begun
	inLine  bool   // past the byte order mark, if there was one
	afterCR bool   // an LF belongs to the line before

	eventType  string
	data       []byte // each line with an LF
	idBuffer   lastID // becomes the last event id with the end of the event
	id         lastID
	retry      time.Duration
	atOnce     bool // retry is a 0 that was asked for
	retryAsked bool // by this event

	end  iteratee.Step
	left []byte // what follows the event on which the consumer ended
}

// lastID is the last event id, which a stream can set to nothing.
type lastID struct {
	text string
	set  bool
}

func (d *decoder) Next(chunk []byte) iteratee.Step {
	lf := -1 // the next one in chunk, or its length; looked for once per LF, not once per line
	for at := 0; at < len(chunk) && d.end.IsCont(); {
		if lf < at {
			if lf = bytes.IndexByte(chunk[at:], '\n'); lf < 0 {
				lf = len(chunk) - at
			}
			lf += at
		}
		if d.afterCR {
			d.afterCR = false
			if lf == at {
				at++
				continue
			}
		}
		n := lf
		if cr := bytes.IndexByte(chunk[at:lf], '\r'); cr >= 0 {
			n = at + cr
		}
		line := chunk[at:n]
		if len(d.line) > 0 || n == len(chunk) {
			line = append(d.line, line...)
			d.line = line[:0]
		}
		d.checkLimit(line)
		if n == len(chunk) {
			d.line = line
			break
		}
		at = n + 1
		switch {
		case chunk[n] == '\n':
		case at == len(chunk):
			d.afterCR = true
		case lf == at: // it is not left over
			at++
		}
		if d.end.IsCont() {
			if d.process(line); !d.end.IsCont() {
				d.left = chunk[at:]
			}
		}
	}
	return d.end
}

func (d *decoder) checkLimit(line []byte) {
	if len(line)+len(d.data) > d.limit {
		d.end = iteratee.StepError(fmt.Errorf("comet/eventsource: event of more than %d bytes: %w", d.limit, bufio.ErrTooLong))
	}
}

func (d *decoder) process(line []byte) {
	if !d.inLine {
		d.inLine = true
		line = bytes.TrimPrefix(line, []byte("\ufeff"))
	}
	if len(line) == 0 {
		d.dispatch()
		return
	}
	field, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.TrimPrefix(value, []byte(" "))
	switch string(field) {
	case "event":
		d.eventType = toString(value)
	case "data":
		d.data = append(append(d.data, value...), '\n')
	case "id":
		if bytes.IndexByte(value, 0) < 0 {
			d.idBuffer = lastID{toString(value), true}
		}
	case "retry":
		if retry, ok := parseRetry(string(value)); ok {
			d.retry, d.atOnce, d.retryAsked = retry, retry == 0, true
		}
	}
}

func (d *decoder) dispatch() {
	news := d.retryAsked || d.id != d.idBuffer
	d.id = d.idBuffer
	e := d.state()
	if len(d.data) > 0 {
		e.Name, e.Data, e.NoData = d.eventType, toString(d.data[:len(d.data)-1]), false
	}
	d.eventType, d.data, d.retryAsked = "", d.data[:0], false
	if !e.NoData || d.all && news {
		if d.end = d.out.Next(e); d.end.IsCont() {
			d.end = d.cancelled()
		}
	}
}

// state returns an event of what a client has to know when it connects again.
func (d *decoder) state() Event {
	return Event{
		ID: d.id.text, ResetID: d.id == lastID{set: true},
		Retry: d.retry, RetryAtOnce: d.atOnce, NoData: true,
	}
}

// parseRetry is what a number of milliseconds, all digits, stands for.
func parseRetry(value string) (_ time.Duration, ok bool) {
	if value == "" || strings.Trim(value, "0123456789") != "" {
		return 0, false
	}
	const most = math.MaxInt64 / int64(time.Millisecond)
	ms, err := strconv.ParseInt(value, 10, 64)
	if err != nil { // it is too large
		ms = most
	}
	return time.Duration(min(ms, most)) * time.Millisecond, true
}

// toString decodes UTF-8 as the standard does it. To do so field by field comes to the same
// as before all, since no byte of ASCII is a part of what is not UTF-8.
func toString(b []byte) string {
	if !utf8.Valid(b) {
		b, _ = unicode.UTF8.NewDecoder().Bytes(b) // cannot fail: it replaces
	}
	return string(b)
}

func (d *decoder) EOF() iteratee.Step {
	if d.end.IsCont() && d.all && d.retryAsked {
		d.end = d.out.Next(d.state())
	}
	if d.end.IsCont() {
		d.end = d.stop
	}
	return d.end
}

func (d *decoder) Rest() iteratee.Input[[]byte] {
	if len(d.left) == 0 {
		return iteratee.Empty[[]byte]()
	}
	return iteratee.El(d.left)
}
