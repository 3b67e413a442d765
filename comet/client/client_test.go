package client_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
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

// at returns a Position of a hub that does not exist.
func at(seq uint64) enumerator.Position { return enumerator.Position{Epoch: 71, Seq: seq} }

// sent has an Item of each kind. The named ones are of a source beside others.
var sent = enumerator.Of(
	item{Bookmark: true, Position: at(34)},
	item{Reset: true, Position: at(35)},
	item{Value: "it's </script>", Position: at(36)},
	item{Gap: enumerator.Gap{From: at(37), N: 1000}, Position: at(1036)},
	item{Value: 1, Position: at(1), Event: "a", Cursor: "a:1z-11,b:"},
	item{Gap: enumerator.Gap{From: at(2), N: 3}, Position: at(4), Event: "a", Cursor: "a:1z-14,b:"},
	item{Reset: true, Position: at(5), Event: "a", Cursor: "a:1z-15,b:"},
)

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

// Each transport carries exactly these bytes.
func TestHandler(t *testing.T) {
	handler := client.Handler(always(sent))
	events := "event: reset\ndata: null\nid: 1z-1z\n\n" +
		"data: \"it's </script>\"\nid: 1z-210\n\n" +
		"event: gap\ndata: {\"from\":\"1z-211\",\"count\":1000}\nid: 1z-2ss\n\n" +
		"event: a\ndata: 1\nid: a:1z-11,b:\n\n" +
		"event: gap\ndata: {\"from\":\"1z-12\",\"count\":3,\"source\":\"a\"}\nid: a:1z-14,b:\n\n" +
		"event: reset\ndata: {\"source\":\"a\"}\nid: a:1z-15,b:\n\n"
	end := "event: end\ndata: null\nid: a:1z-15,b:\n\n"
	endForPages := "event: end\ndata: null\nretry: 86400000\nid: a:1z-15,b:\n\n"
	bookmark := "event: bookmark\ndata: null\nid: 1z-1y\n\n"
	lines := `{"event":"bookmark","id":"1z-1y","data":null}` + "\n" +
		`{"event":"reset","id":"1z-1z","data":null}` + "\n" +
		`{"id":"1z-210","data":"it's </script>"}` + "\n" +
		`{"event":"gap","id":"1z-2ss","data":{"from":"1z-211","count":1000}}` + "\n" +
		`{"event":"a","id":"a:1z-11,b:","data":1}` + "\n" +
		`{"event":"gap","id":"a:1z-14,b:","data":{"from":"1z-12","count":3,"source":"a"}}` + "\n" +
		`{"event":"reset","id":"a:1z-15,b:","data":{"source":"a"}}` + "\n"
	for url, want := range map[string][2]string{
		"/":                  {"text/event-stream", "id: 1z-1y\n\n" + events + endForPages},
		"/?transport=events": {"text/event-stream", "event: heartbeat\ndata: 15000\n\n" + bookmark + events + end},
		"/?transport=ndjson": {"application/x-ndjson", `{"event":"heartbeat","id":"","data":15000}` + "\n" + lines +
			`{"event":"end","id":"a:1z-15,b:","data":null}` + "\n"},
		"/?transport=poll": {"application/x-ndjson", lines},
	} {
		res, body := ask(t, handler, url)
		assert.Equal(t, http.StatusOK, res.StatusCode)
		assert.Equal(t, want[0], res.Header.Get("Content-Type"), url)
		assert.Equal(t, want[1], body, url)
	}
	_, body := ask(t, handler, "/", "User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0")
	assert.Equal(t, bookmark+events+endForPages, body, "Firefox ignores the id of an event without data")
	for _, name := range []string{"websocket", "Events", "halley.events"} {
		res, _ := ask(t, handler, "/?transport="+name)
		assert.Equal(t, http.StatusBadRequest, res.StatusCode)
	}
}

func TestIframe(t *testing.T) {
	handler := client.Handler(always(sent))
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
		page, padded := strings.CutPrefix(body, strings.Repeat(" ", 5120))
		assert.True(t, padded)
		assert.Equal(t, "<html><body>"+script(`15000,'','heartbeat'`)+
			script(`null,'1z-1y','bookmark'`)+
			script(`null,'1z-1z','reset'`)+
			script(`"it's \u003c/script\u003e",'1z-210'`)+
			script(`{"from":"1z-211","count":1000},'1z-2ss','gap'`)+
			script(`1,'a:1z-11,b:','a'`)+
			script(`{"from":"1z-12","count":3,"source":"a"},'a:1z-14,b:','gap'`)+
			script(`{"source":"a"},'a:1z-15,b:','reset'`)+
			script(`null,'a:1z-15,b:','end'`), page)
	}
	assert.Len(t, nonces, 2, "a nonce is for one response")
}

// A heartbeat is one that the client can hear, comes as often as the options say, and carries the Position to which the
// stream has moved on.
func TestHandlerHeartbeat(t *testing.T) {
	silence := enumerator.New(func(_ context.Context, sink iteratee.Sink[item]) iteratee.Step {
		sink.Next(item{Bookmark: true, Position: at(1)})
		sink.Next(item{Bookmark: true, Position: at(2)})
		sink.Next(item{Bookmark: true, Position: at(3)})
		time.Sleep(32 * time.Second)
		return iteratee.StepError(errors.New("broken"))
	})
	for transport, c := range map[string]struct{ interval, bookmark, beat string }{
		"":       {"", "id: %s\n\n", ":\n"},
		"events": {"event: heartbeat\ndata: %d\n\n", "event: bookmark\ndata: null\nid: %s\n\n", "event: heartbeat\ndata:\n\n"},
		"iframe": {"halley(%d,'','heartbeat');</script>", "halley(null,'%s','bookmark');</script>", "halley();</script>"},
		"ndjson": {`{"event":"heartbeat","id":"","data":%d}` + "\n", `{"event":"bookmark","id":"%s","data":null}` + "\n", "\n"},
	} {
		for _, o := range []struct {
			opts  []httpadapter.Option
			every int
			beats int // after the one that is a bookmark
		}{
			{nil, 15000, 1},
			{[]httpadapter.Option{httpadapter.Heartbeat(5*time.Second, nil)}, 5000, 5},
			{[]httpadapter.Option{httpadapter.Heartbeat(0, nil)}, 0, -1},
		} {
			t.Run(fmt.Sprint(transport, o.every), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := httptest.NewRequest(http.MethodGet, "/?transport="+transport, nil)
					w := httptest.NewRecorder()
					handler := client.Handler(always(silence), append(o.opts, httpadapter.Logger(slog.New(slog.DiscardHandler)))...)
					assert.PanicsWithValue(t, http.ErrAbortHandler, func() { handler.ServeHTTP(w, r) })
					want := ""
					if c.interval != "" {
						want = fmt.Sprintf(c.interval, o.every)
					}
					want += fmt.Sprintf(c.bookmark, at(1))
					if o.beats >= 0 {
						want += fmt.Sprintf(c.bookmark, at(3)) + strings.Repeat(c.beat, o.beats)
					}
					body := w.Body.String()
					if transport == "iframe" {
						body = withoutScriptTags(body)
					}
					assert.Equal(t, want, body)
				})
			})
		}
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
	handler = client.Handler(func(*http.Request, enumerator.Position) (items, error) { return sent, broken },
		httpadapter.Logger(slog.New(slog.NewTextHandler(&log, nil))))
	res, body := ask(t, handler, "/?transport=iframe")
	assert.Equal(t, http.StatusInternalServerError, res.StatusCode)
	assert.NotContains(t, body, "broken")
	assert.Contains(t, log.String(), "broken")

	assert.PanicsWithValue(t, "comet/client: Handler: source must not be nil", func() { client.Handler[int](nil) })
}
