package eventsource

import (
	"bytes"
	"slices"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/internal/whole"
	"github.com/halley-go/halley/iteratee"
)

// WholeEvents returns the adapter that hands on an event stream in chunks of whole events, with
// their bytes unchanged. It is for a gateway: bytes come from an upstream server in any pieces,
// and a heartbeat or an event that goes out between two of them must not fall into the middle of
// an event. An event is handed on as soon as it has ended, and so is a comment between two events.
//
// An event that is not complete at EOF is dropped, as clients do with it: bytes that are sent
// after it would become a part of it. A byte order mark before all is dropped too, since it is one
// only at the beginning, and a heartbeat can be sent before it.
//
// An event of more than limit bytes, with the comments in it, ends the run with an error that
// wraps [bufio.ErrTooLong], as soon as that is seen; the events before it have been handed on by
// then. So WholeEvents holds no more than limit and the chunk that it is handed. Events that are within
// one chunk are handed on as a part of it, and not as a copy.
//
// If the consumer ends on a chunk, the bytes that follow are left over, and before them what the
// consumer leaves over. WholeEvents panics if limit is not positive.
func WholeEvents(limit int) enumeratee.Enumeratee[[]byte, []byte] {
	events := whole.Chunks(whole.Format{
		Name:    "comet/eventsource: WholeEvents",
		Unit:    "event",
		Scanner: func() whole.Scanner { return new(scanner).scan },
	}, limit)
	return enumeratee.Compose(withoutMark, events)
}

// scanner looks for the ends of events, and of comments between them.
type scanner struct {
	inEvent bool // a field has come
	inLine  bool // the line is not empty
	comment bool // and begins with a colon
	afterCR bool // an LF belongs to the line before
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
