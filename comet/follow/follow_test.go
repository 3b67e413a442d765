package follow_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet/eventsource"
	"github.com/halley-go/halley/comet/follow"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/retry"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/iteratee"
)

// gone ends a run in good order.
var gone = answer{status: http.StatusNoContent}

// The events of several responses follow each other. Each request has the last id of the stream.
func TestEvents(t *testing.T) {
	for name, c := range map[string]struct {
		answers []answer
		want    []string
		lastIDs []string
	}{
		"none": {[]answer{gone}, nil, []string{""}},
		"resumes": {[]answer{events("id: 1\ndata: a\n\nid: 2\ndata: b\n\n"), events("id: 3\ndata: c\n\n", errCut), gone},
			[]string{"data: a|id: 1", "data: b|id: 2", "data: c|id: 3"}, []string{"", "2", "3"}},
		"an event keeps the id of an earlier response": {[]answer{events("id: 1\ndata: a\n\n"), events("data: b\n\n"), events(), gone},
			[]string{"data: a|id: 1", "data: b|id: 1"}, []string{"", "1", "1", "1"}},
		"an incomplete event does not count": {[]answer{events("id: 1\ndata: a\n\nid: 2\ndata: b\n"), events("id: 2\n", errCut), gone},
			[]string{"data: a|id: 1"}, []string{"", "1", "1"}},
		"an id alone counts": {[]answer{events("id: 7\n\n", errCut), events("data: a\n\n"), gone},
			[]string{"id: 7", "data: a|id: 7"}, []string{"", "7", "7"}},
		"the empty id": {[]answer{events("id: 1\ndata: a\n\nid\ndata: b\n\n"), events("data: c\n\n"), gone},
			[]string{"data: a|id: 1", "data: b|id:", "data: c|id:"}, []string{"", "", ""}},
		"an id with NUL": {[]answer{events("id: 1\ndata: a\n\nid: \x00\ndata: b\n\n"), gone},
			[]string{"data: a|id: 1", "data: b|id: 1"}, []string{"", "1"}},
		"an id of other scripts": {[]answer{events("id: Größe\ndata: a\n\n"), gone},
			[]string{"data: a|id: Größe"}, []string{"", "Größe"}},
		"an event keeps the retry of an earlier response": {[]answer{events("retry: 5\n\n"), events("data: a\n\nretry: 0\ndata: b\n\n"), events("data: c\n\n"), gone},
			[]string{"retry: 5", "data: a|retry: 5", "data: b|retry: 0", "data: c|retry: 0"}, []string{"", "", "", ""}},
		"names and comments": {[]answer{events(": hello\nevent: end\ndata: a\n\nevent: error\ndata:\n\n"), gone},
			[]string{"event: end|data: a", "event: error|data:"}, []string{"", ""}},
		"charset": {[]answer{{header: "Content-Type: Text/Event-Stream; charset=utf-8\n", steps: []any{"data: a\n\n"}}, gone},
			[]string{"data: a"}, []string{"", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScript(c.answers...)
				source := follow.Events(get(), s.client())
				for range 2 { // each run starts anew
					es, err := run(t.Context(), t, s, source)
					require.NoError(t, err)
					assert.Equal(t, c.want, short(es))
					assert.Equal(t, c.lastIDs, s.lastIDs)
					*s = *newScript(c.answers...)
				}
			})
		})
	}
}

// Every answer of a server either ends the run or leads to another attempt.
func TestAnswers(t *testing.T) {
	const again = 0
	html := "Content-Type: text/html\n"
	for name, c := range map[string]struct {
		answer answer
		status int // of the error that ends the run, or again
	}{
		"400":                    {answer{status: 400}, 400},
		"401":                    {answer{status: 401, header: "Retry-After: 1\n"}, 401},
		"403":                    {answer{status: 403}, 403},
		"404":                    {answer{status: 404, header: html}, 404},
		"404 with a stream":      {answer{status: 404, header: isEvents, steps: []any{"data: a\n\n"}}, 404},
		"405":                    {answer{status: 405}, 405},
		"406":                    {answer{status: 406}, 406},
		"410":                    {answer{status: 410}, 410},
		"451":                    {answer{status: 451}, 451},
		"205":                    {answer{status: 205}, 205},
		"304":                    {answer{status: 304}, 304},
		"408":                    {answer{status: 408}, again},
		"425":                    {answer{status: 425}, again},
		"429":                    {answer{status: 429}, again},
		"500":                    {answer{status: 500}, again},
		"502":                    {answer{status: 502, header: html}, again},
		"503 with a stream":      {answer{status: 503, header: isEvents, steps: []any{"data: a\n\n"}}, again},
		"504":                    {answer{status: 504}, again},
		"599":                    {answer{status: 599}, again},
		"HTML":                   {answer{header: html, steps: []any{"<form>data: a\n\n"}}, again},
		"no content type":        {answer{steps: []any{"data: a\n\n"}}, again},
		"a malformed type":       {answer{header: "Content-Type: /\n", steps: []any{"data: a\n\n"}}, again},
		"lines":                  {lines("{}\n"), again}, // not for Events
		"no connection":          {answer{err: errBoom}, again},
		"a cut without an event": {events(errCut), again},
		"an end without one":     {events(), again},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScript(c.answer, c.answer, events("data: last\n\n"), gone)
				es, err := run(t.Context(), t, s, follow.Events(get(), s.client()))
				if c.status == again {
					require.NoError(t, err)
					assert.Equal(t, []string{"data: last"}, short(es))
					assert.Len(t, s.starts, 4)
					return
				}
				assert.Empty(t, es)
				assert.Len(t, s.starts, 1)
				refused, ok := errors.AsType[*httpadapter.ResponseError](err)
				require.True(t, ok, "%v", err)
				assert.Equal(t, c.status, refused.StatusCode)
			})
		})
	}
}

// The error of a refusal has the first bytes of the body, and no more are read.
func TestARefusalIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(answer{status: 403, steps: []any{"no ", func() string { return "x" }}})
		_, err := run(t.Context(), t, s, follow.Events(get(), s.client()))
		refused, ok := errors.AsType[*httpadapter.ResponseError](err)
		require.True(t, ok, "%v", err)
		assert.Equal(t, "no "+strings.Repeat("x", 197), string(refused.Start))
		assert.Equal(t, 200, s.read)

		s = newScript(answer{status: 403, steps: []any{"no", ever}})
		_, err = run(t.Context(), t, s, follow.Events(get(), s.client()))
		refused, ok = errors.AsType[*httpadapter.ResponseError](err)
		require.True(t, ok, "%v", err)
		assert.Equal(t, "no", string(refused.Start))
		assert.Equal(t, time.Second, time.Since(s.begin))
	})
}

// The last error tells how the attempt ended when a run gives up.
func TestGivingUp(t *testing.T) {
	for name, c := range map[string]struct {
		answer answer
		is     error
		text   string
		tries  int
	}{
		"no connection":                  {answer{err: errBoom}, errBoom, "boom", 3},
		"cut":                            {events(errCut), errCut, errCut.Error(), 3},
		"ran out":                        {events(), retry.ErrRanOut, "run out", 3},
		"silent":                         {events(ever), nil, "fallen silent", 3},
		"refused":                        {answer{status: 503, header: "Retry-After: 7\n"}, nil, "503 Service Unavailable", 3},
		"HTML":                           {answer{header: "Content-Type: text/html\n", steps: []any{"log in"}}, nil, `expected text/event-stream; the body begins with "log in"`, 3},
		"too long":                       {events("data: " + strings.Repeat("x", 2000)), bufio.ErrTooLong, "more than 1000 bytes", 1},
		"an id with a control character": {events("id: a\x01\ndata: a\n\n"), nil, `a header cannot carry the last id "a\x01"`, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScript(c.answer)
				notified := 0
				notify := retry.Notify(func(error, time.Duration) { notified++ })
				_, err := run(t.Context(), t, s, follow.Events(get(), s.client(), follow.Limit(1000), follow.Retry(retry.MaxTries(3), notify)))
				assert.ErrorContains(t, err, c.text)
				if c.is != nil {
					assert.ErrorIs(t, err, c.is)
				}
				assert.Equal(t, c.tries-1, notified)
			})
		})
	}
}

// A byte of a stream is progress, so the count of MaxTries starts anew. The body of a refusal is not progress.
func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			first answer
			want  int
		}{
			{events(": comment\n", errCut), 4},
			{events("data: a\n\n", errCut), 4},
			{events(errCut), 3},
			{events(), 3},
			{answer{status: 503, steps: []any{"busy"}}, 3},
			{answer{header: "Content-Type: text/html\n", steps: []any{"log in"}}, 3},
		} {
			s := newScript(answer{err: errBoom}, c.first, answer{err: errBoom})
			_, err := run(t.Context(), t, s, follow.Events(get(), s.client(), follow.Retry(retry.MaxTries(3))))
			assert.ErrorIs(t, err, errBoom)
			assert.Len(t, s.starts, c.want, "%+v", c.first)
		}
	})
}

// A request is made anew for each attempt, with its body, its headers and the values of its context.
func TestRequests(t *testing.T) {
	type key struct{}
	body := func(t *testing.T, r *http.Request) string {
		b, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		return string(b)
	}
	synctest.Test(t, func(t *testing.T) {
		ctx := context.WithValue(context.Background(), key{}, "value") // not derived from that of the run
		same, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://server/", strings.NewReader("question"))
		require.NoError(t, err)
		same.Header.Set("Accept", "*/*")
		same.Header.Set("Last-Event-ID", "0")
		tokens := 0
		bodies := []string{}
		s := newScript(events("data: a\n\n", errCut), events("id: 1\ndata: b\n\n"), events("id\ndata: c\n\n"), gone)
		source := follow.Events(func(context.Context) (*http.Request, error) {
			tokens++
			same.Header.Set("Authorization", strings.Repeat("t", tokens))
			return same, nil
		}, follow.HTTPClient(&http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			bodies = append(bodies, body(t, r))
			assert.Equal(t, "value", r.Context().Value(key{}))
			assert.Equal(t, strings.Repeat("t", tokens), r.Header.Get("Authorization"))
			assert.Equal(t, "*/*", r.Header.Get("Accept"))
			assert.Equal(t, "no-cache", r.Header.Get("Cache-Control"))
			return s.RoundTrip(r)
		})}))
		_, err = run(t.Context(), t, s, source)
		require.NoError(t, err)
		assert.Equal(t, []string{"question", "question", "question", "question"}, bodies)
		assert.Equal(t, []string{"0", "0", "1", ""}, s.lastIDs)
		assert.Equal(t, "0", same.Header.Get("Last-Event-ID"), "the request of the program does not change")
		assert.Empty(t, same.Header.Get("Cache-Control"))

		s = newScript(gone)
		_, err = run(t.Context(), t, s, follow.Items[int](get(), s.client(), follow.After("x")))
		require.NoError(t, err)
		assert.Contains(t, s.last.Header.Get("Accept"), "text/event-stream")
		assert.Contains(t, s.last.Header.Get("Accept"), "application/x-ndjson")
		assert.Equal(t, []string{"x"}, s.lastIDs)

		s = newScript(gone)
		bare := func(context.Context) (*http.Request, error) { return &http.Request{URL: same.URL}, nil }
		_, err = run(t.Context(), t, s, follow.Events(bare, s.client()))
		require.NoError(t, err)
		assert.Equal(t, "text/event-stream", s.last.Header.Get("Accept"))
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestAnErrorOfRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			err  error
			want int
		}{{errBoom, 3}, {backoff.Permanent(errBoom), 1}} {
			calls := 0
			s := newScript(gone)
			_, err := run(t.Context(), t, s, follow.Events(func(context.Context) (*http.Request, error) {
				calls++
				return nil, c.err
			}, s.client(), follow.Retry(retry.MaxTries(3))))
			assert.ErrorIs(t, err, errBoom)
			assert.Equal(t, c.want, calls)
			assert.Empty(t, s.starts)
		}
		noBody := func(context.Context) (*http.Request, error) {
			r, err := http.NewRequest(http.MethodPost, "http://server/", http.NoBody)
			r.GetBody = func() (io.ReadCloser, error) { return nil, backoff.Permanent(errBoom) }
			return r, err
		}
		s := newScript(gone)
		_, err := run(t.Context(), t, s, follow.Events(noBody, s.client()))
		assert.ErrorIs(t, err, errBoom)
		_, err = run(t.Context(), t, s, follow.Events(follow.Get("http://[/"), s.client()))
		assert.ErrorContains(t, err, "http://[/")
		assert.Empty(t, s.starts)
	})
}

func TestMisuse(t *testing.T) {
	assert.PanicsWithValue(t, "comet/follow: Events: request must not be nil", func() { follow.Events(nil) })
	assert.PanicsWithValue(t, "comet/follow: Items: request must not be nil", func() { follow.Items[int](nil) })
	assert.PanicsWithValue(t, "comet/follow: HTTPClient: client must not be nil", func() { follow.HTTPClient(nil) })
	assert.PanicsWithValue(t, `comet/follow: After: id must not have a control character, got "\n"`, func() { follow.After("\n") })
	assert.PanicsWithValue(t, "comet/follow: Limit: bytes must be positive, got 0", func() { follow.Limit(0) })
	assert.PanicsWithValue(t, "comet/follow: Silence: d must not be negative, got -1ns", func() { follow.Silence(-1) })
	assert.PanicsWithValue(t, "comet/follow: request must not return nil", func() {
		_, _ = enumerator.Run(t.Context(), follow.Events(func(context.Context) (*http.Request, error) { return nil, nil }), iteratee.Ignore[eventsource.Event]())
	})
}

// A consumer that fails or is done ends the run at once, and its last element is one that it can resume after.
func TestTheConsumerEndsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(events("id: 1\ndata: a\n\nid: 2\ndata: b\n\n", ever))
		_, err := enumerator.Run(t.Context(), follow.Events(get(), s.client()), iteratee.ForEach(func(_ context.Context, e eventsource.Event) error { return errBoom }))
		assert.Equal(t, errBoom, err)
		first, err := enumerator.Run(t.Context(), follow.Events(get(), s.client()), iteratee.Head[eventsource.Event]())
		require.NoError(t, err)
		assert.Equal(t, "1", first.ID)
		es, err := run(t.Context(), t, s, enumerator.Through(follow.Events(get(), s.client()), enumeratee.Take[eventsource.Event](2)))
		require.NoError(t, err)
		assert.Equal(t, []string{"data: a|id: 1", "data: b|id: 2"}, short(es))
		assert.Zero(t, time.Since(s.begin))
		assert.Len(t, s.starts, 3)
	})
}

// A consumer that has a goroutine of its own can be done or fail while the run connects, reads or waits.
func TestTheConsumerInterruptsTheRun(t *testing.T) {
	first := events("data: a\n\n", errCut)
	for name, answers := range map[string][]answer{
		"connecting": {first, {wait: ever}},
		"reading":    {events("data: a\n\n", ever)},
		"waiting":    {first, {status: 503, header: "Retry-After: 3600\n"}},
	} {
		for _, want := range []error{nil, errBoom} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newScript(answers...)
					source := enumerator.Through(follow.Events(get(), s.client(), atOnce), enumeratee.Buffer[eventsource.Event](1))
					_, err := enumerator.Run(t.Context(), source, iteratee.FoldUntil(0, func(context.Context, int, eventsource.Event) (int, bool, error) {
						time.Sleep(30 * time.Second)
						return 0, true, want
					}))
					assert.Equal(t, want, err)
					assert.Equal(t, 30*time.Second, time.Since(s.begin))
					assert.Zero(t, s.open)
				})
			})
		}
	}
}
