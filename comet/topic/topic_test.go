package topic_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet/topic"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/compress"
	"github.com/halley-go/halley/httpadapter/httpadaptertest"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

// A message has fields, so that a body may not fit.
type message struct {
	Name string `json:"name"`
	N    int    `json:"n"`
}

// kept returns the messages that the store keeps of a topic.
func kept[E any](t *testing.T, all *topics.Topics[E], name string) (es []E) {
	t.Helper()
	es, err := enumerator.Run(t.Context(), enumerator.Values(all.Topic(name).Read(topics.Place{}), nil), iteratee.Collect[E]())
	require.NoError(t, err)
	return es
}

func TestPublish(t *testing.T) {
	probe.Logs(t)
	all := topics.New[message](topics.Memory(100, topics.MaxBytes(20_000)))
	server := serve(t, all, anyone, topic.MaxBytes(40_000))
	first, err := all.Publish(t.Context(), "before", "", message{N: 1})
	require.NoError(t, err)
	require.NoError(t, all.End(t.Context(), "ended"))
	tag := `"` + first.String() + `"`
	other := `"` + enumerator.Position{Epoch: first.Epoch, Seq: first.Seq + 100}.String() + `"`
	for name, c := range map[string]struct {
		path, body string
		header     []string
		status     int
		text       string
	}{
		"a message":               {"/one/news", `{"name":"kiki","n":1}`, nil, 204, ""},
		"in the query":            {"/many?topic=news", `{}`, nil, 204, ""},
		"a slash in the name":     {"/one/news/sport", `{}`, nil, 204, ""},
		"the same topic twice":    {"/many?topic=news&topic=news", `{}`, nil, 400, "Bad Request: the query must have one topic"},
		"no topic":                {"/many", `{}`, nil, 400, "Bad Request: the query must have a topic"},
		"a reserved name":         {"/one/error", `{}`, nil, 400, "Bad Request: a topic must not have the name error, which has a meaning of its own"},
		"not JSON":                {"/one/news", `{"n":1,}`, nil, 400, "Bad Request: the body is not JSON: invalid character '}' looking for beginning of object key string, at byte 8"},
		"a part of JSON":          {"/one/news", `{"n":1`, nil, 400, "Bad Request: the body is not JSON: unexpected end of JSON input, at byte 6"},
		"nothing":                 {"/one/news", ``, nil, 400, "Bad Request: the body is not JSON: unexpected end of JSON input, at byte 0"},
		"two messages":            {"/one/news", `{}{}`, nil, 400, "Bad Request: the body is not JSON: invalid character '{' after top-level value, at byte 3"},
		"a field of another type": {"/one/news", `{"n":"one"}`, nil, 400, "Bad Request: the body does not fit: the string in the field n has the wrong type"},
		"another type":            {"/one/news", `[1]`, nil, 400, "Bad Request: the body does not fit: the array at byte 1 has the wrong type"},
		"not UTF-8":               {"/one/news", "\"\xff\"", nil, 400, "Bad Request: the body must be the JSON of a message, in UTF-8"},
		"a form":                  {"/one/news", `{}`, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, ""},
		"text":                    {"/one/news", `{}`, []string{"Content-Type", "text/plain"}, 415, ""},
		"too long":                {"/one/news", `{"name":"` + strings.Repeat("x", 50_000) + `"}`, nil, 413, ""},
		"too long for the store":  {"/one/news", `{"name":"` + strings.Repeat("x", 30_000) + `"}`, nil, 413, "Request Entity Too Large: the store takes no message of this size"},
		"a long key":              {"/one/news", `{}`, []string{"Idempotency-Key", strings.Repeat("k", 257)}, 400, "Bad Request: an Idempotency-Key has at most 256 bytes"},
		"an ended topic":          {"/one/ended", `{}`, nil, 410, "Gone: the topic has ended"},
		"another last entry":      {"/one/before", `{}`, []string{"If-Match", other}, 412, "Precondition Failed: the topic has another last entry"},
		"an empty topic":          {"/one/nothing", `{}`, []string{"If-Match", tag}, 412, "Precondition Failed: the topic has another last entry"},
		"entries":                 {"/one/before", `{}`, []string{"If-None-Match", "*"}, 412, "Precondition Failed: the topic has another last entry"},
		"no entries":              {"/one/none", `{}`, []string{"If-None-Match", "*"}, 204, ""},
		"any entry":               {"/one/before", `{}`, []string{"If-Match", "*"}, 400, "Bad Request: If-Match must be one position in quotes, or If-None-Match *"},
		"two conditions":          {"/one/before", `{}`, []string{"If-Match", tag, "If-None-Match", "*"}, 400, "Bad Request: If-Match must be one position in quotes, or If-None-Match *"},
		"two Positions":           {"/one/before", `{}`, []string{"If-Match", tag + "," + tag}, 400, "Bad Request: If-Match must be one position in quotes, or If-None-Match *"},
		"no quotes":               {"/one/before", `{}`, []string{"If-Match", first.String()}, 400, "Bad Request: If-Match must be one position in quotes, or If-None-Match *"},
		"an empty Position":       {"/one/before", `{}`, []string{"If-Match", `""`}, 400, "Bad Request: If-Match must be one position in quotes, or If-None-Match *"},
		"no match of a Position":  {"/one/before", `{}`, []string{"If-None-Match", tag}, 400, "Bad Request: If-Match must be one position in quotes, or If-None-Match *"},
	} {
		t.Run(name, func(t *testing.T) {
			before := all.Stats().Published
			status, position, text := post(t, server.URL+c.path, c.body, c.header...)
			assert.Equal(t, c.status, status)
			if c.text != "" || c.status == http.StatusNoContent {
				assert.Equal(t, c.text, strings.TrimSuffix(text, "\n"))
			}
			stored := all.Stats().Published - before
			if c.status == http.StatusNoContent {
				assert.EqualValues(t, 1, stored)
				assert.NotEmpty(t, position)
			} else {
				assert.Zero(t, stored)
				assert.Empty(t, position)
			}
		})
	}
}

func TestPublishAfter(t *testing.T) {
	all := topics.New[int](topics.Memory(100))
	url := serve(t, all, anyone).URL + "/one/news"
	status, first, _ := post(t, url, "1", "If-None-Match", "*")
	assert.Equal(t, http.StatusNoContent, status)
	_, _, _ = post(t, url+"other", "1")
	status, second, _ := post(t, url, "2", "If-Match", `"`+first+`"`)
	assert.Equal(t, http.StatusNoContent, status)
	status, _, _ = post(t, url, "3", "If-Match", `"`+first+`"`)
	assert.Equal(t, http.StatusPreconditionFailed, status)
	assert.Equal(t, []int{1, 2}, kept(t, all, "news"))
	p, err := enumerator.ParsePosition(second)
	require.NoError(t, err)
	assert.Equal(t, all.Topic("news").Position(), p)
}

// A request that is repeated with its key is stored once, also under a condition that no longer holds and after the end.
func TestIdempotency(t *testing.T) {
	all := topics.New[int](topics.Memory(100))
	url := serve(t, all, anyone).URL + "/one/news"
	header := []string{"Idempotency-Key", "8e03978e", "If-None-Match", "*"}
	_, first, _ := post(t, url, "1", header...)
	for range 3 {
		status, again, _ := post(t, url, "1", header...)
		assert.Equal(t, http.StatusNoContent, status)
		assert.Equal(t, first, again)
		_ = all.End(t.Context(), "news")
	}
	assert.Equal(t, []int{1}, kept(t, all, "news"))
	_, other, _ := post(t, url+"/other", "1", header...)
	assert.NotEqual(t, first, other, "a key belongs to one topic")
}

// store is a Store that counts its calls, and whose Append can fail.
type store struct {
	topics.Store
	calls  atomic.Int64
	append func(context.Context, topics.Record) error // nil: as the Store
}

func (s *store) Append(ctx context.Context, name string, r topics.Record) (p enumerator.Position, err error) {
	s.calls.Add(1)
	if s.append != nil {
		if err := s.append(ctx, r); err != nil {
			return p, err
		}
	}
	return s.Store.Append(ctx, name, r)
}

func (s *store) Read(ctx context.Context, name string, from topics.Place, limit int) ([]topics.Entry, bool, error) {
	s.calls.Add(1)
	return s.Store.Read(ctx, name, from, limit)
}

func (s *store) Watch(ctx context.Context, name string, next func(topics.Entry), lost func(error)) (enumerator.Position, func(), error) {
	s.calls.Add(1)
	return s.Store.Watch(ctx, name, next, lost)
}

// The status tells whether a message is stored, is not stored, or may be stored.
func TestAStoreThatDoesNotAnswer(t *testing.T) {
	probe.Logs(t)
	errDown := errors.New("down")
	unknown := fmt.Errorf("%w: %w", topics.ErrUnknown, errDown)
	waits := func(ctx context.Context, _ topics.Record) error {
		<-ctx.Done()
		return fmt.Errorf("%w: %w", topics.ErrUnknown, context.Cause(ctx))
	}
	tries := 0
	for name, c := range map[string]struct {
		append func(context.Context, topics.Record) error
		header []string
		status int
		text   string
		took   time.Duration
	}{
		"it is down": {func(context.Context, topics.Record) error { return errDown }, nil, 503,
			"Service Unavailable: the message was not stored; repeat the request\n", 10 * time.Second},
		"it may have stored it": {func(context.Context, topics.Record) error { return unknown }, nil, 504,
			"Gateway Timeout: it is not known whether the message was stored; without an Idempotency-Key, a repetition may store it again\n", 10 * time.Second},
		"it is silent": {waits, []string{"Idempotency-Key", "k"}, 504,
			"Gateway Timeout: it is not known whether the message was stored; repeat the request with the same Idempotency-Key\n", 10 * time.Second},
		"it is closed": {func(context.Context, topics.Record) error { return topics.ErrClosed }, nil, 503,
			"Service Unavailable: the message was not stored; repeat the request\n", 0},
		"it comes back": {func(context.Context, topics.Record) error {
			if tries++; tries < 5 {
				return unknown
			}
			return nil
		}, nil, 204, "", -1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				all := topics.New[int](&store{Store: topics.Memory(100), append: c.append})
				start := time.Now()
				w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/?topic=news", strings.NewReader("1"))
				r.Header.Set("Content-Type", "application/json")
				for i := 0; i < len(c.header); i += 2 {
					r.Header.Set(c.header[i], c.header[i+1])
				}
				topic.Handler(all, anyone).ServeHTTP(w, r)
				assert.Equal(t, c.status, w.Code)
				assert.Equal(t, c.text, w.Body.String())
				if c.status == http.StatusNoContent {
					assert.Equal(t, []int{1}, kept(t, all, "news"))
					return
				}
				assert.Equal(t, c.took, time.Since(start))
				assert.Regexp(t, "^([1-9]|10)$", w.Header().Get("Retry-After"))
			})
		})
	}
	t.Run("the client leaves", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, leave := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, leave)
			all := topics.New[int](&store{Store: topics.Memory(100), append: waits})
			w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodPost, "/?topic=news", strings.NewReader("1"))
			r.Header.Set("Content-Type", "application/json")
			topic.Handler(all, anyone).ServeHTTP(w, r)
			assert.Equal(t, httpadapter.StatusClientClosedRequest, w.Code)
		})
	})
}

// A request that is refused for one of its topics does nothing.
func TestAllow(t *testing.T) {
	probe.Logs(t)
	memory := &store{Store: topics.Memory(100)}
	all := topics.New[int](memory)
	var asked []topic.Access
	allow := func(_ *http.Request, a topic.Access) error {
		asked = append(asked, a)
		switch {
		case strings.HasPrefix(a.Topic, "secret") || a.Topic == "news" && a.Write:
			return errors.New("who are you?")
		case a.Topic == "paid":
			return fmt.Errorf("no money: %w", &httpadapter.StatusError{Status: http.StatusPaymentRequired, Text: "1 cent", Header: http.Header{"X": {"y"}}})
		}
		return nil
	}
	server := serve(t, all, allow)
	for _, c := range []struct {
		method, path string
		status       int
		text         string
		asked        []topic.Access
	}{
		{"GET", "/one/secret", 403, `Forbidden: you may not read the topic "secret"`, []topic.Access{{Topic: "secret"}}},
		{"GET", "/one/secret?topic=news", 403, `Forbidden: you may not read the topic "secret"`, []topic.Access{{Topic: "secret"}}},
		{"GET", "/one/secret?transport=poll", 403, `Forbidden: you may not read the topic "secret"`, []topic.Access{{Topic: "secret"}}},
		{"HEAD", "/one/secret", 403, "", []topic.Access{{Topic: "secret"}}},
		{"GET", "/many?topic=news&topic=secret%E2%80%A8&topic=b", 403, `Forbidden: you may not read the topic "secret\u2028"`, []topic.Access{{Topic: "news"}, {Topic: "secret\u2028"}}},
		{"GET", "/many?topic=news&topic=secret&transport=poll", 403, `Forbidden: you may not read the topic "secret"`, []topic.Access{{Topic: "news"}, {Topic: "secret"}}},
		{"GET", "/one/paid", 402, "Payment Required: 1 cent", []topic.Access{{Topic: "paid"}}},
		{"POST", "/one/news", 403, `Forbidden: you may not publish to the topic "news"`, []topic.Access{{Topic: "news", Write: true}}},
		{"POST", "/many?topic=paid", 402, "Payment Required: 1 cent", []topic.Access{{Topic: "paid", Write: true}}},
		{"GET", "/many", 400, "Bad Request: the query must have a topic", nil},
		{"GET", "/many?topic=", 400, "Bad Request: the name of a topic must have 1 to 512 bytes", nil},
		{"GET", "/many?topic=a&topic=" + strings.Repeat("x", 513), 400, "Bad Request: the name of a topic must have 1 to 512 bytes", nil},
		{"GET", "/one/" + strings.Repeat("x", 513), 400, "Bad Request: the name of a topic must have 1 to 512 bytes", nil},
		{"GET", "/one/a%0Ab", 400, "Bad Request: the name of a topic must be UTF-8 without control characters", nil},
		{"GET", "/many?topic=%FF", 400, "Bad Request: the name of a topic must be UTF-8 without control characters", nil},
		{"GET", "/many?topic=news&topic=gap", 400, "Bad Request: a topic must not have the name gap, which has a meaning of its own", nil},
		{"GET", "/one/open", 400, "Bad Request: a topic must not have the name open, which has a meaning of its own", nil},
		{"GET", "/many?" + strings.Repeat("topic=a&", 65), 400, "Bad Request: at most 64 topics can be read at once, whose names have 2048 bytes together in the URL", nil},
		{"GET", "/many?topic=" + strings.Repeat("%C3%BC", 200) + "&topic=" + strings.Repeat("%C3%B6", 200), 400, "Bad Request: at most 64 topics can be read at once, whose names have 2048 bytes together in the URL", nil},
		{"GET", "/one/news?transport=pigeon", 400, "transport must be events, iframe, ndjson or poll", nil},
		{"PUT", "/one/news", 405, "Method Not Allowed", nil},
		{"DELETE", "/many?topic=news", 405, "Method Not Allowed", nil},
	} {
		t.Run(c.method+" "+c.path[:min(len(c.path), 40)], func(t *testing.T) {
			asked = nil
			r, err := http.NewRequestWithContext(t.Context(), c.method, server.URL+c.path, nil)
			require.NoError(t, err)
			res, err := http.DefaultClient.Do(r)
			require.NoError(t, err)
			defer res.Body.Close()
			text, err := bufio.NewReader(res.Body).ReadString(0)
			assert.Error(t, err)
			assert.Equal(t, c.status, res.StatusCode)
			assert.Equal(t, c.text, strings.TrimSuffix(text, "\n"))
			assert.Equal(t, c.asked, asked)
			assert.Zero(t, memory.calls.Load(), "nothing is attached")
			if c.status == http.StatusMethodNotAllowed {
				assert.Equal(t, "GET, HEAD, POST", res.Header.Get("Allow"))
			}
			if c.status == http.StatusPaymentRequired {
				assert.Equal(t, "y", res.Header.Get("X"))
			}
		})
	}
	asked = nil
	query := "topic=" + strings.Repeat("x", 512) + strings.Repeat("&topic=a", 63)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodHead, server.URL+"/many?"+query, nil)
	require.NoError(t, err)
	res, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, res.StatusCode)
	assert.Len(t, asked, 64)
	assert.Zero(t, memory.calls.Load(), "HEAD attaches nothing")
	require.NoError(t, res.Body.Close())
}

func TestRate(t *testing.T) {
	probe.Logs(t)
	synctest.Test(t, func(t *testing.T) {
		all := topics.New[int](topics.Memory(100))
		rate := topic.Rate(3, 1500*time.Millisecond, func(r *http.Request) string { return r.Header.Get("User") })
		handlers := []http.Handler{topic.Handler(all, anyone, rate), topic.Handler(all, anyone, rate)}
		asked := 0
		publish := func(user string) (status int, retryAfter string) {
			w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/?topic=news", strings.NewReader("1"))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("User", user)
			handlers[asked%2].ServeHTTP(w, r) // both count together
			asked++
			return w.Code, w.Header().Get("Retry-After")
		}
		is := func(user string, wantStatus int, wantRetry string) {
			t.Helper()
			status, retry := publish(user)
			assert.Equal(t, wantStatus, status)
			assert.Equal(t, wantRetry, retry)
		}
		for range 3 {
			is("a", 204, "")
		}
		is("a", 429, "2")
		is("a", 429, "2") // a refusal does not count
		is("b", 204, "")
		time.Sleep(time.Second)
		is("a", 429, "1")
		time.Sleep(time.Second / 2)
		is("a", 204, "")
		is("a", 429, "2")
		time.Sleep(time.Hour)
		for range 3 {
			is("a", 204, "")
		}
		is("a", 429, "2")
		for i := range 10_000 { // their keys do not stay
			is(fmt.Sprint("user", i), 204, "")
			time.Sleep(time.Second)
		}
		is("a", 204, "")
		assert.EqualValues(t, 3+1+1+3+10_000+1, all.Stats().Published)
	})
}

// Streams and publishes have limits of their own, and streams are compressed.
func TestStreamOptions(t *testing.T) {
	probe.Logs(t)
	all := topics.New[int](topics.Memory(100))
	url := serve(t, all, anyone, topic.Last(1), topic.Stream(httpadapter.Limit(1), compress.Option())).URL + "/one/news"
	publish(t, all, "news", 1)
	get := func() *http.Response {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		require.NoError(t, err)
		r.Header.Set("Accept-Encoding", "gzip")
		res, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		t.Cleanup(func() { res.Body.Close() })
		return res
	}
	res := get()
	assert.Equal(t, "gzip", res.Header.Get("Content-Encoding"))
	text, err := gzip.NewReader(res.Body)
	require.NoError(t, err)
	lines := bufio.NewScanner(text)
	for lines.Scan() && lines.Text() != "data: 1" {
	}
	assert.Equal(t, "data: 1", lines.Text())
	assert.Equal(t, http.StatusServiceUnavailable, get().StatusCode)
	status, _, _ := post(t, url, "2")
	assert.Equal(t, http.StatusNoContent, status)
}

// Pages of other sites can publish only if CORS allows it.
func TestOtherOrigins(t *testing.T) {
	probe.Logs(t)
	all := topics.New[int](topics.Memory(100))
	protection := http.NewCrossOriginProtection()
	require.NoError(t, protection.AddTrustedOrigin("https://app.example.com"))
	cors := httpadapter.CORS{
		Origins: []string{"https://app.example.com"},
		Headers: []string{"Idempotency-Key", "If-Match", "If-None-Match"},
		Expose:  []string{"Halley-Position"},
	}
	url := httpadaptertest.NewServer(t, cors.Handler(protection.Handler(topic.Handler(all, anyone)))).URL + "/?topic=news"
	status, _, _ := post(t, url, "1", "Origin", "https://evil.example.com", "Sec-Fetch-Site", "cross-site")
	assert.Equal(t, http.StatusForbidden, status)
	status, _, _ = post(t, url, "1", "Origin", "https://app.example.com", "Sec-Fetch-Site", "cross-site")
	assert.Equal(t, http.StatusNoContent, status)
	status, _, _ = post(t, url, "1") // a program
	assert.Equal(t, http.StatusNoContent, status)
	for method, header := range map[string][2]string{
		http.MethodOptions: {"Access-Control-Allow-Headers", "Idempotency-Key"}, http.MethodHead: {"Access-Control-Expose-Headers", "Halley-Position"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
		require.NoError(t, err)
		r.Header.Set("Origin", "https://app.example.com")
		r.Header.Set("Access-Control-Request-Method", "POST")
		res, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		assert.Equal(t, "https://app.example.com", res.Header.Get("Access-Control-Allow-Origin"))
		assert.Contains(t, res.Header.Get(header[0]), header[1])
	}
	assert.Equal(t, []int{1, 1}, kept(t, all, "news"))
}

// A cursor that no client was given leads to a Reset, and to nothing worse.
func TestHostileCursors(t *testing.T) {
	all := topics.New[int](topics.Memory(100))
	server := serve(t, all, anyone)
	publish(t, all, "news", 1, 2)
	for _, cursor := range []string{"nonsense", "news:", "news:1-11", strings.Repeat("a:1-11,", 1000) + "b:1-11", "news:" + all.Topic("other").Position().String() + "x"} {
		c := open(t, server.URL+"/many?topic=news", "ndjson", cursor)
		assert.Equal(t, []any{"reset", map[string]any{"source": "news"}}, c.next(), cursor)
		c.expect("news", 1, 2)
		c = open(t, server.URL+"/one/news", "ndjson", url.QueryEscape(cursor))
		assert.Equal(t, []any{"reset", nil}, c.next())
		c.expect("", 1, 2)
	}
}

func TestMisuse(t *testing.T) {
	all := topics.New[int](topics.Memory(1))
	for want, f := range map[string]func(){
		"comet/topic: Handler: t must not be nil":           func() { topic.Handler[int](nil, anyone) },
		"comet/topic: Handler: allow must not be nil":       func() { topic.Handler(all, nil) },
		"comet/topic: Source: t must not be nil":            func() { topic.Source[int](nil, anyone) },
		"comet/topic: Source: allow must not be nil":        func() { topic.Source(all, nil) },
		"comet/topic: Last: n must not be negative, got -1": func() { topic.Last(-1) },
		"comet/topic: MaxBytes: n must be positive, got 0":  func() { topic.MaxBytes(0) },
		"comet/topic: Rate: n must be positive, got 0":      func() { topic.Rate(0, time.Second, func(*http.Request) string { return "" }) },
		"comet/topic: Rate: every must be positive, got 0s": func() { topic.Rate(1, 0, func(*http.Request) string { return "" }) },
		"comet/topic: Rate: key must not be nil":            func() { topic.Rate(1, time.Second, nil) },
	} {
		assert.PanicsWithValue(t, want, f)
	}
}
