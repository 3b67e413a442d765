//go:build !fuzz

package httpadapter_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/internal/browsertest"
	"github.com/halley-go/halley/internal/probe"
)

func TestChromium(t *testing.T) {
	browser := browsertest.Start(t)
	t.Run("CORS", func(t *testing.T) { testCORSInChromium(t, browser) })
	t.Run("EventSource", func(t *testing.T) { testEventSource(t, browser) })
}

// visit opens an empty page of an origin of its own, and returns its origin and a function that runs a script in it. The
// value of the script can be a promise.
func visit(t *testing.T, browser context.Context) (origin string, eval func(script string) string) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, "<!DOCTYPE html><title>a page</title>")
	}))
	t.Cleanup(server.Close)
	tab, leave := chromedp.NewContext(browser)
	t.Cleanup(leave) // before the server
	require.NoError(t, chromedp.Do(tab, chromedp.Navigate(server.URL)))
	return server.URL, func(script string) string {
		t.Helper()
		result, err := chromedp.Run(tab, chromedp.Evaluate[string](script, chromedp.EvalAwaitPromise))
		require.NoError(t, err, script)
		return result
	}
}

func testCORSInChromium(t *testing.T, browser context.Context) {
	app, inApp := visit(t, browser)
	_, inOther := visit(t, browser)
	var preflights, runs atomic.Int32
	source := func(r *http.Request) (e enumerator.Enumerator[[]byte], _ error) {
		runs.Add(1)
		cookie, err := r.Cookie("user")
		if err != nil {
			return e, &httpadapter.StatusError{Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"7"}}}
		}
		event := fmt.Sprintf("data: %s after %q with %q\n\n", cookie.Value, r.Header.Get("Last-Event-ID"), r.Header.Get("Authorization"))
		return of(event), nil
	}
	api := http.NewServeMux()
	api.Handle("/events", httpadapter.Handler(source, httpadapter.EventStream()))
	api.HandleFunc("/login", func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "user", Value: "ann", Path: "/"})
	})
	withCORS := httpadapter.CORS{Origins: []string{app}, Credentials: true}.Handler(api)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodOptions {
			preflights.Add(1)
		}
		withCORS.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)

	fetch := func(path, options string) string {
		return fmt.Sprintf(`fetch(%q, %s).then(async r => [r.status, r.headers.get('Retry-After'), await r.text()].join(' ').trim(), e => e.name)`, server.URL+path, options)
	}
	const all = `{credentials: 'include', headers: {'Last-Event-ID': '7', 'Authorization': 'Bearer x', 'Cache-Control': 'no-cache'}}`
	events := fmt.Sprintf(`new Promise(resolve => {
		const stream = new EventSource(%q, {withCredentials: true})
		stream.onmessage = e => { stream.close(); resolve(e.data) }
		stream.onerror = () => { stream.close(); resolve('error') }
	})`, server.URL+"/events")

	assert.Equal(t, "200", inApp(fetch("/login", "{credentials: 'include'}")))
	assert.Zero(t, preflights.Load())
	assert.Equal(t, `200  data: ann after "7" with "Bearer x"`, inApp(fetch("/events", all)))
	assert.EqualValues(t, 1, preflights.Load())
	assert.EqualValues(t, 1, runs.Load(), "a preflight request does not run the source")
	assert.Equal(t, "429 7 Too Many Requests", inApp(fetch("/events", "{credentials: 'omit'}")), "an error can be read")
	assert.Equal(t, `ann after "" with ""`, inApp(events))

	runs.Store(0)
	assert.Equal(t, "TypeError", inOther(fetch("/events", all)))
	assert.Zero(t, runs.Load(), "the preflight request failed")
	assert.Equal(t, "error", inOther(events))
	assert.EqualValues(t, 1, runs.Load(), "the browser hides the response")
}

// An EventSource that was refused comes back by itself, and gets messages once there is room.
func testEventSource(t *testing.T, browser context.Context) {
	hello := of("data: hello\n\n").AndThen(enumerator.Never[[]byte]())
	failure := &httpadapter.StatusError{Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"0"}}}
	for name, reason := range map[string]httpadapter.Reason{"a StatusError": httpadapter.Failed, "a Limit": httpadapter.Refused} {
		t.Run(name, func(t *testing.T) {
			if reason == httpadapter.Refused && !probe.Long() {
				t.Skip("waits for up to 11 seconds, since that is the field retry")
			}
			limit := httpadapter.Limit(1)
			holding, leave := context.WithCancel(t.Context())
			var held atomic.Bool
			begun, left := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(left)
				_ = httpadapter.Serve(newRecorder(t), httptest.NewRequestWithContext(holding, "GET", "/", nil),
					enumerator.Generate(func(ctx context.Context) ([]byte, bool, error) {
						held.Store(true)
						close(begun)
						<-ctx.Done()
						return nil, false, nil
					}), limit)
			}()
			<-begun

			ended := make(chan httpadapter.Outcome, 20)
			opts := []httpadapter.Option{httpadapter.EventStream(), httpadapter.OnEnd(func(_ *http.Request, o httpadapter.Outcome) { ended <- o })}
			if reason == httpadapter.Refused {
				opts = append(opts, limit)
			}
			server := httptest.NewServer(httpadapter.CORS{Origins: []string{"*"}}.Handler(httpadapter.Handler(
				func(*http.Request) (enumerator.Enumerator[[]byte], error) {
					if held.Load() {
						return hello, failure
					}
					return hello, nil
				}, opts...)))
			t.Cleanup(server.Close)
			_, eval := visit(t, browser)
			eval(fmt.Sprintf(`window.heard = []
				window.stream = new EventSource(%q)
				stream.onmessage = e => heard.push(e.data)
				stream.onerror = () => heard.push(stream.readyState === EventSource.CONNECTING ? 'comes back' : 'closed')
				''`, server.URL))
			assert.Equal(t, reason, (<-ended).Reason)
			leave()
			<-left
			held.Store(false)
			got := eval(`new Promise(resolve => setInterval(() => heard.at(-1) === 'hello' && resolve(heard.join()), 10))`)
			assert.Regexp(t, "^(comes back,)+hello$", got)
			eval("stream.close(); ''")
		})
	}
}
