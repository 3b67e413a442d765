package httpadapter

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/halley-go/halley/internal/check"
)

// A CORS allows pages of other origins to read the responses of a handler. Its method Handler returns the
// handler with these permissions. Do not change the fields after that.
type CORS struct {
	// Origins are the origins of the pages, such as https://app.example.com. Each is a scheme, a host and
	// perhaps a port, as browsers send it. https://*.example.com stands for all subdomains of example.com,
	// and http://localhost:* for all ports of localhost. * alone stands for all origins.
	Origins []string

	// Credentials allows requests with cookies, such as those of an EventSource withCredentials. It cannot be
	// combined with the origin *.
	Credentials bool

	// Headers are the names of headers that requests may have, besides Authorization, Cache-Control,
	// Content-Type, Last-Event-ID, and those that browsers always allow.
	Headers []string

	// Expose are the names of headers of responses that scripts may read, besides Retry-After and those that
	// browsers always allow.
	Expose []string

	// MaxAge is how long a browser may remember the answer to a preflight request. It is rounded down to
	// seconds. If it is 0, the browser decides, and most of them take 5 s.
	MaxAge time.Duration
}

// Handler returns a handler that calls h. It adds the headers of CORS to the responses to pages of the
// origins, including errors and refusals. So put it around the handler that answers with the errors:
// around [Handler], [Limited], parse.Action, or a whole router.
//
// Preflight requests are answered with a 204, and h is not called. The answer allows all methods of [Handler]
// to which browsers apply CORS. h answers 405 to the methods that it does not take.
//
// A request of any other origin reaches h too, and its response has no headers of CORS. The browser then
// hides the response from the page. It is not answered with 403, because browsers also send an Origin with
// requests of the same origin. CORS does not stop a page from sending requests: for requests that change
// something, use [http.CrossOriginProtection] or a token too.
//
// All responses have Vary: Origin. h must add its values to Vary, and not replace it.
//
// Handler panics if h is nil, if Origins is empty or has a malformed origin, if the origin * is combined with
// Credentials, if Headers or Expose has a text that cannot name a header, or if MaxAge is negative.
func (c CORS) Handler(h http.Handler) http.Handler {
	check.NotNil("httpadapter: CORS: Handler: h", h)
	check.NotNegative("httpadapter: CORS: MaxAge", c.MaxAge)
	c.checkOrigins()
	header := http.Header{"Access-Control-Expose-Headers": {headerNames("Expose", c.Expose, "Retry-After")}}
	preflight := http.Header{
		"Access-Control-Allow-Methods": {"GET, HEAD, POST, PUT, PATCH, DELETE, QUERY"},
		"Access-Control-Allow-Headers": {headerNames("Headers", c.Headers, "Authorization", "Cache-Control", "Content-Type", "Last-Event-ID")},
	}
	if c.Credentials {
		header.Set("Access-Control-Allow-Credentials", "true")
		preflight.Set("Access-Control-Allow-Credentials", "true")
	}
	if c.MaxAge > 0 {
		preflight.Set("Access-Control-Max-Age", strconv.Itoa(int(c.MaxAge.Seconds())))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Origin")
		origin := r.Header.Get("Origin")
		isPreflight := r.Method == http.MethodOptions && origin != "" && r.Header.Get("Access-Control-Request-Method") != ""
		if allowed := c.allowed(origin); allowed != "" {
			w.Header().Set("Access-Control-Allow-Origin", allowed)
			more := header
			if isPreflight {
				more = preflight
			}
			for key, values := range more {
				w.Header()[key] = slices.Clone(values)
			}
		}
		if isPreflight {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		h.ServeHTTP(w, r)
	})
}

func (c CORS) checkOrigins() {
	if len(c.Origins) == 0 {
		panic("httpadapter: CORS: Origins must not be empty")
	}
	for _, origin := range c.Origins {
		switch {
		case origin == "*" && c.Credentials:
			panic("httpadapter: CORS: browsers refuse the origin * with Credentials; name the origins")
		case origin != "*" && !isOrigin(origin):
			panic(fmt.Sprintf("httpadapter: CORS: an origin must be one such as https://app.example.com, https://*.example.com, "+
				"http://localhost:* or *, in lower case, without a default port and a path, got %q", origin))
		}
	}
}

// isOrigin reports whether pattern is an origin, or one with a single * for subdomains or the port.
func isOrigin(pattern string) bool {
	origin := strings.TrimSuffix(strings.Replace(pattern, "://*.", "://subdomain.", 1), ":*")
	u, err := url.Parse(origin)
	return err == nil && u.Hostname() != "" && u.Scheme+"://"+u.Host == origin &&
		strings.Count(pattern, "*") <= 1 && !strings.Contains(origin, "*") && !strings.HasSuffix(origin, ":") &&
		!(u.Scheme == "http" && u.Port() == "80") && !(u.Scheme == "https" && u.Port() == "443") &&
		strings.IndexFunc(origin, func(r rune) bool { return r > '~' || 'A' <= r && r <= 'Z' }) < 0
}

// allowed returns the Access-Control-Allow-Origin for a request from origin, or "" if there is none.
func (c CORS) allowed(origin string) string {
	switch {
	case origin == "":
		return ""
	case slices.Contains(c.Origins, "*"):
		return "*"
	case slices.ContainsFunc(c.Origins, func(pattern string) bool { return matchesOrigin(pattern, origin) }):
		return origin
	}
	return ""
}

func matchesOrigin(pattern, origin string) bool {
	before, after, hasStar := strings.Cut(pattern, "*")
	if !hasStar {
		return origin == pattern
	}
	if after == "" && origin == strings.TrimSuffix(before, ":") { // the default port
		return true
	}
	matched, hasPrefix := strings.CutPrefix(origin, before)
	matched, hasSuffix := strings.CutSuffix(matched, after)
	return hasPrefix && hasSuffix && matched != "" && !strings.ContainsFunc(matched, func(c rune) bool {
		isPort := '0' <= c && c <= '9'
		return !isPort && (after == "" || !('a' <= c && c <= 'z' || strings.ContainsRune(".-_", c)))
	})
}

// headerNames returns the value of a header that names the headers of a field.
func headerNames(field string, names []string, always ...string) string {
	for _, name := range names {
		if name == "*" {
			panic(fmt.Sprintf("httpadapter: CORS: %s must have the names of headers, got *", field))
		}
		checkName("CORS", name)
	}
	return strings.Join(slices.Concat(always, names), ", ")
}
