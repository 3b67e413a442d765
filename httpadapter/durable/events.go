package durable

import (
	"bytes"
	"context"
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/iteratee"
)

// events returns the event stream that begins with p, and sets the header of its answer.
func (h *handler) events(header http.Header, name string, s *stream, p page, cursor string) enumerator.Enumerator[[]byte] {
	events := &encoder{stream: s, cursor: cursor, base64: !s.isJSON() && !strings.HasPrefix(mediaType(s.Type), "text/")}
	header.Set("Cache-Control", "no-cache, no-transform")
	if events.base64 {
		header.Set("Stream-SSE-Data-Encoding", "base64")
	}
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[[]byte]) iteratee.Step {
		p := p
		for {
			if step := sink.Next(events.encode(&p)); !step.IsCont() || p.closed {
				return step
			}
			if p.upToDate {
				return h.follow(ctx, name, events, p.next, sink)
			}
			var err error
			if p, err = h.page(ctx, name, s, topics.Place{After: p.next}); err != nil {
				return iteratee.StepError(err)
			}
		}
	})
}

// follow hands on the events of the entries to come.
func (h *handler) follow(ctx context.Context, name string, events *encoder, after enumerator.Position, sink iteratee.Sink[[]byte]) iteratee.Step {
	var stop iteratee.Stop
	topic := h.topics.Topic(name)
	last := after
	step := topic.From(after).Into(ctx, sinkFunc(func(item enumerator.Item[[]byte]) iteratee.Step {
		switch {
		case item.Reset:
			return stop.Step() // the client comes back, and learns why
		case item.Bookmark:
			return iteratee.StepCont
		}
		last = item.Position
		p := page{upToDate: topic.Position() == last}
		p.add(item.Position, events.stream.contentOf(topics.Entry{Position: item.Position, Data: item.Value}))
		if p.size == 0 && !p.closed {
			return iteratee.StepCont
		}
		if step := sink.Next(events.encode(&p)); !step.IsCont() || !p.closed {
			return step
		}
		return stop.Step()
	}))
	switch step {
	case stop.Step():
		return iteratee.StepCont
	case iteratee.StepCont: // the topic has ended
		return sink.Next(events.encode(&page{next: last, upToDate: true, closed: true}))
	}
	return step
}

// encoder makes events of pages.
type encoder struct {
	stream *stream
	base64 bool
	cursor string
}

// encode returns an event with the data of p, if it has any, and an event with the offset after p.
func (e *encoder) encode(p *page) []byte {
	b := make([]byte, 0, p.size*4/3+256)
	if p.size > 0 {
		b = append(b, "event: data\n"...)
		body := bytes.Join(p.chunks(e.stream.isJSON()), nil)
		if e.base64 {
			b = append(base64.StdEncoding.AppendEncode(append(b, "data:"...), body), '\n')
		} else {
			b = appendLines(b, body)
		}
		b = append(b, '\n')
	}
	b = append(b, "event: control\ndata:{\"streamNextOffset\":\""...)
	b, _ = p.next.AppendText(b)
	b = append(b, '"')
	if !p.closed {
		b = append(append(append(b, `,"streamCursor":"`...), e.cursor...), '"')
	}
	if p.upToDate {
		b = append(b, `,"upToDate":true`...)
	}
	if p.closed {
		b = append(b, `,"streamClosed":true`...)
	}
	return append(b, "}\n\n"...)
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
