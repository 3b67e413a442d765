package httpadapter_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/parse"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

// answering are the ways in which an error becomes an answer. Each calls fail for the error.
func answering(fail func() error, ended func(httpadapter.Outcome)) map[string]http.Handler {
	onEnd := httpadapter.OnEnd(func(_ *http.Request, o httpadapter.Outcome) { ended(o) })
	failing := enumerator.Generate(func(context.Context) ([]byte, bool, error) { return nil, false, fail() })
	return map[string]http.Handler{
		"Error": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { httpadapter.Error(w, r, fail()) }),
		"Error through a middleware": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000")
			w.Header().Set("Retry-After", "1000")
			httpadapter.Error(onlyUnwrap{w}, r, fail())
		}),
		"Handler":             httpadapter.Handler(func(*http.Request) (enumerator.Enumerator[[]byte], error) { return of(), fail() }, onEnd),
		"Handler of a stream": httpadapter.Handler(func(*http.Request) (enumerator.Enumerator[[]byte], error) { return failing, nil }, onEnd),
		"Serve":               http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _ = httpadapter.Serve(w, r, failing, onEnd) }),
		"Action":              parse.Action(parse.Bytes(1), func(http.ResponseWriter, *http.Request, []byte) error { return fail() }),
		"parser": parse.Action(
			parse.Using(func(*http.Request) (it iteratee.Iteratee[[]byte, []byte], _ error) { return it, fail() }),
			func(http.ResponseWriter, *http.Request, []byte) error { return nil }),
	}
}

func TestAnswersOnTheWire(t *testing.T) {
	logged := probe.Logs(t)
	for _, tt := range []struct {
		status int
		text   string
		header http.Header
		body   string
	}{
		{200, "nothing new", nil, "OK: nothing new\n"},
		{202, "", nil, "Accepted\n"},
		{204, "never sent", nil, ""},
		{205, "never sent", nil, ""},
		{303, "", http.Header{"Location": {"/elsewhere"}}, "See Other\n"},
		{304, "never sent", http.Header{"Etag": {`"1"`}}, ""},
		{307, "moved", http.Header{"Location": {"https://example.org/"}}, "Temporary Redirect: moved\n"},
		{401, "", http.Header{"Www-Authenticate": {`Basic realm="a"`, "Bearer"}}, "Unauthorized\n"},
		{405, "", http.Header{"Allow": {"GET"}}, "Method Not Allowed\n"},
		{429, "slow down", http.Header{"retry-after": {"7"}}, "Too Many Requests: slow down\n"},
		{499, "", nil, "Client Closed Request\n"},
		{503, "", http.Header{"Retry-After": {"7"}}, "Service Unavailable\n"},
		{599, "", nil, "\n"},
	} {
		outcomes := make(chan httpadapter.Outcome, 10)
		err := fmt.Errorf("wrapped: %w", &httpadapter.StatusError{Status: tt.status, Text: tt.text, Header: tt.header, Err: errBoom})
		for name, h := range answering(func() error { return err }, func(o httpadapter.Outcome) { outcomes <- o }) {
			for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
				srv := unstarted(t, h)
				srv.Config.ErrorLog = nil
				startAs(srv, proto)
				client := srv.Client()
				client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
				for _, method := range []string{"GET", "HEAD", "GET"} { // on one connection
					if method == "HEAD" && (name == "Serve" || name == "Handler of a stream") {
						continue // the source is not run
					}
					what := fmt.Sprint(name, " ", proto, " ", method, " ", tt.status)
					r, err := http.NewRequestWithContext(t.Context(), method, srv.URL, nil)
					require.NoError(t, err)
					res, err := client.Do(r)
					require.NoError(t, err, what)
					body, err := io.ReadAll(res.Body)
					require.NoError(t, err, what)
					_ = res.Body.Close()
					assert.Equal(t, tt.status, res.StatusCode, what)
					if method == "GET" {
						assert.Equal(t, tt.body, string(body), what)
						assert.Equal(t, int64(len(body)), max(res.ContentLength, 0), what)
					}
					for key, values := range tt.header {
						assert.Equal(t, values, res.Header.Values(key), what)
					}
					if tt.body != "" {
						assert.Equal(t, "text/plain; charset=utf-8", res.Header.Get("Content-Type"), what)
						assert.Equal(t, "nosniff", res.Header.Get("X-Content-Type-Options"), what)
					}
				}
				srv.Close()
			}
			want := httpadapter.Failed
			if tt.status < 400 {
				want = httpadapter.Answered
				assert.Empty(t, logged(), "%s %d", name, tt.status)
			}
			for len(outcomes) > 0 {
				o := <-outcomes
				assert.Equal(t, want, o.Reason)
				assert.ErrorIs(t, o.Err, errBoom)
			}
		}
	}
}

// The header of the error is nobody else's.
func TestHeaderOfAStatusErrorIsCopied(t *testing.T) {
	e := &httpadapter.StatusError{Status: 503, Header: http.Header{"Retry-After": {"7"}}}
	w := httptest.NewRecorder()
	httpadapter.Error(w, httptest.NewRequest("GET", "/", nil), e)
	w.Header()["Retry-After"][0] = "8"
	w.Header().Add("Retry-After", "9")
	assert.Equal(t, http.Header{"Retry-After": {"7"}}, e.Header)
}

// Where the head has left, a status is as good as any error.
func TestStatusAfterTheHeadBreaksTheStream(t *testing.T) {
	logged := probe.Logs(t)
	var outcome httpadapter.Outcome
	w := newRecorder(t)
	httpadapter.Handler(func(*http.Request) (enumerator.Enumerator[[]byte], error) {
		return failing(&httpadapter.StatusError{Status: 204}, "a"), nil
	}, httpadapter.OnEnd(func(_ *http.Request, o httpadapter.Outcome) { outcome = o })).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	assert.Equal(t, []string{"head 200", "write a", "flush", "deadline past"}, w.calls())
	assert.Equal(t, httpadapter.Failed, outcome.Reason)
	assert.Contains(t, logged(), "204 No Content")
}

// A client that leaves is no failure of the server, whichever way the handler learns of it.
func TestStatusForAClientThatHasLeft(t *testing.T) {
	driver := errors.New("pq: canceling statement due to user request")
	for name, tt := range map[string]struct {
		err    error
		end    error // of the request's context
		status int
		logged bool // by Error
	}{
		"its context":             {context.Canceled, context.Canceled, 499, false},
		"an error of a driver":    {driver, context.Canceled, 499, true},
		"ErrClientGone":           {fmt.Errorf("%w: broken pipe", httpadapter.ErrClientGone), nil, 499, false},
		"a status of its own":     {&httpadapter.StatusError{Status: 409, Err: driver}, context.Canceled, 409, true},
		"its body was cut":        {&httpadapter.StatusError{Status: 400, Err: httpadapter.ErrClientGone}, context.Canceled, 400, false},
		"a deadline of ours":      {context.DeadlineExceeded, context.DeadlineExceeded, 500, true},
		"another context's end":   {context.Canceled, nil, 500, true},
		"a reason of ours to end": {errBoom, errBoom, 500, true},
	} {
		end := func() {}
		var outcome httpadapter.Outcome
		fail := func() error { end(); return tt.err }
		for way, h := range answering(fail, func(o httpadapter.Outcome) { outcome = o }) {
			t.Run(name+"/"+way, func(t *testing.T) {
				logged := probe.Logs(t)
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				end = func() {
					if tt.end != nil {
						cancel(tt.end)
					}
				}
				outcome = httpadapter.Outcome{}
				w := httptest.NewRecorder()
				h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", "/", nil))
				status := tt.status
				if way == "parser" && tt.err == context.Canceled && tt.end == context.Canceled {
					status = 400 // on HTTP/2 that is how a body is cut short
				}
				assert.Equal(t, status, w.Code)
				switch want := httpadapter.Failed; {
				case strings.HasPrefix(way, "Handler"), way == "Serve":
					if tt.end == context.Canceled || tt.status == 499 {
						want = httpadapter.ClientGone
					}
					assert.Equal(t, want, outcome.Reason)
					assert.Equal(t, want == httpadapter.Failed && way != "Serve", strings.Contains(logged(), "failed"), logged())
				case strings.HasPrefix(way, "Error"):
					assert.Equal(t, tt.logged, logged() != "", logged())
				}
			})
		}
	}
}

// The status goes to a middleware that counts; the client has left without it.
func TestClientThatLeavesBeforeTheHead(t *testing.T) {
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		var runs atomic.Int32
		waits := func(ctx context.Context) error {
			runs.Add(1)
			<-ctx.Done()
			return ctx.Err()
		}
		for name, h := range map[string]http.Handler{
			"Handler": httpadapter.Handler(func(r *http.Request) (enumerator.Enumerator[[]byte], error) { return of(), waits(r.Context()) }),
			"Action": parse.Action(parse.Bytes(1), func(_ http.ResponseWriter, r *http.Request, _ []byte) error {
				return waits(r.Context())
			}),
		} {
			t.Run(proto+"/"+name, func(t *testing.T) {
				statuses := make(chan int, 1)
				runs.Store(0)
				srv := start(t, proto, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					counted := &statusWriter{onlyUnwrap: onlyUnwrap{w}}
					h.ServeHTTP(counted, r)
					statuses <- counted.status
				}))
				ctx, leave := context.WithCancel(t.Context())
				r, err := http.NewRequestWithContext(ctx, "GET", srv.URL, nil)
				require.NoError(t, err)
				left := make(chan error, 1)
				go func() { _, err := srv.Client().Do(r); left <- err }()
				require.Eventually(t, func() bool { return runs.Load() == 1 }, patience, time.Millisecond)
				leave()
				assert.Error(t, receive(t, left, "the client"))
				assert.Equal(t, httpadapter.StatusClientClosedRequest, receive(t, statuses, "the status"))
			})
		}
	}
}

// statusWriter is a middleware's writer that notes the status.
type statusWriter struct {
	onlyUnwrap
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.onlyUnwrap.WriteHeader(status)
}

func TestMethodsOfAHandler(t *testing.T) {
	const allow = "GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE, QUERY"
	for method, tt := range map[string]struct {
		status int
		reason httpadapter.Reason
	}{
		"GET":      {200, httpadapter.EndOfSource},
		"HEAD":     {200, httpadapter.EndOfSource},
		"POST":     {200, httpadapter.EndOfSource},
		"PUT":      {200, httpadapter.EndOfSource},
		"PATCH":    {200, httpadapter.EndOfSource},
		"DELETE":   {200, httpadapter.EndOfSource},
		"QUERY":    {200, httpadapter.EndOfSource},
		"OPTIONS":  {204, httpadapter.Answered},
		"TRACE":    {405, httpadapter.Failed},
		"CONNECT":  {405, httpadapter.Failed},
		"PROPFIND": {405, httpadapter.Failed},
		"get":      {405, httpadapter.Failed},
	} {
		var logged strings.Builder
		called := false
		var outcome httpadapter.Outcome
		opts := []httpadapter.Option{httpadapter.Limit(1), httpadapter.OnEnd(func(_ *http.Request, o httpadapter.Outcome) { outcome = o }),
			httpadapter.Logger(slog.New(slog.NewTextHandler(&logged, nil)))}
		h := httpadapter.Handler(func(*http.Request) (enumerator.Enumerator[[]byte], error) {
			called = true
			return of("a"), nil
		}, opts...)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, "/", nil))
		assert.Equal(t, tt.status, w.Code, method)
		assert.Equal(t, tt.reason, outcome.Reason, method)
		assert.Equal(t, tt.status == 200, called, method)
		if tt.status == 200 {
			assert.Empty(t, w.Header().Get("Allow"), method)
		} else {
			assert.Equal(t, allow, w.Header().Get("Allow"), method)
		}
		switch tt.status {
		case 204:
			assert.Empty(t, w.Body.String())
			assert.Empty(t, logged.String())
		case 405:
			assert.Equal(t, "Method Not Allowed\n", w.Body.String())
			assert.Contains(t, logged.String(), "level=INFO", method)
		}

		w = httptest.NewRecorder()
		require.NoError(t, httpadapter.Serve(w, httptest.NewRequest(method, "/", nil), of("a")))
		assert.Equal(t, 200, w.Code, "Serve leaves %s to its caller", method)
		assert.NotContains(t, logged.String(), "level=ERROR", method)
	}
}

// What asks about a stream takes no place among them, and gets its answer when they are all there.
func TestOptionsTakesNoPlace(t *testing.T) {
	limit, release := httpadapter.Limit(1), make(chan struct{})
	srv := start(t, "HTTP/1.1", httpadapter.Handler(func(*http.Request) (enumerator.Enumerator[[]byte], error) {
		return of("a").AndThen(enumerator.Generate(func(ctx context.Context) ([]byte, bool, error) { <-release; return nil, false, nil })), nil
	}, limit))
	res := get(t, srv, t.Context())
	for _, method := range []string{"OPTIONS", "GET", "OPTIONS"} {
		r, err := http.NewRequestWithContext(t.Context(), method, srv.URL, nil)
		require.NoError(t, err)
		res, err := srv.Client().Do(r)
		require.NoError(t, err)
		_ = res.Body.Close()
		assert.Equal(t, map[string]int{"OPTIONS": 204, "GET": 503}[method], res.StatusCode)
	}
	close(release)
	_, err := io.Copy(io.Discard, res.Body)
	assert.NoError(t, err)
}

func TestStatusError(t *testing.T) {
	assert.EqualError(t, &httpadapter.StatusError{Status: 404}, "404 Not Found")
	assert.EqualError(t, &httpadapter.StatusError{Status: 400, Text: "no", Err: errBoom}, "400 Bad Request: no: "+errBoom.Error())
	assert.ErrorIs(t, &httpadapter.StatusError{Status: 400, Err: errBoom}, errBoom)
}

// The client is told a status and a text that is meant for it; the log, the cause.
func TestError(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		status int
		answer string
		logged string
	}{
		"any error":     {errBoom, 500, "Internal Server Error\n", `"boom: the password is 1234"`},
		"a status":      {&httpadapter.StatusError{Status: 400, Err: errBoom}, 400, "Bad Request\n", `"400 Bad Request: boom: the password is 1234"`},
		"and a text":    {&httpadapter.StatusError{Status: 422, Text: "n must be positive", Err: errBoom}, 422, "Unprocessable Entity: n must be positive\n", `"422 Unprocessable Entity: n must be positive: boom: the password is 1234"`},
		"wrapped":       {errors.Join(errBoom, &httpadapter.StatusError{Status: 503}), 503, "Service Unavailable\n", `"boom: the password is 1234\n503 Service Unavailable"`},
		"has gone away": {&httpadapter.StatusError{Status: 400, Err: httpadapter.ErrClientGone}, 400, "Bad Request\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			logged := probe.Logs(t)
			w := httptest.NewRecorder()
			httpadapter.Error(w, httptest.NewRequest("PUT", "/order", nil), c.err)
			assert.Equal(t, c.status, w.Code)
			assert.Equal(t, c.answer, w.Body.String())
			assert.Equal(t, "text/plain; charset=utf-8", w.Header().Get("Content-Type"))
			if c.logged == "" {
				assert.Empty(t, logged())
				return
			}
			want := fmt.Sprintf("httpadapter: request failed method=\"PUT\" path=\"/order\" status=\"%d\" error=%s\n", c.status, c.logged)
			assert.Equal(t, want, logged())
		})
	}
}
