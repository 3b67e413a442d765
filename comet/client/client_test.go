package client_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/iteratee"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type (
	item  = enumerator.Item[any]
	items = enumerator.Enumerator[item]
)

func TestScript(t *testing.T) {
	get := func(method, match string) *http.Response {
		r := httptest.NewRequest(method, "/halley.js", nil)
		r.Header.Set("If-None-Match", match)
		w := httptest.NewRecorder()
		client.Script().ServeHTTP(w, r)
		return w.Result()
	}
	file, err := os.ReadFile("halley.min.js")
	require.NoError(t, err)
	require.Less(t, len(file), 4096)

	full := get(http.MethodGet, "")
	body, err := io.ReadAll(full.Body)
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, full.StatusCode)
	assert.Equal(t, string(file), string(body))
	assert.Equal(t, "text/javascript; charset=utf-8", full.Header.Get("Content-Type"))
	assert.Equal(t, "nosniff", full.Header.Get("X-Content-Type-Options"))
	assert.Equal(t, "public, no-cache", full.Header.Get("Cache-Control"))
	etag := full.Header.Get("ETag")
	assert.Regexp(t, `^"[\w-]{43}"$`, etag) // a strong ETag

	for _, match := range []string{etag, `"other", ` + etag, "*"} {
		same := get(http.MethodGet, match)
		assert.Equal(t, http.StatusNotModified, same.StatusCode, match)
		assert.Equal(t, etag, same.Header.Get("ETag"))
		body, err := io.ReadAll(same.Body)
		require.NoError(t, err)
		assert.Empty(t, body)
	}
	assert.Equal(t, http.StatusOK, get(http.MethodGet, `"other"`).StatusCode)
	head := get(http.MethodHead, "")
	assert.EqualValues(t, len(file), head.ContentLength)
	assert.Equal(t, etag, head.Header.Get("ETag"))
}

// at returns a Position of a hub that does not exist.
func at(seq uint64) enumerator.Position { return enumerator.Position{Epoch: 71, Seq: seq} }

var three = enumerator.Of(
	item{Reset: true, Position: at(35)},
	item{Value: "it's </script>", Position: at(36)},
	item{Gap: enumerator.Gap{From: at(37), N: 1000}, Position: at(1036)},
)

// always returns a function for Handler that returns source for each request.
func always(source items) func(*http.Request, enumerator.Position) (items, error) {
	return func(*http.Request, enumerator.Position) (items, error) { return source, nil }
}

// ask returns the response to a request for a stream, and its body.
func ask(t *testing.T, h http.Handler, url string, header ...string) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, url, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result(), w.Body.String()
}

func TestHandler(t *testing.T) {
	handler := client.Handler(always(three))
	events := "event: reset\nid: 1z-1z\ndata: null\n\n" +
		"id: 1z-210\ndata: \"it's </script>\"\n\n" +
		"event: gap\nid: 1z-2ss\ndata: {\"from\":\"1z-211\",\"count\":1000}\n\n"
	lines := `{"event":"reset","id":"1z-1z","data":null}` + "\n" +
		`{"id":"1z-210","data":"it's </script>"}` + "\n" +
		`{"event":"gap","id":"1z-2ss","data":{"from":"1z-211","count":1000}}` + "\n"
	for url, want := range map[string][2]string{
		"/":                  {"text/event-stream", events},
		"/?transport=events": {"text/event-stream", events},
		"/?transport=ndjson": {"application/x-ndjson", lines},
		"/?transport=poll":   {"application/x-ndjson", lines},
	} {
		res, body := ask(t, handler, url)
		assert.Equal(t, http.StatusOK, res.StatusCode)
		assert.Equal(t, want[0], res.Header.Get("Content-Type"), url)
		assert.Equal(t, want[1], body, url)
	}
	for _, name := range []string{"websocket", "Events", "halley.events"} {
		res, _ := ask(t, handler, "/?transport="+name)
		assert.Equal(t, http.StatusBadRequest, res.StatusCode)
	}
}

func TestIframe(t *testing.T) {
	handler := client.Handler(always(three))
	nonces := map[string]bool{}
	for range 2 {
		res, body := ask(t, handler, "/?transport=iframe")
		assert.Equal(t, "text/html; charset=utf-8", res.Header.Get("Content-Type"))
		assert.Equal(t, "SAMEORIGIN", res.Header.Get("X-Frame-Options"))
		policy := res.Header.Get("Content-Security-Policy")
		nonce := strings.TrimSuffix(strings.TrimPrefix(policy, "default-src 'none'; script-src 'nonce-"), "'; frame-ancestors 'self'")
		require.Regexp(t, `^\w{26}$`, nonce, policy)
		nonces[nonce] = true
		script := func(arguments string) string {
			return `<script nonce="` + nonce + `">document.currentScript.remove();frameElement.halley(` + arguments + `);</script>`
		}
		assert.Equal(t, strings.Repeat(" ", 5120)+"<html><body>"+script("")+
			script(`null,'1z-1z','reset'`)+
			script(`"it's \u003c/script\u003e",'1z-210'`)+
			script(`{"from":"1z-211","count":1000},'1z-2ss','gap'`), body)
	}
	assert.Len(t, nonces, 2, "a nonce is for one response")
}

// Handler sends a heartbeat that the script can hear, as often as the options say.
func TestHandlerHeartbeat(t *testing.T) {
	silence := enumerator.New(func(context.Context, iteratee.Sink[item]) iteratee.Step {
		time.Sleep(32 * time.Second)
		return iteratee.StepCont
	})
	for transport, beat := range map[string]string{
		"events": "event: heartbeat\ndata:\n\n",
		"iframe": "remove();frameElement.halley();</script>",
		"ndjson": "\n",
	} {
		beats := func(t *testing.T, opts ...httpadapter.Option) (n int) {
			synctest.Test(t, func(t *testing.T) {
				_, body := ask(t, client.Handler(always(silence), opts...), "/?transport="+transport)
				n = strings.Count(body, beat)
			})
			return n
		}
		t.Run(transport, func(t *testing.T) {
			first := 0
			if transport == "iframe" {
				first = 1 // the call that tells the page that the stream is open
			}
			assert.Equal(t, first+2, beats(t), "after 15 s and 30 s")
			assert.Equal(t, first+6, beats(t, httpadapter.Heartbeat(5*time.Second, nil)))
			assert.Equal(t, first, beats(t, httpadapter.Heartbeat(0, nil)))
		})
	}
}

func TestHandlerSource(t *testing.T) {
	var asked []enumerator.Position
	handler := client.Handler(func(_ *http.Request, after enumerator.Position) (items, error) {
		asked = append(asked, after)
		return items{}, nil
	})
	ask(t, handler, "/")
	ask(t, handler, "/?lastEventId=1z-210")
	ask(t, handler, "/?lastEventId=1z-210", "Last-Event-ID", "1z-1z")
	assert.Equal(t, []enumerator.Position{{}, at(36), at(35)}, asked)

	broken := errors.New("broken")
	var log strings.Builder
	handler = client.Handler(func(*http.Request, enumerator.Position) (items, error) { return three, broken },
		httpadapter.Logger(slog.New(slog.NewTextHandler(&log, nil))))
	res, body := ask(t, handler, "/?transport=iframe")
	assert.Equal(t, http.StatusInternalServerError, res.StatusCode)
	assert.NotContains(t, body, "broken")
	assert.Contains(t, log.String(), "broken")

	assert.PanicsWithValue(t, "comet/client: Handler: source must not be nil", func() { client.Handler[int](nil) })
}
