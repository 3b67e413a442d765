package eventsource

import (
	"bytes"
	"slices"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/internal/whole"
	"github.com/halley-go/halley/iteratee"
)

// WholeEvents returns the adapter that regroups the bytes of an event stream into chunks of
// whole events. It does not change the bytes. It is for a gateway: an upstream server's bytes
// arrive in arbitrary pieces, and a heartbeat or another event between two pieces could fall
// into the middle of an event. WholeEvents hands on an event, or a comment between two events,
// as soon as it is complete.
//
// An event that is incomplete at EOF is dropped, because bytes sent after it would become a part of
// it. Clients drop such an event too. A byte order mark at the beginning is dropped too, since a
// heartbeat can be sent before it, and it is a mark only at the very beginning of a stream.
//
// An event of more than limit bytes, including comments in it, ends the run with an error that
// wraps [bufio.ErrTooLong], as soon as it exceeds the limit. The events before it are handed on
// first. WholeEvents holds at most limit bytes and the current chunk. After the first chunk it
// copies bytes only if an event spans several chunks.
//
// If the consumer ends on a chunk, its leftovers and the bytes after the chunk are left over.
// WholeEvents panics if limit is not positive.
func WholeEvents(limit int) enumeratee.Enumeratee[[]byte, []byte] {
	events := whole.Chunks(whole.Format{
		Name:    "comet/eventsource: WholeEvents",
		Unit:    "event",
		Scanner: func() whole.Scanner { return new(scanner).scan },
	}, limit)
	return enumeratee.Compose(withoutMark, events)
}

// scanner finds the ends of events and of comments between them.
type scanner struct {
	inEvent bool // the event has a field
	inLine  bool // the line is not empty
	comment bool // the line begins with a colon
	afterCR bool // an LF now would belong to the previous line end
}

func (s *scanner) scan(chunk []byte) int {
	at := 0
	if s.afterCR && len(chunk) > 0 {
		s.afterCR = false
		if chunk[0] == '\n' {
			if at++; !s.inEvent {
				return at
			}
		}
	}
	for {
		n := bytes.IndexAny(chunk[at:], "\r\n")
		if !s.inLine && n != 0 && at < len(chunk) {
			s.inLine, s.comment = true, chunk[at] == ':'
		}
		if n < 0 {
			return -1
		}
		at += n + 1
		switch {
		case chunk[at-1] == '\n':
		case at == len(chunk):
			s.afterCR = true
		case chunk[at] == '\n':
			at++
		}
		ends := !s.inLine || s.comment && !s.inEvent
		s.inLine, s.inEvent = false, !ends
		if ends {
			return at
		}
	}
}

// withoutMark drops a byte order mark at the beginning.
var withoutMark = enumeratee.New(func(stage enumeratee.Stage, out iteratee.Outlet[[]byte]) (iteratee.Sink[[]byte], iteratee.Step) {
	return &markDropping{Stage: stage, Outlet: out}, iteratee.StepCont
})

type markDropping struct {
	enumeratee.Stage
	iteratee.Outlet[[]byte]
	begun  []byte // the first bytes, which may begin a mark
	looked bool
}

var mark = []byte("\ufeff")

func (m *markDropping) Next(chunk []byte) iteratee.Step {
	if !m.looked {
		chunk = slices.Concat(m.begun, chunk)
		if len(chunk) < len(mark) && bytes.HasPrefix(mark, chunk) {
			m.begun = chunk
			return iteratee.StepCont
		}
		m.looked, chunk = true, bytes.TrimPrefix(chunk, mark)
	}
	return m.Outlet.Next(chunk)
}
