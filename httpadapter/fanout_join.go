package httpadapter

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter/internal/shared"
	"github.com/halley-go/halley/internal/fanout"
	"github.com/halley-go/halley/internal/guard"
	"github.com/halley-go/halley/iteratee"
)

// errHandedOver ends the run of a stream that goes on in a Crowd.
var errHandedOver = errors.New("httpadapter: Fanout: the stream was handed over")

// joining returns the Enumerator of the chunks of items. It hands s over to a Crowd as soon as the Crowd has all
// elements that follow.
func (f *fanoutHandler[E]) joining(s *stream, source any, items enumerator.Enumerator[enumerator.Item[E]]) enumerator.Enumerator[[]byte] {
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[[]byte]) iteratee.Step {
		j := &joiner{Sink: sink, ctx: ctx, s: s, crowd: f.crowdOf(s.r, source, items)}
		defer j.leave()
		tap := around(j.before, func(item enumerator.Item[E]) iteratee.Step {
			count(&s.outcome.Counts, item)
			return j.after(item.Position)
		})
		step := enumerator.Through(enumerator.Through(items, tap), f.encode).Into(ctx, j)
		if j.ticket != nil {
			s.takeOver = j.takeOver
			return iteratee.StepError(errHandedOver)
		}
		if end := j.release(); !end.IsCont() {
			return end
		}
		return step
	})
}

// joiner takes the chunks of a stream that is not handed over yet.
type joiner struct {
	iteratee.Sink[[]byte]
	ctx    context.Context
	s      *stream
	crowd  *fanout.Crowd // nil if the stream stays with net/http
	ticket *fanout.Ticket
	holds  bool     // an Item is being encoded
	held   [][]byte // its chunks
}

// before is called before an Item is encoded.
func (j *joiner) before() { j.holds = j.crowd != nil }

func (j *joiner) Next(chunk []byte) iteratee.Step {
	if !j.holds {
		return j.Sink.Next(chunk)
	}
	j.held = append(j.held, bytes.Clone(chunk))
	return iteratee.StepCont
}

func (j *joiner) EOF() iteratee.Step {
	if step := j.release(); !step.IsCont() {
		return step
	}
	return j.Sink.EOF()
}

// after is called when an Item was encoded. The client is to get all chunks up to p.
func (j *joiner) after(p enumerator.Position) iteratee.Step {
	_, isSocket := j.s.w.(shared.Socket) // nothing is read from it before the end of joining, so that must come soon
	switch {
	case j.crowd == nil:
		return iteratee.StepCont
	case p == enumerator.Position{}:
		if isSocket {
			j.leave()
		}
		return j.release()
	}
	if j.ticket = j.crowd.Reserve(j.ctx, p); j.ticket != nil {
		if j.s.yields() {
			return iteratee.StepError(errHandedOver)
		}
		j.ticket.Cancel()
		j.ticket = nil
	} else if !j.crowd.Open() || isSocket && j.s.now() > j.s.timeout {
		j.leave()
	}
	return j.release()
}

// release hands on the chunks that were held.
func (j *joiner) release() (step iteratee.Step) {
	for _, chunk := range j.held {
		if step.IsCont() {
			step = j.Sink.Next(chunk)
		}
	}
	j.holds, j.held = false, nil
	return step
}

// leave leaves the Crowd, unless the stream is handed over.
func (j *joiner) leave() {
	if j.crowd == nil || j.s.takeOver != nil {
		return
	}
	if j.ticket != nil { // something has panicked
		j.ticket.Cancel()
	}
	j.crowd.Leave()
	j.crowd = nil
	if socket, ok := j.s.w.(shared.Socket); ok {
		j.s.lock()
		defer j.s.unlock()
		socket.Stay()
	}
}

// yields reports whether the stream can be handed over. If so, its ResponseWriter gets no more writes.
func (s *stream) yields() bool {
	s.lock()
	defer s.unlock()
	if s.waiting > 0 {
		_ = s.send(nil, true)
	}
	if s.err != nil {
		return false
	}
	s.err = errHandedOver
	if s.encoder != nil {
		s.zip = zipOf(s.encoder)
	}
	return true
}

// zipOf returns the state of an encoder of gzip.
func zipOf(e Encoder) *fanout.Zip {
	d := e.(shared.Deflater)
	begun, digest, size := d.Sum()
	return &fanout.Zip{Deflate: d.Deflate, Begun: begun, Sum: fanout.Sum{Digest: digest, Size: int64(size)}}
}

// takeOver hands the connection over. leave gives back the places under the limits.
func (j *joiner) takeOver(leave func()) error {
	s := j.s
	socket, _ := s.w.(shared.Socket)
	var first []byte
	if !s.sent {
		first = s.headOnWire()
	}
	var text []byte
	for _, chunk := range j.held {
		if len(chunk) > 0 {
			text = append(text, chunk...)
			s.outcome.Chunks++
			s.outcome.Bytes += int64(len(chunk))
		}
	}
	switch {
	case socket != nil:
		first = text
	case s.zip != nil:
		first = s.zip.Append(first, text)
	default:
		first = fanout.AppendChunk(first, text)
	}
	var conn net.Conn
	var input []byte
	var err error
	if socket != nil {
		conn, input = socket.Take()
	} else {
		conn, _, err = s.rc().Hijack()
	}
	var fd int
	if err == nil {
		s.sent = true
		fd, err = fanout.Take(conn.(*net.TCPConn))
	}
	if err != nil {
		j.ticket.Cancel()
		j.crowd.Leave()
		return fmt.Errorf("httpadapter: Fanout: %w", err)
	}
	client := &fanout.Client{FD: fd, First: first, Input: input, Zip: s.zip}
	if s.maxDuration > 0 {
		client.Ends = s.start.Add(s.until) // until is 0 if the time has passed since the client got its Ticket
	}
	switch {
	case s.onEnd != nil:
		client.Over = overOf(s.config, s.r, s.start, s.outcome, leave)
	case len(s.limits) > 0:
		client.Over = func(fanout.End) { leave() }
	}
	j.ticket.Join(client)
	return nil
}

// overOf returns the function that is called once, when a stream that was handed over has ended.
func overOf(c *config, r *http.Request, start time.Time, o Outcome, leave func()) func(fanout.End) {
	kept, header := *r, packed(r.Header)
	kept.Header = nil
	return func(end fanout.End) {
		leave()
		kept.Header = unpacked(header)
		o.Reason, o.Err = Failed, end.Err
		switch {
		case end.Gone:
			o.Reason, o.Err = ClientGone, fmt.Errorf("%w: %w", ErrClientGone, end.Err)
		case end.Err == nil:
			o.Reason = EndOfSource
		case end.Err == fanout.ErrExpired:
			o.Reason, o.Err = Expired, nil
		case end.Err == fanout.ErrDrained:
			o.Reason, o.Err = Drained, nil
		case end.Err == errEnginePanicked:
			o.Reason, o.Err = Panicked, nil
		}
		o.Chunks += end.Chunks
		o.Bytes += end.Bytes
		o.Messages += end.Messages
		o.Lost += end.Lost
		o.Resets += end.Resets
		guard.Run("httpadapter: Fanout: a function of OnEnd", func() {
			c.onEnd(&stream{config: c, r: &kept, start: start, outcome: o})
		}, func(panicked any) {
			if panicked != nil {
				logPanic(kept.Context(), c.logger, "httpadapter: Fanout: a function of OnEnd has panicked", panicked)
			}
		})
	}
}

// packed returns the fields of h in few bytes. A request waits for the end of its stream in this form, because a map
// and its strings take more than half of the memory of a request.
func packed(h http.Header) []byte {
	var fields []byte
	add := func(text string) { fields = append(binary.AppendUvarint(fields, uint64(len(text))), text...) }
	for key, values := range h {
		add(key)
		fields = binary.AppendUvarint(fields, uint64(len(values)))
		for _, value := range values {
			add(value)
		}
	}
	return bytes.Clone(fields) // without the room at the end
}

// unpacked returns the header of which packed has made fields.
func unpacked(fields []byte) http.Header {
	length := func() int {
		n, size := binary.Uvarint(fields)
		fields = fields[size:]
		return int(n)
	}
	text := func() string {
		n := length()
		s := string(fields[:n])
		fields = fields[n:]
		return s
	}
	h := http.Header{}
	for len(fields) > 0 {
		key, values := text(), make([]string, length())
		for i := range values {
			values[i] = text()
		}
		h[key] = values
	}
	return h
}

// headOnWire returns the head of the response.
func (s *stream) headOnWire() []byte {
	h := s.w.Header()
	s.setHeader(h)
	if s.encode != nil {
		if s.encode(s); s.encoder != nil {
			s.zip = zipOf(s.encoder)
			s.release()
		}
	}
	if _, set := h["Date"]; !set {
		h.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	}
	h.Set("Connection", "close")
	h.Set("Transfer-Encoding", "chunked")
	var head bytes.Buffer
	head.WriteString("HTTP/1.1 200 OK\r\n")
	_ = h.Write(&head) // a Buffer does not fail
	head.WriteString("\r\n")
	return head.Bytes()
}
