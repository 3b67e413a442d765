package follow

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/halley-go/halley/comet/eventsource"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumeratee/ndjson"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/retry"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/internal/whole"
	"github.com/halley-go/halley/iteratee"
)

// run is the state of one run. Its id is the last id of the stream, and its silence the time for which the
// server may be silent now.
type run struct {
	config
	request    func(context.Context) (*http.Request, error)
	mediaTypes []string

	resetID bool          // the stream has set the id to the empty string
	retry   time.Duration // of the stream
	atOnce  bool          // the stream has set retry to 0
	ended   bool          // the stream has ended in good order
	silent  bool          // the last attempt has failed because the server was silent

	// These fields belong to the last attempt.

	timer      *time.Timer   // ends the attempt when the server has been silent
	retryAfter time.Duration // of the response, or 0
	alive      bool          // a byte of the stream has come
	gave       bool          // an event has come
}

// attempt returns the source of each attempt of r. It runs out if the stream has ended in good order, and
// fails otherwise.
func attempt[E any](r *run, convert enumeratee.Enumeratee[eventsource.Event, sign[E]]) enumerator.Enumerator[sign[E]] {
	open := enumerator.Defer(func(ctx context.Context) (enumerator.Enumerator[sign[E]], error) {
		events, err := r.open(ctx)
		return enumerator.Through(events, convert), err
	})
	timed := enumerator.New(func(ctx context.Context, sink iteratee.Sink[sign[E]]) iteratee.Step {
		r.retryAfter, r.alive, r.gave = 0, false, false
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		r.timer = time.AfterFunc(math.MaxInt64, func() { cancel(errSilent) })
		defer r.timer.Stop()
		return open.Into(ctx, sink)
	})
	ranOut := enumerator.Defer(func(context.Context) (none enumerator.Enumerator[sign[E]], err error) {
		if !r.ended {
			err = retry.ErrRanOut
		}
		return none, err
	})
	return enumerator.Catch(timed.AndThen(ranOut), func(err error) enumerator.Enumerator[sign[E]] {
		failure := enumerator.Throw[sign[E]](r.failure(err))
		if r.alive {
			return enumerator.Of(sign[E]{}).AndThen(failure)
		}
		return failure
	})
}

// open makes a request and returns the events of the response.
func (r *run) open(ctx context.Context) (none enumerator.Enumerator[eventsource.Event], err error) {
	response, err := r.do(ctx)
	if err != nil {
		return none, err
	}
	if response.StatusCode == http.StatusNoContent {
		response.Body.Close()
		r.ended = true
		return none, nil
	}
	r.retryAfter = retryAfter(response.Header)
	response.Body = &timedBody{response.Body, r}
	body := enumerator.Map(httpadapter.Response(response, r.mediaTypes...), func(chunk []byte) []byte {
		r.alive = true
		return chunk
	})
	decode := decodeLines(r.limit)
	if mediaType, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type")); mediaType == eventsource.ContentType {
		decode = eventsource.DecodeAll(r.limit)
	}
	return enumerator.Through(body, decode), nil
}

// do makes a request and waits for the head of the response.
func (r *run) do(ctx context.Context) (*http.Response, error) {
	request, err := r.request(ctx)
	if err != nil {
		return nil, err
	}
	if request == nil {
		panic("comet/follow: request must not return nil")
	}
	// The context of the request can have values, and may have been made without ctx.
	own, cancel := context.WithCancelCause(request.Context())
	context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
	request = request.Clone(own)
	if request.GetBody != nil {
		if request.Body, err = request.GetBody(); err != nil {
			return nil, err
		}
	}
	if request.Header == nil {
		request.Header = http.Header{}
	}
	setDefault(request.Header, "Accept", strings.Join(r.mediaTypes, ", "))
	setDefault(request.Header, "Cache-Control", "no-cache")
	switch {
	case !isSendable(r.id):
		return nil, backoff.Permanent(fmt.Errorf("comet/follow: a header cannot carry the last id %.40q", r.id))
	case r.id != "":
		request.Header.Set("Last-Event-ID", r.id)
	case r.resetID:
		request.Header.Del("Last-Event-ID")
	}
	if r.silent {
		r.client.CloseIdleConnections() // one of HTTP/2 can be dead, and would serve this request too
	}
	r.timer.Reset(r.silence)
	defer r.timer.Stop()
	return r.client.Do(request)
}

func setDefault(header http.Header, name, value string) {
	if header.Get(name) == "" {
		header.Set(name, value)
	}
}

// isSendable reports whether the header of a request can have the value id.
func isSendable(id string) bool {
	return !strings.ContainsFunc(id, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f })
}

// timedBody is a body whose reads must not take longer than the silence of a run.
type timedBody struct {
	io.ReadCloser
	r *run
}

func (b *timedBody) Read(p []byte) (int, error) {
	b.r.timer.Reset(b.r.silence)
	defer b.r.timer.Stop()
	return b.ReadCloser.Read(p)
}

var errSilent = errors.New("comet/follow: the server has fallen silent")

// record is a line of the transport ndjson.
type record struct {
	Event string          `json:"event"`
	ID    string          `json:"id"`
	Data  json.RawMessage `json:"data"`
}

// decodeLines returns the adapter that makes an event of each line. A line that is cut off at the end of the response
// is dropped.
func decodeLines(limit int) enumeratee.Enumeratee[[]byte, eventsource.Event] {
	lines := whole.Chunks(whole.Format{Name: "comet/follow", Unit: "line", Scanner: func() whole.Scanner { return endOfLine }}, limit)
	records := enumeratee.Compose(lines, ndjson.Decode[record](limit))
	return enumeratee.Compose(records, enumeratee.Map(func(r record) eventsource.Event {
		return eventsource.Event{Name: r.Event, ID: r.ID, Data: string(r.Data)}
	}))
}

// endOfLine is a [whole.Scanner] of lines.
func endOfLine(chunk []byte) int {
	if n := bytes.IndexByte(chunk, '\n'); n >= 0 {
		return n + 1
	}
	return -1
}

// track returns e with the id and the retry of earlier responses, unless the stream has set others, and remembers them.
func (r *run) track(e eventsource.Event) eventsource.Event {
	r.gave = true
	if e.ID == "" && !e.ResetID {
		e.ID, e.ResetID = r.id, r.resetID
	}
	if e.Retry == 0 && !e.RetryAtOnce {
		e.Retry, e.RetryAtOnce = r.retry, r.atOnce
	}
	r.id, r.resetID, r.retry, r.atOnce = e.ID, e.ResetID, e.Retry, e.RetryAtOnce
	return e
}

// failure returns the error of an attempt that has failed with err. It tells package retry whether and when to
// try again.
func (r *run) failure(err error) error {
	if r.silent = errors.Is(err, errSilent); r.silent {
		err = errSilent // net/http wraps it or not, depending on where it waited
	}
	if errors.Is(err, bufio.ErrTooLong) || errors.As(err, new(*ndjson.Error)) {
		return backoff.Permanent(err)
	}
	var wait time.Duration
	if refused, ok := errors.AsType[*httpadapter.ResponseError](err); ok {
		wait = r.retryAfter
		if refused.StatusCode == http.StatusOK {
			err = notStream{refused}
		}
	} else if r.gave {
		wait = r.minWait()
	}
	if wait == 0 {
		return err
	}
	return fmt.Errorf("%w; %w", err, &backoff.RetryAfterError{Duration: wait + rand.N(wait/2)})
}

// notStream is a response with status 200 and another media type. A log-in page or the page of a proxy may go
// away, so it is not permanent.
type notStream struct{ *httpadapter.ResponseError }

func (notStream) Permanent() bool { return false }
func (n notStream) Unwrap() error { return n.ResponseError }

// bounded returns the time to wait if a server has asked for d.
func bounded(d time.Duration) time.Duration { return min(max(d, 100*time.Millisecond), time.Hour) }

// minWait returns the time to wait for which the stream has asked, or 0.
func (r *run) minWait() time.Duration {
	if r.retry == 0 && !r.atOnce {
		return 0
	}
	return bounded(r.retry)
}

// retryAfter returns the time to wait for which a response has asked, or 0.
func retryAfter(header http.Header) time.Duration {
	text := header.Get("Retry-After")
	if date, err := http.ParseTime(text); err == nil {
		return bounded(time.Until(date))
	}
	seconds, err := strconv.ParseUint(text, 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0
	}
	return bounded(time.Duration(min(seconds, 1<<30)) * time.Second)
}

// newPace returns the default pace of r: no wait is shorter than the retry of the stream.
func (r *run) newPace() backoff.BackOff { return &pace{backoff.NewExponentialBackOff(), r} }

type pace struct {
	*backoff.ExponentialBackOff
	r *run
}

func (p *pace) NextBackOff() time.Duration {
	return max(p.ExponentialBackOff.NextBackOff(), p.r.minWait())
}
