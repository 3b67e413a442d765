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
	"github.com/halley-go/halley/internal/check"
	"github.com/halley-go/halley/iteratee"
)

// Decode returns the adapter that parses the bytes of an event stream. It hands on the events for
// which a browser would call listeners, each as soon as its blank line has arrived. Lines end with
// LF, CR or CR LF. A byte order mark at the beginning is skipped, and bytes that are not UTF-8 are
// replaced with U+FFFD. Comments, and fields with a name or a value that the HTML standard does not
// allow, are ignored.
//
// Each event has the ID and the Retry that the stream has set last, because a client uses both when
// it connects again. ResetID means that the last id was set to the empty string, and RetryAtOnce
// that the last retry was 0. If [Encode] writes the events, Decode reads the same events again. The
// strings of an event do not share memory with the chunks.
//
// An event that is incomplete at EOF is dropped. If a line, together with the data lines before
// it in the event, has more than limit bytes, the run ends with an error that wraps
// [bufio.ErrTooLong], as soon as the limit is exceeded. Decode holds at most a small multiple of
// limit.
//
// If the consumer ends on an event, the bytes after the line end that completed the event are
// left over. An event that the consumer leaves over is lost. Decode panics if limit is not
// positive.
func Decode(limit int) enumeratee.Enumeratee[[]byte, Event] { return decode("Decode", limit, false) }

// DecodeAll is [Decode], but also hands on events without data that change the ID or set a Retry.
// Their NoData is set. Clients that connect again, and programs that forward the stream, need these
// events. A Retry takes effect as soon as its line has ended, so DecodeAll hands it on at EOF even
// if its event is incomplete.
func DecodeAll(limit int) enumeratee.Enumeratee[[]byte, Event] {
	return decode("DecodeAll", limit, true)
}

func decode(function string, limit int, all bool) enumeratee.Enumeratee[[]byte, Event] {
	check.Positive("comet/eventsource: "+function+": limit", limit)
	return enumeratee.New(func(stage enumeratee.Stage, out iteratee.Outlet[Event]) (iteratee.Sink[[]byte], iteratee.Step) {
		d := &decoder{stop: stage.Stop(), cancelled: stage.Cancelled(), out: out, limit: limit, all: all}
		return d, iteratee.StepCont
	})
}

// decoder is the state of one attachment. Its fields have the names of the HTML standard where
// there are any.
type decoder struct {
	cancelled func() iteratee.Step
	stop      iteratee.Step
	out       iteratee.Outlet[Event]
	limit     int
	all       bool

	line    []byte // an incomplete line of earlier chunks
	inLine  bool   // past the place of the byte order mark
	afterCR bool   // an LF now would belong to the previous line end

	eventType  string
	data       []byte // each line with an LF
	idBuffer   lastID // becomes id at the end of the event
	id         lastID
	retry      time.Duration
	atOnce     bool // the stream has set retry to 0
	retryAsked bool // this event has set retry

	end  iteratee.Step
	left []byte // the bytes after the event on which the consumer ended
}

// lastID is the last event id. A stream can set it to the empty string.
type lastID struct {
	text string
	set  bool
}

func (d *decoder) Next(chunk []byte) iteratee.Step {
	lf := -1 // index of the next LF, or len(chunk); searched for once per LF, not once per line
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
		case lf == at: // the LF of a CR LF is not left over
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

// state returns an event with the values that a client needs to connect again.
func (d *decoder) state() Event {
	return Event{
		ID: d.id.text, ResetID: d.id == lastID{set: true},
		Retry: d.retry, RetryAtOnce: d.atOnce, NoData: true,
	}
}

// parseRetry parses a number of milliseconds, which must be all digits.
func parseRetry(value string) (_ time.Duration, ok bool) {
	if value == "" || strings.Trim(value, "0123456789") != "" {
		return 0, false
	}
	const maxMS = math.MaxInt64 / int64(time.Millisecond)
	ms, err := strconv.ParseInt(value, 10, 64)
	if err != nil { // too large
		ms = maxMS
	}
	return time.Duration(min(ms, maxMS)) * time.Millisecond, true
}

// toString decodes UTF-8 as the HTML standard does. Decoding each field gives the same result
// as decoding the whole stream, since an ASCII byte is never part of an invalid sequence.
func toString(b []byte) string {
	if !utf8.Valid(b) {
		b, _ = unicode.UTF8.NewDecoder().Bytes(b) // never fails: it replaces
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
