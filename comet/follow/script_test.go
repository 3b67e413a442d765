package follow_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/halley-go/halley/comet/eventsource"
	"github.com/halley-go/halley/comet/follow"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

var (
	errBoom = errors.New("boom")
	errCut  = errors.New("the connection was cut")
	ever    = 1 << 62 * time.Nanosecond
)

// An answer is the response to one request. Its steps are strings, which are read, Durations, after which the next
// step follows, and errors, which end the body. A body without an error is complete.
type answer struct {
	status int // 200 by default
	header string
	wait   time.Duration // before the head
	err    error         // instead of a response
	steps  []any
}

const (
	isEvents = "Content-Type: text/event-stream\n"
	isLines  = "Content-Type: application/x-ndjson\n"
)

func events(steps ...any) answer { return answer{header: isEvents, steps: steps} }
func lines(steps ...any) answer  { return answer{header: isLines, steps: steps} }

// A script is the transport of an http.Client. It gives one answer after the other, and the last one again and again.
type script struct {
	answers []answer
	begin   time.Time
	starts  []time.Duration // of the requests
	lastIDs []string        // their headers Last-Event-ID
	open    int             // the number of bodies that are not closed
	read    int             // the number of bytes that were read
	last    *http.Request
}

func newScript(answers ...answer) *script { return &script{answers: answers, begin: time.Now()} }

func (s *script) client() follow.Option { return follow.HTTPClient(&http.Client{Transport: s}) }

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	a := s.answers[min(len(s.starts), len(s.answers)-1)]
	s.starts = append(s.starts, time.Since(s.begin))
	s.lastIDs = append(s.lastIDs, strings.Join(r.Header.Values("Last-Event-ID"), "+"))
	s.last = r
	if err := sleep(r.Context(), a.wait); err != nil {
		return nil, err
	}
	if a.err != nil {
		return nil, a.err
	}
	if a.status == 0 {
		a.status = http.StatusOK
	}
	header := http.Header{}
	for line := range strings.Lines(a.header) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		header.Add(name, value)
	}
	s.open++
	ctx, cancel := context.WithCancel(r.Context())
	return &http.Response{
		StatusCode: a.status, Status: fmt.Sprint(a.status, " ", http.StatusText(a.status)),
		Header: header, Body: &scripted{s: s, ctx: ctx, close: cancel, steps: a.steps}, Request: r,
	}, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// scripted is the body of an answer.
type scripted struct {
	s      *script
	ctx    context.Context
	close  func()
	steps  []any
	closed bool
}

func (b *scripted) Read(p []byte) (int, error) {
	for len(b.steps) > 0 {
		switch step := b.steps[0].(type) {
		case string:
			n := copy(p, step)
			if b.steps = b.steps[1:]; n < len(step) {
				b.steps = append([]any{step[n:]}, b.steps...)
			}
			b.s.read += n
			return n, nil
		case time.Duration:
			if err := sleep(b.ctx, step); err != nil {
				return 0, err
			}
			b.steps = b.steps[1:]
		case func() string: // endless
			n := copy(p, step())
			b.s.read += n
			return n, nil
		case error:
			return 0, step
		}
	}
	return 0, io.EOF
}

func (b *scripted) Close() error {
	if !b.closed {
		b.closed = true
		b.s.open--
		b.close()
	}
	return nil
}

func get() func(context.Context) (*http.Request, error) { return follow.Get("http://server/stream") }

// run returns the elements of source, and how it ended. It checks that all bodies are closed.
func run[E any](ctx context.Context, t testing.TB, s *script, source enumerator.Enumerator[E]) (es []E, err error) {
	_, err = enumerator.Run(ctx, source, iteratee.ForEach(func(_ context.Context, e E) error {
		es = append(es, e)
		return nil
	}))
	assert.Zero(t, s.open, "open bodies")
	return es, err
}

// short returns the events as text.
func short(es []eventsource.Event) (text []string) {
	for _, e := range es {
		b, err := e.AppendText(nil)
		if err != nil {
			panic(err)
		}
		text = append(text, strings.ReplaceAll(strings.TrimSpace(string(b)), "\n", "|"))
	}
	return text
}
