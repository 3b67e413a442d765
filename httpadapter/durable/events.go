package durable

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumeratee/items"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/iteratee"
)

// encoding is how an event stream carries the data of a stream.
type encoding int

const (
	array encoding = iota // JSON values in an array
	lines                 // lines of text
	inBase64
)

func (s *state) encoding() encoding {
	switch {
	case s.isJSON():
		return array
	case strings.HasPrefix(mediaType(s.Type), "text/"):
		return lines
	}
	return inBase64
}

// event returns the event with the data of p.
func (e encoding) event(p *page) []byte {
	b := append(make([]byte, 0, p.size*4/3+64), "event: data\n"...)
	if e == inBase64 {
		b = base64.StdEncoding.AppendEncode(append(b, "data:"...), bytes.Join(p.contents, nil))
		return append(b, "\n\n"...)
	}
	return append(appendLines(b, bytes.Join(p.chunks(e == array), nil)), '\n')
}

// shared returns the adapter that replaces the data of a message with its event, or with nil if it is not a message of the
// stream. All readers share the events.
func (e encoding) shared() enumeratee.Enumeratee[enumerator.Item[[]byte], enumerator.Item[[]byte]] {
	return items.Encode(func(data []byte) ([]byte, error) {
		if e == array && !json.Valid(data) || len(data) == 0 {
			return nil, nil
		}
		return e.event(&page{contents: [][]byte{data}, size: len(data)}), nil
	})
}

// events returns the event stream that begins with p, and sets the header of its answer.
func (h *handler) events(header http.Header, name string, s *stream, p page, cursor string) enumerator.Enumerator[[]byte] {
	e := s.encoding()
	header.Set("Cache-Control", "no-cache, no-transform")
	if e == inBase64 {
		header.Set("Stream-SSE-Data-Encoding", "base64")
	}
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[[]byte]) iteratee.Step {
		events := &events{sink: sink, cursor: cursor}
		p := p
		for {
			var data []byte
			if p.size > 0 {
				data = e.event(&p)
			}
			if step := events.send(data, p.next, p.upToDate, p.closed); !step.IsCont() || p.closed {
				return step
			}
			if p.upToDate {
				return h.follow(ctx, name, e, p.next, events)
			}
			var err error
			if p, err = h.page(ctx, name, s, topics.Place{After: p.next}); err != nil {
				return iteratee.StepError(err)
			}
		}
	})
}

// follow hands on the events of the entries to come.
func (h *handler) follow(ctx context.Context, name string, e encoding, after enumerator.Position, events *events) iteratee.Step {
	var stop iteratee.Stop
	topic := h.topics.Topic(name)
	last := after
	step := enumerator.Through(topic.From(after), h.encoders[e]).Into(ctx, sinkFunc(func(item enumerator.Item[[]byte]) iteratee.Step {
		switch {
		case item.Reset:
			return stop.Step() // the client comes back, and learns why
		case item.Bookmark || item.Value == nil:
			return iteratee.StepCont
		}
		last = item.Position
		return events.send(item.Value, last, topic.Position() == last, false)
	}))
	switch step {
	case stop.Step():
		return iteratee.StepCont
	case iteratee.StepCont: // the topic has ended
		if end := topic.Position(); end.Seq > last.Seq {
			last = end
		}
		return events.send(nil, last, true, true)
	}
	return step
}

// events sends the events of one client.
type events struct {
	sink   iteratee.Sink[[]byte]
	cursor string
}

// send sends the event data, if there is one, and an event with the offset after it. Both are one chunk, so that a client
// never has one without the other.
func (e *events) send(data []byte, next enumerator.Position, upToDate, closed bool) iteratee.Step {
	b := append(make([]byte, 0, len(data)+128), data...)
	b = append(b, "event: control\ndata:{\"streamNextOffset\":\""...)
	b, _ = next.AppendText(b)
	b = append(b, '"')
	if !closed {
		b = append(append(append(b, `,"streamCursor":"`...), e.cursor...), '"')
	}
	if upToDate {
		b = append(b, `,"upToDate":true`...)
	}
	if closed {
		b = append(b, `,"streamClosed":true`...)
	}
	return e.sink.Next(append(b, "}\n\n"...))
}

// appendLines appends each line of text as a field. Lines end with LF, CR or CR LF. If a line begins with a space,
// another one precedes it, because clients remove one.
func appendLines(b, text []byte) []byte {
	for {
		b = append(b, "data:"...)
		if len(text) > 0 && text[0] == ' ' {
			b = append(b, ' ')
		}
		n := bytes.IndexAny(text, "\r\n")
		if n < 0 {
			return append(append(b, text...), '\n')
		}
		b = append(append(b, text[:n]...), '\n')
		if bytes.HasPrefix(text[n:], []byte("\r\n")) {
			n++
		}
		text = text[n+1:]
	}
}
