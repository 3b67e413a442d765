package httpadapter_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/parse"
)

const app = "https://app.example.com"

// corsHeader returns the headers of CORS in h, one in a line, and Vary.
func corsHeader(h http.Header) string {
	var lines []string
	for _, key := range []string{"Allow-Origin", "Allow-Credentials", "Allow-Methods", "Allow-Headers", "Expose-Headers", "Max-Age"} {
		for _, value := range h["Access-Control-"+key] {
			lines = append(lines, key+": "+value)
		}
	}
	for _, value := range h["Vary"] {
		lines = append(lines, "Vary: "+value)
	}
	return strings.Join(lines, "\n")
}

const (
	readable   = "Allow-Origin: " + app + "\nAllow-Credentials: true\nExpose-Headers: Retry-After, X-Total\nVary: Origin"
	preflight  = "Allow-Origin: " + app + "\nAllow-Credentials: true\nAllow-Methods: GET, HEAD, POST, PUT, PATCH, DELETE, QUERY\nAllow-Headers: Authorization, Cache-Control, Content-Type, Last-Event-ID, X-Room\nMax-Age: 600\nVary: Origin"
	unreadable = "Vary: Origin"
)

func TestCORS(t *testing.T) {
	called := 0
	full := httpadapter.Limit(1)
	router := http.NewServeMux()
	router.Handle("/stream", httpadapter.Handler(func(*http.Request) (enumerator.Enumerator[[]byte], error) {
		called++
		return of("hello"), nil
	}))
	router.Handle("/secret", httpadapter.Handler(func(*http.Request) (e enumerator.Enumerator[[]byte], _ error) {
		return e, &httpadapter.StatusError{Status: http.StatusUnauthorized, Header: http.Header{"WWW-Authenticate": {"Bearer"}}}
	}))
	router.HandleFunc("/failing", func(w http.ResponseWriter, r *http.Request) {
		_ = httpadapter.Serve(w, r, failing(errBoom))
	})
	router.Handle("/full", httpadapter.Limited(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		httpadapter.Limited(http.NotFoundHandler(), full).ServeHTTP(w, r)
	}), full))
	router.Handle("/action", parse.Action(parse.Text(3), func(w http.ResponseWriter, _ *http.Request, text string) error {
		_, err := io.WriteString(w, text)
		return err
	}))
	cors := httpadapter.CORS{
		Origins: []string{app, "https://*.example.org"}, Credentials: true,
		Headers: []string{"X-Room"}, Expose: []string{"X-Total"}, MaxAge: 10 * time.Minute,
	}
	server := httptest.NewUnstartedServer(cors.Handler(router))
	server.Config.ErrorLog = discardLog
	server.Start()
	t.Cleanup(server.Close)

	for _, c := range []struct {
		name, method, path, origin, asks, body string
		status                                 int
		header, answer                         string
		called                                 int
	}{
		{"a stream", "GET", "/stream", app, "", "", 200, readable, "hello", 1},
		{"a stream for another page", "GET", "/stream", "https://evil.example", "", "", 200, unreadable, "hello", 1},
		{"a stream for the own page", "GET", "/stream", "", "", "", 200, unreadable, "hello", 1},
		{"a page without an origin", "GET", "/stream", "null", "", "", 200, unreadable, "hello", 1},
		{"HEAD", "HEAD", "/stream", app, "", "", 200, readable, "", 1},
		{"a preflight request", "OPTIONS", "/stream", app, "GET", "", 204, preflight, "", 0},
		{"a preflight request of another page", "OPTIONS", "/stream", "https://evil.example", "GET", "", 204, unreadable, "", 0},
		{"a preflight request for nothing", "OPTIONS", "/nothing", app, "GET", "", 204, preflight, "", 0},
		{"a method that no stream has", "PROPFIND", "/stream", app, "", "", 405, readable, "Method Not Allowed\n", 0},
		{"OPTIONS of a page", "OPTIONS", "/stream", app, "", "", 204, readable, "", 0},
		{"OPTIONS of a client", "OPTIONS", "/stream", "", "GET", "", 204, unreadable, "", 0},
		{"an error of the program", "GET", "/secret", app, "", "", 401, readable, "Unauthorized\n", 0},
		{"an error of the source", "GET", "/failing", app, "", "", 500, readable, "Internal Server Error\n", 0},
		{"a refusal", "GET", "/full", app, "", "", 503, readable, "Service Unavailable\n", 0},
		{"not found", "GET", "/nothing", app, "", "", 404, readable, "404 page not found\n", 0},
		{"an action", "POST", "/action", app, "", "abc", 200, readable, "abc", 0},
		{"an action that fails", "POST", "/action", app, "", "abcd", 413, readable, "Request Entity Too Large: the limit is 3 bytes\n", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			called = 0
			r, err := http.NewRequestWithContext(t.Context(), c.method, server.URL+c.path, strings.NewReader(c.body))
			require.NoError(t, err)
			if c.origin != "" {
				r.Header.Set("Origin", c.origin)
			}
			if c.body != "" {
				r.Header.Set("Content-Type", "text/plain")
			}
			if c.asks != "" {
				r.Header.Set("Access-Control-Request-Method", c.asks)
				r.Header.Set("Access-Control-Request-Headers", "last-event-id")
			}
			res, err := server.Client().Do(r)
			require.NoError(t, err)
			defer res.Body.Close()
			answer, err := io.ReadAll(res.Body)
			require.NoError(t, err)
			assert.Equal(t, c.status, res.StatusCode)
			assert.Equal(t, c.header, corsHeader(res.Header))
			assert.Equal(t, c.answer, string(answer))
			assert.Equal(t, c.called, called)
		})
	}
}

func TestOriginsOfCORS(t *testing.T) {
	for _, c := range []struct{ allows, origin, answer string }{
		{"*", app, "*"},
		{"*", "null", "*"},
		{"*", "", ""},
		{app, app, app},
		{app, "", ""},
		{app, "null", ""},
		{app, "http://app.example.com", ""},
		{app, app + ":8443", ""},
		{app, app + ".evil.example", ""},
		{app, "https://xapp.example.com", ""},
		{app, "https://APP.example.com", ""}, // no browser sends it
		{"https://*.example.com", "https://a.example.com", "https://a.example.com"},
		{"https://*.example.com", "https://a.b.example.com", "https://a.b.example.com"},
		{"https://*.example.com", "https://example.com", ""},
		{"https://*.example.com", "https://.example.com", ""},
		{"https://*.example.com", "https://evilexample.com", ""},
		{"https://*.example.com", "https://evil.example/.example.com", ""},
		{"https://*.example.com", "https://evil.example:1.example.com", ""},
		{"https://*.example.com", "http://a.example.com", ""},
		{"https://*.example.com", "https://a.example.com:8443", ""},
		{app, app + ".", ""},
		{app, app + "/", ""},
		{app, "https://user@app.example.com", ""},
		{app, app + " " + app, ""},
		{"https://*.example.com", "null", ""},
		{"https://*.example.com", "https://a.example.com.", ""},
		{"https://*.example.com", "https://user@a.example.com", ""},
		{"https://*.example.com", "https://evil.example?.example.com", ""},
		{"https://*.example.com", "https://evil.example#.example.com", ""},
		{"https://*.example.com", "https://evil.example\\.example.com", ""},
		{"https://*.example.com", "https://evil.example%2f.example.com", ""},
		{"https://*.example.com", "https://A.example.com", ""},
		{"https://*.example.com", "https://bücher.example.com", ""},
		{"https://*.example.com", "https://xn--bcher-kva.example.com", "https://xn--bcher-kva.example.com"},
		{"https://*.example.com", "https://a_b-1.example.com", "https://a_b-1.example.com"},
		{"http://localhost:*", "http://localhost:a", ""},
		{"http://localhost:*", "http://localhost:1@evil.example", ""},
		{"http://localhost:*", "http://localhost:1.evil.example", ""},
		{"http://localhost:*", "http://localhost:3000", "http://localhost:3000"},
		{"http://localhost:*", "http://localhost", "http://localhost"},
		{"http://localhost:*", "http://localhost.evil.example", ""},
		{"http://localhost:*", "http://localhost:", ""},
		{"http://[::1]:*", "http://[::1]:3000", "http://[::1]:3000"},
		{"capacitor://localhost", "capacitor://localhost", "capacitor://localhost"},
	} {
		t.Run(c.allows+" "+c.origin, func(t *testing.T) {
			h := httpadapter.CORS{Origins: []string{"https://first.example", c.allows}}.Handler(http.NotFoundHandler())
			w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
			if c.origin != "" {
				r.Header.Set("Origin", c.origin)
			}
			h.ServeHTTP(w, r)
			assert.Equal(t, c.answer, w.Header().Get("Access-Control-Allow-Origin"))
			assert.Equal(t, []string{"Origin"}, w.Header()["Vary"])
			assert.Equal(t, 404, w.Code)
		})
	}
}

// Whatever a client sends as its origin, it is allowed only if its scheme is that of the pattern and its host is a
// subdomain.
func TestSubdomainsOfCORS(t *testing.T) {
	h := httpadapter.CORS{Origins: []string{"https://*.example.com"}}.Handler(http.NotFoundHandler())
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(rapid.SampledFrom([]string{"https", "http", "://", "a", ".", "evil", "example.com", ":", "/", "@", "443", "*"}), 0, 8)
		origin := strings.Join(parts.Draw(t, "parts"), "")
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Origin", origin)
		h.ServeHTTP(w, r)
		if allowed := w.Header().Get("Access-Control-Allow-Origin"); allowed != "" {
			assert.Equal(t, origin, allowed)
			assert.Regexp(t, `^https://[^/:]+\.example\.com$`, origin)
		}
	})
}

func TestCORSPanicsOnMisuse(t *testing.T) {
	malformed := func(origin string) string {
		return fmt.Sprintf("httpadapter: CORS: an origin must be one such as https://app.example.com, https://*.example.com, "+
			"http://localhost:* or *, in lower case, without a default port and a path, got %q", origin)
	}
	cases := map[string]httpadapter.CORS{
		"httpadapter: CORS: Origins must not be empty":                                       {},
		"httpadapter: CORS: browsers refuse the origin * with Credentials; name the origins": {Origins: []string{app, "*"}, Credentials: true},
		"httpadapter: CORS: MaxAge must not be negative, got -1s":                            {Origins: []string{app}, MaxAge: -time.Second},
		`httpadapter: CORS: key must be the name of a header, got "X Total"`:                 {Origins: []string{app}, Expose: []string{"X Total"}},
		`httpadapter: CORS: key must be the name of a header, got ""`:                        {Origins: []string{app}, Headers: []string{""}},
		"httpadapter: CORS: Headers must have the names of headers, got *":                   {Origins: []string{app}, Headers: []string{"*"}},
	}
	for _, origin := range []string{
		"", "null", "app.example.com", "https://", "https:", "//app.example.com", app + "/", app + "/path", app + "?q", app + "#f", app + ":443", "http://app.example.com:80", app + ":",
		"https://user@app.example.com", "https://App.example.com", "HTTPS://app.example.com", "https://bücher.example", "https://app.example.com,https://b.example",
		"https://*", "https://*example.com", "https://a.*.example.com", "https://app.*", "*.example.com", "*://app.example.com", "https://*.example.com:*", "https://*.*.example.com", "**", "https://app.example.com:8*", " " + app,
	} {
		cases[malformed(origin)] = httpadapter.CORS{Origins: []string{origin}}
	}
	for message, cors := range cases {
		t.Run(message, func(t *testing.T) {
			assert.PanicsWithValue(t, message, func() { cors.Handler(http.NotFoundHandler()) })
		})
	}
	assert.PanicsWithValue(t, "httpadapter: CORS: Handler: h must not be nil", func() { httpadapter.CORS{Origins: []string{"*"}}.Handler(nil) })
}
