package httpadapter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/fanout"
	"github.com/halley-go/halley/internal/guard"
	"github.com/halley-go/halley/iteratee"
)

// errHandedOver ends the run of a stream that goes on in a Crowd.
var errHandedOver = errors.New("httpadapter: Fanout: the stream was handed over")

// joining returns the Enumerator of the chunks of items, which hands s over to a Crowd if it can.
func (f *fanoutHandler[E]) joining(s *stream, items enumerator.Enumerator[enumerator.Item[E]]) enumerator.Enumerator[[]byte] {
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[[]byte]) iteratee.Step {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		j := &joiner{ctx: ctx, cancel: cancel, s: s, sink: sink, cork: iteratee.Cork(ctx), crowd: f.crowdOf(s.r, items)}
		defer j.leave()
		consumer := iteratee.New(func(ctx context.Context) (iteratee.Running[[]byte, struct{}], iteratee.Step) {
			iteratee.OnCork(ctx, j.onCork)
			return j, iteratee.StepCont
		})
		at := after(func(item enumerator.Item[E]) iteratee.Step { return j.at(item.Position) })
		_, err := enumerator.Run(ctx, enumerator.Through(enumerator.Through(items, at), f.encode), consumer)
		if j.ticket != nil {
			s.takeOver = j.takeOver
			return iteratee.StepError(errHandedOver)
		}
		if step := j.release(); !step.IsCont() || err == nil {
			return step
		}
		return iteratee.StepError(err)
	})
}

// maxHeld limits the chunks of a stream that wait for it to be handed over.
const maxHeld = 256 << 10

// joiner takes the chunks of a stream until the Crowd has all elements that follow. It holds them back until the
// stream is handed over or turns out to stay.
type joiner struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	s      *stream
	sink   iteratee.Sink[[]byte]
	cork   func(corked bool)
	end    iteratee.Step // of sink
	corked bool
	held   [][]byte
	size   int           // of held
	crowd  *fanout.Crowd // nil if the stream stays
	ticket *fanout.Ticket
}

func (j *joiner) Next(chunk []byte) iteratee.Step {
	switch {
	case !j.end.IsCont():
	case j.crowd == nil:
		j.end = j.sink.Next(chunk)
	default:
		j.held = append(j.held, bytes.Clone(chunk))
		if j.size += len(chunk); j.size > maxHeld {
			return j.release()
		}
	}
	return j.end
}

func (*joiner) EOF() iteratee.Step           { return iteratee.StepDone }
func (*joiner) Rest() iteratee.Input[[]byte] { return iteratee.Empty[[]byte]() }
func (*joiner) Result() (struct{}, error)    { return struct{}{}, nil }

// at is called when the client is to get all chunks up to p.
func (j *joiner) at(p enumerator.Position) iteratee.Step {
	if j.crowd == nil {
		return iteratee.StepCont
	}
	if j.ticket = j.crowd.Reserve(j.ctx, p); j.ticket != nil {
		if j.s.yields() {
			return iteratee.StepError(errHandedOver)
		}
		j.ticket.Cancel()
		j.ticket = nil
		return j.release()
	}
	if !j.corked { // the next item may take its time
		return j.release()
	}
	return iteratee.StepCont
}

func (j *joiner) onCork(corked bool) {
	j.corked = corked
	switch {
	case j.crowd == nil:
		j.cork(corked)
	case !corked && j.ticket == nil:
		if step := j.release(); !step.IsCont() {
			j.cancel(step.Err())
		}
	}
}

// release lets the stream stay with net/http.
func (j *joiner) release() iteratee.Step {
	j.leave()
	for i, chunk := range j.held {
		j.cork(j.corked || i < len(j.held)-1)
		if j.end = j.sink.Next(chunk); !j.end.IsCont() {
			break
		}
	}
	j.held = nil
	return j.end
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
}

// yields reports whether the stream can be handed over because its head has not left. Nothing is written then.
func (s *stream) yields() bool {
	s.lock()
	defer s.unlock()
	if s.sent || s.err != nil {
		return false
	}
	s.err = errHandedOver
	return true
}

// takeOver hands the connection over. leave gives the places of the limits back.
func (j *joiner) takeOver(leave func()) error {
	s := j.s
	first := s.headOnWire()
	for _, chunk := range j.held {
		if len(chunk) > 0 {
			first = appendChunk(first, chunk)
			s.outcome.Chunks++
			s.outcome.Bytes += int64(len(chunk))
		}
	}
	conn, _, err := s.rc().Hijack()
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
	client := &fanout.Client{FD: fd, First: first}
	if s.until > 0 {
		client.Ends = s.start.Add(s.until)
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

// overOf returns the function that is called when a stream that was handed over has ended. It keeps nothing of
// net/http in memory but the request.
func overOf(c *config, r *http.Request, start time.Time, o Outcome, leave func()) func(fanout.End) {
	return func(end fanout.End) {
		leave()
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
		guard.Run("httpadapter: Fanout: a function of OnEnd", func() {
			c.onEnd(&stream{config: c, r: r, start: start, outcome: o})
		}, func(panicked any) {
			if panicked != nil {
				logPanic(r.Context(), c.logger, "httpadapter: Fanout: a function of OnEnd has panicked", panicked)
			}
		})
	}
}

// headOnWire returns the head of the response. The connection does not go back to net/http, so it must not be used
// for another request.
func (s *stream) headOnWire() []byte {
	h := s.w.Header()
	s.setHeader(h)
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
