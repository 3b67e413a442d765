package httpadapter_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/internal/probe"
)

// retryOf returns the milliseconds of the field retry in w, or -1 if w is not the answer that makes an
// EventSource come back.
func retryOf(t *testing.T, w *httptest.ResponseRecorder) int {
	var ms int
	_, err := fmt.Sscanf(w.Body.String(), "retry: %d\n\n", &ms)
	if w.Code != 200 || err != nil {
		assert.GreaterOrEqual(t, w.Code, 400)
		return -1
	}
	assert.Equal(t, fmt.Sprintf("retry: %d\n\n", ms), w.Body.String())
	for key, value := range map[string]string{
		"Content-Type": "text/event-stream", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no",
	} {
		assert.Equal(t, []string{value}, w.Header()[key])
	}
	return ms
}

// ask sends a request of an EventSource, with other headers of the form key, value.
func ask(h http.Handler, method string, header ...string) *httptest.ResponseRecorder {
	w, r := httptest.NewRecorder(), httptest.NewRequest(method, "/", nil)
	r.Header.Set("Accept", "text/event-stream")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	h.ServeHTTP(w, r)
	return w
}

func TestRefusedEventSources(t *testing.T) {
	probe.Logs(t)
	limit := httpadapter.Limit(1)
	draining, drain := context.WithCancel(t.Context())
	drain()
	var outcomes []httpadapter.Outcome
	onEnd := httpadapter.OnEnd(func(_ *http.Request, o httpadapter.Outcome) { outcomes = append(outcomes, o) })
	drained := func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(w, r.WithContext(httpadapter.WithDraining(r.Context(), draining)))
		})
	}
	events := func(opts ...httpadapter.Option) http.Handler {
		return serveAll(of("data: hello\n\n"), append(opts, onEnd, httpadapter.EventStream())...)
	}
	// While it has its place, it runs the test.
	holder := func(test func()) {
		require.NoError(t, httpadapter.Serve(newRecorder(t), httptest.NewRequest("GET", "/", nil), enumerator.Generate(func(context.Context) ([]byte, bool, error) {
			test()
			return nil, false, nil
		}), limit))
	}
	type headers = []string
	for name, c := range map[string]struct {
		handler  http.Handler
		method   string
		header   headers
		comeBack bool
	}{
		"an EventSource":                   {events(limit), "GET", nil, true},
		"while the server shuts down":      {drained(events()), "GET", nil, true},
		"a client that reads statuses":     {events(limit), "GET", headers{"Accept", "text/event-stream, text/plain"}, false},
		"a client that takes anything":     {events(limit), "GET", headers{"Accept", "*/*"}, false},
		"a client that asks for nothing":   {events(limit), "GET", headers{"Accept", ""}, false},
		"a POST":                           {events(limit), "POST", nil, false},
		"another content":                  {serveAll(of("{}\n"), limit, onEnd, httpadapter.NDJSON()), "GET", nil, false},
		"an EventSource of Limited":        {httpadapter.Limited(http.NotFoundHandler(), limit, httpadapter.EventStream()), "GET", nil, true},
		"a client of Limited without that": {httpadapter.Limited(http.NotFoundHandler(), limit), "GET", nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			holder(func() {
				outcomes = nil
				w := ask(c.handler, c.method, c.header...)
				ms := retryOf(t, w)
				seconds, err := strconv.Atoi(w.Header().Get("Retry-After"))
				require.NoError(t, err)
				if c.comeBack {
					assert.GreaterOrEqual(t, ms, 1000*seconds)
					assert.Less(t, ms, 1000*(seconds+1))
				} else {
					assert.Equal(t, -1, ms)
					assert.Equal(t, 503, w.Code)
				}
				if len(outcomes) > 0 { // Limited has none
					assert.Equal(t, httpadapter.Refused, outcomes[0].Reason)
					assert.Equal(t, 0, outcomes[0].Chunks)
				}
			})
		})
	}
	assert.Equal(t, "data: hello\n\n", ask(events(limit), "GET").Body.String())
}

// These are errors of the function that makes the source, of the source, and of Serve.
func TestEventSourcesComeBackAfterErrors(t *testing.T) {
	logged := probe.Logs(t)
	now := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // in a bubble of synctest
	for name, c := range map[string]struct {
		status     int
		retryAfter string
		least      int // ms, or -1 if the error is answered
	}{
		"503":                   {503, "3", 3000},
		"429":                   {429, "120", 120_000},
		"at once":               {503, "0", 0},
		"a date":                {503, now.Add(90 * time.Second).Format(http.TimeFormat), 90_000},
		"a date in the past":    {503, now.Add(-time.Hour).Format(http.TimeFormat), 0},
		"more than a day":       {503, "100000000", 86_400_000},
		"a date in many years":  {503, "Fri, 31 Dec 9999 23:59:59 GMT", 86_400_000},
		"without a Retry-After": {503, "", -1},
		"malformed":             {503, "soon", -1},
		"negative":              {503, "-1", -1},
		"another status":        {500, "3", -1},
		"not found":             {404, "3", -1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				failure := &httpadapter.StatusError{Status: c.status, Header: http.Header{"retry-after": {c.retryAfter}, "x-why": {"busy"}}}
				for _, h := range []http.Handler{
					httpadapter.Handler(func(*http.Request) (e enumerator.Enumerator[[]byte], _ error) { return e, failure }, httpadapter.EventStream()),
					serveAll(failing(failure), httpadapter.EventStream()),
					http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						assert.ErrorIs(t, httpadapter.Serve(w, r, failing(failure), httpadapter.EventStream()), failure)
					}),
				} {
					w := ask(h, "GET")
					assert.Equal(t, "busy", w.Header().Get("X-Why"))
					if ms := retryOf(t, w); c.least < 0 {
						assert.Equal(t, -1, ms)
						assert.Equal(t, c.status, w.Code)
					} else {
						assert.GreaterOrEqual(t, ms, c.least)
						assert.Less(t, ms, c.least+1000)
					}
				}
			})
		})
	}
	assert.Contains(t, logged(), "503 Service Unavailable", "the log has the error")
}
