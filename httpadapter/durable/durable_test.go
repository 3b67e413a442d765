package durable_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/compress"
	"github.com/halley-go/halley/httpadapter/durable"
	"github.com/halley-go/halley/iteratee"
)

func TestMain(m *testing.M) {
	log.SetOutput(io.Discard) // the refusals
	goleak.VerifyTestMain(m)
}

// answer is an answer of a handler.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) next() string   { return a.header.Get("Stream-Next-Offset") }
func (a answer) isClosed() bool { return a.header.Get("Stream-Closed") == "true" }
func (a answer) isUpToDate() bool {
	return a.header.Get("Stream-Up-To-Date") == "true"
}

// headers are the names and values of headers, in turn.
type headers []string

func (h headers) set(header http.Header) {
	for i := 0; i < len(h); i += 2 {
		header.Set(h[i], h[i+1])
	}
}

func request(ctx context.Context, method, target, body string, h headers) *http.Request {
	r := httptest.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
	if body == "" {
		r.Body = http.NoBody
	}
	h.set(r.Header)
	return r
}

func do(t *testing.T, h http.Handler, method, target, body string, header ...string) answer {
	t.Helper()
	return serve(h, request(t.Context(), method, target, body, header))
}

func serve(h http.Handler, r *http.Request) answer {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return answer{w.Code, w.Header(), w.Body.String()}
}

func byPath(r *http.Request) (string, error) { return r.URL.Path, nil }

func newHandler(opts ...durable.Option) http.Handler {
	return durable.Handler(topics.Memory(100_000), byPath, opts...)
}

var (
	asText = []string{"Content-Type", "text/plain"}
	asJSON = []string{"Content-Type", "application/json"}
	closed = []string{"Stream-Closed", "true"}
)

func with(lists ...[]string) (all []string) {
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}

func TestCreate(t *testing.T) {
	h := newHandler()
	a := do(t, h, "PUT", "/a", "one", asText...)
	assert.Equal(t, 201, a.status)
	assert.Equal(t, "text/plain", a.header.Get("Content-Type"))
	assert.Equal(t, "http://example.com/a", a.header.Get("Location"))
	assert.Equal(t, "nosniff", a.header.Get("X-Content-Type-Options"))
	assert.False(t, a.isClosed())
	assert.Equal(t, "one", do(t, h, "GET", "/a", "").body)

	again := do(t, h, "PUT", "/a", "two", "Content-Type", "TEXT/plain; charset=utf-8")
	assert.Equal(t, 200, again.status)
	assert.Equal(t, a.next(), again.next())
	assert.Equal(t, "text/plain", again.header.Get("Content-Type"))
	assert.Equal(t, "one", do(t, h, "GET", "/a", "").body)

	for name, header := range map[string][]string{
		"another type":    asJSON,
		"a TTL":           with(asText, []string{"Stream-TTL", "60"}),
		"an expiry":       with(asText, []string{"Stream-Expires-At", "2100-01-01T00:00:00Z"}),
		"another closure": with(asText, closed),
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, 409, do(t, h, "PUT", "/a", "", header...).status) })
	}

	assert.Equal(t, "application/octet-stream", do(t, h, "PUT", "/b", "").header.Get("Content-Type"))
	done := do(t, h, "PUT", "/c", "all", with(asText, closed)...)
	assert.Equal(t, 201, done.status)
	assert.True(t, done.isClosed())
	assert.Equal(t, 409, do(t, h, "POST", "/c", "more", asText...).status)

	at := []string{"Stream-Expires-At", "2100-01-01T00:00:00Z"}
	assert.Equal(t, 201, do(t, h, "PUT", "/d", "", at...).status)
	assert.Equal(t, 200, do(t, h, "PUT", "/d", "", "Stream-Expires-At", "2100-01-01T01:00:00+01:00").status)
	assert.Equal(t, at[1], do(t, h, "HEAD", "/d", "").header.Get("Stream-Expires-At"))
}

func TestRefusals(t *testing.T) {
	h := newHandler(durable.MaxBytes(100))
	require.Equal(t, 201, do(t, h, "PUT", "/text", "x", asText...).status)
	require.Equal(t, 201, do(t, h, "PUT", "/json", "", asJSON...).status)
	require.Equal(t, 201, do(t, h, "PUT", "/closed", "", with(asText, closed)...).status)
	producer := func(id, epoch, seq string) []string {
		return with(asText, []string{"Producer-Id", id, "Producer-Epoch", epoch, "Producer-Seq", seq})
	}
	for name, c := range map[string]struct {
		method, target, body string
		header               []string
		status               int
	}{
		"a TTL that is a fraction":         {"PUT", "/x", "", []string{"Stream-TTL", "1.5"}, 400},
		"a TTL with a sign":                {"PUT", "/x", "", []string{"Stream-TTL", "+1"}, 400},
		"a TTL with a zero before it":      {"PUT", "/x", "", []string{"Stream-TTL", "01"}, 400},
		"a TTL that is too long":           {"PUT", "/x", "", []string{"Stream-TTL", "99999999999"}, 400},
		"a long type":                      {"PUT", "/x", "", []string{"Content-Type", "text/" + strings.Repeat("x", 256)}, 400},
		"an empty array that closes":       {"POST", "/json", "[]", with(asJSON, closed), 400},
		"a TTL and an expiry":              {"PUT", "/x", "", []string{"Stream-TTL", "1", "Stream-Expires-At", "2100-01-01T00:00:00Z"}, 400},
		"an expiry that is not a time":     {"PUT", "/x", "", []string{"Stream-Expires-At", "tomorrow"}, 400},
		"a fork":                           {"PUT", "/x", "", []string{"Stream-Forked-From", "/text"}, 501},
		"a new stream of broken JSON":      {"PUT", "/x", "{", asJSON, 400},
		"a new stream that is too large":   {"PUT", "/x", strings.Repeat("x", 101), asText, 413},
		"an empty append":                  {"POST", "/text", "", asText, 400},
		"an append without a type":         {"POST", "/text", "x", nil, 400},
		"an append of another type":        {"POST", "/text", "{}", asJSON, 409},
		"an append that is too large":      {"POST", "/text", strings.Repeat("x", 101), asText, 413},
		"an append to no stream":           {"POST", "/none", "x", asText, 404},
		"an empty array":                   {"POST", "/json", " [ ] ", asJSON, 400},
		"broken JSON":                      {"POST", "/json", "[1,", asJSON, 400},
		"JSON that is not UTF-8":           {"POST", "/json", "\"\xff\"", asJSON, 400},
		"an append to a closed stream":     {"POST", "/closed", "x", asText, 409},
		"a producer without a number":      {"POST", "/text", "x", with(asText, []string{"Producer-Id", "p", "Producer-Epoch", "0"}), 400},
		"a producer without an id":         {"POST", "/text", "x", producer("", "0", "0"), 400},
		"a producer with a long id":        {"POST", "/text", "x", producer(strings.Repeat("p", 257), "0", "0"), 400},
		"a negative epoch":                 {"POST", "/text", "x", producer("p", "-1", "0"), 400},
		"a number too large in JavaScript": {"POST", "/text", "x", producer("p", "0", "9007199254740992"), 400},
		"a producer that begins with 1":    {"POST", "/text", "x", producer("p", "0", "1"), 409},
		"a Stream-Seq that is not UTF-8":   {"POST", "/text", "x", with(asText, []string{"Stream-Seq", "\xff"}), 400},
		"a type that is not UTF-8":         {"PUT", "/x", "", []string{"Content-Type", "text/\xff"}, 400},
		"a Stream-Seq that is too long":    {"POST", "/text", "x", with(asText, []string{"Stream-Seq", strings.Repeat("x", 257)}), 400},
		"a read of no stream":              {"GET", "/none", "", nil, 404},
		"an offset that is empty":          {"GET", "/text?offset=", "", nil, 400},
		"an offset that is not a Position": {"GET", "/text?offset=-2", "", nil, 400},
		"two offsets":                      {"GET", "/text?offset=-1&offset=-1", "", nil, 400},
		"an offset of another store":       {"GET", "/text?offset=a-11", "", nil, 410},
		"a live read without an offset":    {"GET", "/text?live=sse", "", nil, 400},
		"a live read of another kind":      {"GET", "/text?offset=-1&live=push", "", nil, 400},
		"a live read of no stream":         {"GET", "/none?offset=now&live=sse", "", nil, 404},
		"HEAD of no stream":                {"HEAD", "/none", "", nil, 404},
		"DELETE of no stream":              {"DELETE", "/none", "", nil, 404},
		"another method":                   {"PATCH", "/text", "", nil, 405},
		"a name that is too long":          {"GET", "/" + strings.Repeat("x", topics.MaxName), "", nil, 400},
		"a name of the handler's own":      {"GET", "/%00read%20x", "", nil, 404}, // begins with a slash
	} {
		t.Run(name, func(t *testing.T) {
			a := do(t, h, c.method, c.target, c.body, c.header...)
			assert.Equal(t, c.status, a.status, a.body)
			assert.Equal(t, "nosniff", a.header.Get("X-Content-Type-Options"))
			assert.Equal(t, "no-store", a.header.Get("Cache-Control"))
		})
	}
	assert.Equal(t, "x", do(t, h, "GET", "/text", "").body)
	options := do(t, h, "OPTIONS", "/text", "")
	assert.Equal(t, 204, options.status)
	assert.Equal(t, "GET, HEAD, OPTIONS, PUT, POST, DELETE", options.header.Get("Allow"))
}

func TestNameRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		name   string
		err    error
		status int
	}{
		"an error":           {"", errors.New("no"), 403},
		"a status":           {"", &httpadapter.StatusError{Status: 401}, 401},
		"an empty name":      {"", nil, 400},
		"a name of its own":  {"\x00read x", nil, 400},
		"a name of any text": {"a\n\xff/..", nil, 404},
	} {
		t.Run(name, func(t *testing.T) {
			h := durable.Handler(topics.Memory(1), func(*http.Request) (string, error) { return c.name, c.err })
			assert.Equal(t, c.status, do(t, h, "GET", "/", "").status)
		})
	}
	assert.PanicsWithValue(t, "httpadapter/durable: Handler: store must not be nil", func() { durable.Handler(nil, byPath) })
	assert.PanicsWithValue(t, "httpadapter/durable: Handler: name must not be nil", func() { durable.Handler(topics.Memory(1), nil) })
	assert.PanicsWithValue(t, "httpadapter/durable: MaxBytes: n must be positive, got 0", func() { durable.MaxBytes(0) })
}

func TestRead(t *testing.T) {
	h := newHandler()
	begin := do(t, h, "PUT", "/a", "", asText...).next()
	empty := do(t, h, "GET", "/a", "")
	assert.Equal(t, 200, empty.status)
	assert.Empty(t, empty.body)
	assert.True(t, empty.isUpToDate())
	assert.Equal(t, begin, empty.next())

	one := do(t, h, "POST", "/a", "one", asText...)
	assert.Equal(t, 204, one.status)
	two := do(t, h, "POST", "/a", "two", asText...)
	assert.Less(t, begin, one.next())
	assert.Less(t, one.next(), two.next())

	for _, c := range []struct{ offset, body string }{
		{"-1", "onetwo"}, {begin, "onetwo"}, {one.next(), "two"}, {two.next(), ""}, {"now", ""},
	} {
		a := do(t, h, "GET", "/a?offset="+c.offset, "")
		assert.Equal(t, 200, a.status)
		assert.Equal(t, c.body, a.body, c.offset)
		assert.Equal(t, two.next(), a.next(), c.offset)
		assert.Equal(t, "text/plain", a.header.Get("Content-Type"))
		assert.Equal(t, "default-src 'none'; sandbox", a.header.Get("Content-Security-Policy"))
		assert.True(t, a.isUpToDate())
		assert.False(t, a.isClosed())
	}
	head := do(t, h, "HEAD", "/a", "")
	assert.Equal(t, 200, head.status)
	assert.Equal(t, two.next(), head.next())
	assert.Equal(t, "no-store", head.header.Get("Cache-Control"))

	last := do(t, h, "POST", "/a", "three", with(asText, closed)...)
	assert.Equal(t, 204, last.status)
	for _, offset := range []string{"-1", two.next(), last.next(), "now"} {
		a := do(t, h, "GET", "/a?offset="+offset, "")
		assert.True(t, a.isClosed(), offset)
		assert.True(t, a.isUpToDate(), offset)
		assert.Equal(t, last.next(), a.next())
	}
	assert.True(t, do(t, h, "HEAD", "/a", "").isClosed())
	assert.Equal(t, 204, do(t, h, "POST", "/a", "", closed...).status, "a stream can be closed twice")
}

func TestJSON(t *testing.T) {
	h := newHandler()
	do(t, h, "PUT", "/a", "[]", asJSON...)
	assert.Equal(t, "[]", do(t, h, "GET", "/a", "").body)
	assert.Equal(t, "[]", do(t, h, "GET", "/a?offset=now", "").body)
	for _, body := range []string{`{"a": 1}`, ` [2, "three"] `, `[[4, 5]]`, `null`, "\n[6]\n", `[[[]]]`} {
		require.Equal(t, 204, do(t, h, "POST", "/a", body, "Content-Type", "Application/JSON; charset=utf-8").status, body)
	}
	a := do(t, h, "GET", "/a", "")
	assert.Equal(t, "application/json", a.header.Get("Content-Type"))
	assert.Equal(t, `[{"a": 1},2,"three",[4, 5],null,6,[[]]]`, a.body)
	assert.Equal(t, "[]", do(t, h, "GET", "/a?offset="+a.next(), "").body)
}

// An answer ends with the entry that makes it large, and the next one goes on there.
func TestPages(t *testing.T) {
	h := newHandler()
	do(t, h, "PUT", "/a", "", "Content-Type", "application/octet-stream")
	var want bytes.Buffer
	for i := range 18 {
		data := strings.Repeat(fmt.Sprint(i%10), 1<<20)
		want.WriteString(data)
		require.Equal(t, 204, do(t, h, "POST", "/a", data, "Content-Type", "application/octet-stream").status)
	}
	do(t, h, "POST", "/a", "", closed...)
	var got bytes.Buffer
	offset := "-1"
	for i := range 3 {
		a := do(t, h, "GET", "/a?offset="+offset, "")
		got.WriteString(a.body)
		assert.Equal(t, i == 2, a.isUpToDate())
		assert.Equal(t, i == 2, a.isClosed())
		assert.Less(t, len(a.body), 9<<20)
		offset = a.next()
	}
	assert.True(t, bytes.Equal(want.Bytes(), got.Bytes()))
}

// slow is a response to a client that takes a second for each piece.
type slow struct{ *httptest.ResponseRecorder }

func (s slow) Write(b []byte) (int, error) {
	time.Sleep(time.Second)
	return s.ResponseRecorder.Write(b)
}

// An answer has an offset after all of its data, so it is not cut short.
func TestPageIsWhole(t *testing.T) {
	for name, opts := range map[string][]httpadapter.Option{
		"as it is":   {httpadapter.MaxDuration(2 * time.Second)},
		"compressed": {httpadapter.MaxDuration(2 * time.Second), compress.Option()},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHandler(durable.Stream(opts...))
				data := make([]byte, 1<<20)
				_, _ = rand.NewChaCha8([32]byte{}).Read(data) // so that compression does not help
				do(t, h, "PUT", "/a", string(data))
				server := &http.Server{}
				httpadapter.Drain(server)
				r := request(server.BaseContext(nil), "GET", "/a", "", headers{"Accept-Encoding", "gzip"})
				w := slow{httptest.NewRecorder()}
				time.AfterFunc(3*time.Second, func() { _ = server.Shutdown(t.Context()) })
				h.ServeHTTP(w, r)
				body := io.Reader(w.Body)
				if len(opts) > 1 {
					var err error
					body, err = gzip.NewReader(body)
					require.NoError(t, err)
				}
				got, err := io.ReadAll(body)
				require.NoError(t, err)
				assert.True(t, bytes.Equal(data, got), len(got))
			})
		})
	}
}

func TestETag(t *testing.T) {
	h := newHandler()
	do(t, h, "PUT", "/a", "one", asText...)
	a := do(t, h, "GET", "/a", "")
	etag := a.header.Get("ETag")
	assert.Equal(t, "private, max-age=60, stale-while-revalidate=300", a.header.Get("Cache-Control"))
	for _, tag := range []string{etag, `"x", ` + etag, strings.TrimPrefix(etag, "W/"), "*"} {
		same := do(t, h, "GET", "/a", "", "If-None-Match", tag)
		assert.Equal(t, 304, same.status, tag)
		assert.Equal(t, etag, same.header.Get("ETag"))
		assert.Equal(t, a.next(), same.next())
	}
	assert.Equal(t, 200, do(t, h, "GET", "/a", "", "If-None-Match", `"x"`).status)
	now := do(t, h, "GET", "/a?offset=now", "")
	assert.Empty(t, now.header.Get("ETag"))
	assert.Equal(t, "no-store", now.header.Get("Cache-Control"))

	do(t, h, "POST", "/a", "", closed...)
	after := do(t, h, "GET", "/a", "", "If-None-Match", etag)
	assert.Equal(t, 200, after.status, "the answer now tells that the stream is closed")
	assert.True(t, after.isClosed())
	assert.Equal(t, 304, do(t, h, "GET", "/a", "", "If-None-Match", after.header.Get("ETag")).status)
}

func TestDelete(t *testing.T) {
	h := newHandler()
	old := do(t, h, "PUT", "/a", "old", asText...).next()
	assert.Equal(t, 204, do(t, h, "DELETE", "/a", "").status)
	assert.Equal(t, 404, do(t, h, "GET", "/a", "").status)
	assert.Equal(t, 201, do(t, h, "PUT", "/a", "[1]", asJSON...).status)
	assert.Equal(t, "[1]", do(t, h, "GET", "/a", "").body)
	assert.Equal(t, 410, do(t, h, "GET", "/a?offset="+old, "").status)
}

// A read of data that the store no longer keeps is answered with 410. The stream lives on with its state.
func TestRetention(t *testing.T) {
	h := durable.Handler(topics.Memory(3), byPath)
	begin := do(t, h, "PUT", "/a", "0", asText...).next()
	producer := func(seq int) []string {
		return with(asText, []string{"Producer-Id", "p", "Producer-Epoch", "0", "Producer-Seq", fmt.Sprint(seq)})
	}
	do(t, h, "POST", "/a", "p", producer(0)...)
	for i := range 5 {
		do(t, h, "POST", "/a", fmt.Sprint(i), asText...)
	}
	assert.Equal(t, "234", do(t, h, "GET", "/a", "").body)
	assert.Equal(t, 410, do(t, h, "GET", "/a?offset="+begin, "").status)
	assert.Equal(t, 204, do(t, h, "POST", "/a", "p", producer(0)...).status, "a repeated append")
	assert.Equal(t, 200, do(t, h, "POST", "/a", "q", producer(1)...).status)
	assert.Equal(t, "text/plain", do(t, h, "HEAD", "/a", "").header.Get("Content-Type"))
}

func TestStreamSeq(t *testing.T) {
	h := newHandler()
	do(t, h, "PUT", "/a", "", asText...)
	for _, c := range []struct {
		seq    string
		status int
	}{{"09", 204}, {"09", 409}, {"1", 204}, {"10", 204}, {"09", 409}, {"2", 204}, {"10", 409}, {"a", 204}, {"B", 409}} {
		assert.Equal(t, c.status, do(t, h, "POST", "/a", c.seq+" ", with(asText, []string{"Stream-Seq", c.seq})...).status, c.seq)
	}
	assert.Equal(t, "09 1 10 2 a ", do(t, h, "GET", "/a", "").body)
}

// A program publishes to the topic, and clients of the protocol read and write it.
func TestTopicOfAProgram(t *testing.T) {
	store := topics.Memory(1000)
	numbers := topics.New[int](store)
	defer numbers.Close()
	h := durable.Handler(store, byPath)
	publish := func(n int) {
		_, err := numbers.Publish(t.Context(), "/a", "", n)
		require.NoError(t, err)
	}
	assert.Equal(t, 404, do(t, h, "GET", "/a", "").status)
	publish(1)
	publish(2)
	a := do(t, h, "GET", "/a", "")
	assert.Equal(t, "[1,2]", a.body)
	assert.Equal(t, "application/json", a.header.Get("Content-Type"))
	assert.Equal(t, 204, do(t, h, "POST", "/a", "[3,4]", asJSON...).status)
	publish(5)
	_, err := topics.New[[]byte](store).Publish(t.Context(), "/a", "", []byte("broken"))
	require.NoError(t, err)
	publish(6)
	assert.Equal(t, "[3,4,5,6]", do(t, h, "GET", "/a?offset="+a.next(), "").body)
	assert.Equal(t, 200, do(t, h, "PUT", "/a", "", asJSON...).status)

	require.NoError(t, numbers.End(t.Context(), "/a"))
	assert.True(t, do(t, h, "HEAD", "/a", "").isClosed())
	assert.True(t, do(t, h, "GET", "/a", "").isClosed())
	assert.Equal(t, 409, do(t, h, "POST", "/a", "7", asJSON...).status)

	var all []string
	entries, _, err := store.Read(t.Context(), "/a", topics.Place{}, 100)
	require.NoError(t, err)
	for _, e := range entries {
		all = append(all, string(e.Data))
	}
	assert.Equal(t, []string{"1", "2", "3", "4", "5", "broken", "6", ""}, all)
}

// A program reads the topic of a stream that clients of the protocol write.
func TestProgramReadsAStream(t *testing.T) {
	store := topics.Memory(1000)
	h := durable.Handler(store, byPath)
	numbers := topics.New[int](store)
	defer numbers.Close()
	do(t, h, "PUT", "/a", "", asJSON...)
	do(t, h, "POST", "/a", "1", asJSON...)
	do(t, h, "POST", "/a", "[2,3]", with(asJSON, []string{"Producer-Id", "p", "Producer-Epoch", "0", "Producer-Seq", "0"})...)
	do(t, h, "POST", "/a", " [4] ", with(asJSON, closed)...)
	got, err := enumerator.Run(t.Context(), numbers.Topic("/a").Beginning(), iteratee.Collect[enumerator.Item[int]]())
	require.NoError(t, err)
	var all []int
	for _, item := range got {
		if !item.Bookmark {
			assert.True(t, item.IsMessage(), item)
			all = append(all, item.Value)
		}
	}
	assert.Equal(t, []int{1, 2, 3, 4}, all)
}

// dying is a Store whose next appends fail after the first n.
type dying struct {
	topics.Store
	n int
}

func (d *dying) Append(ctx context.Context, name string, r topics.Record) (enumerator.Position, error) {
	if d.n--; d.n < 0 {
		return enumerator.Position{}, topics.ErrClosed
	}
	return d.Store.Append(ctx, name, r)
}

// A request that has stored some of its values, and was repeated, stores the others.
func TestUnfinishedAppend(t *testing.T) {
	producer := func(epoch, seq string) []string {
		return with(asJSON, []string{"Producer-Id", "p", "Producer-Epoch", epoch, "Producer-Seq", seq})
	}
	for n := range 4 {
		store := &dying{topics.Memory(100), 1 << 30}
		h := durable.Handler(store, byPath)
		do(t, h, "PUT", "/a", "", asJSON...)
		require.Equal(t, 200, do(t, h, "POST", "/a", "[1,2]", producer("0", "0")...).status)
		store.n = n
		status := do(t, h, "POST", "/a", "[3,4,5]", with(producer("0", "1"), closed)...).status
		assert.Equal(t, map[bool]int{true: 503, false: 504}[n == 0], status)
		store.n = 1 << 30
		if n < 3 {
			assert.False(t, do(t, h, "HEAD", "/a", "").isClosed())
			assert.Equal(t, 204, do(t, h, "POST", "/a", "0", asJSON...).status, "another client")
			assert.Equal(t, 204, do(t, h, "POST", "/a", "[1,2]", producer("0", "0")...).status)
			assert.Equal(t, 409, do(t, h, "POST", "/a", "[1,2]", producer("0", "2")...).status)
			assert.Equal(t, 200, do(t, h, "POST", "/a", "[3,4,5]", with(producer("0", "1"), closed)...).status)
		}
		again := do(t, h, "POST", "/a", "[3,4,5]", with(producer("0", "1"), closed)...)
		assert.Equal(t, 204, again.status)
		assert.True(t, again.isClosed())
		a := do(t, h, "GET", "/a", "")
		assert.True(t, a.isClosed())
		assert.Equal(t, []string{"[1,2,0,3,4,5]", "[1,2,3,0,4,5]", "[1,2,3,4,0,5]", "[1,2,3,4,5]"}[n], a.body)
	}
}

func TestUnfinishedCreate(t *testing.T) {
	for n := range 4 {
		synctest.Test(t, func(t *testing.T) {
			store := &dying{topics.Memory(100), n}
			h := durable.Handler(store, byPath)
			wanted := with(asJSON, closed)
			assert.Equal(t, map[bool]int{true: 503, false: 504}[n == 0], do(t, h, "PUT", "/a", "[1,2,3]", wanted...).status)
			store.n = 1 << 30
			if n == 1 || n == 2 {
				refused := do(t, h, "PUT", "/a", "[1,2,3]", wanted...)
				assert.Equal(t, 503, refused.status, "the first request may be at work yet")
				assert.Equal(t, "1", refused.header.Get("Retry-After"))
				assert.Equal(t, 409, do(t, h, "PUT", "/a", "x", asText...).status)
				time.Sleep(10 * time.Second)
			}
			want := 201
			if n == 3 {
				want = 200
			}
			assert.Equal(t, want, do(t, h, "PUT", "/a", "[1,2,3]", wanted...).status)
			assert.Equal(t, 200, do(t, h, "PUT", "/a", "[1,2,3]", wanted...).status)
			a := do(t, h, "GET", "/a", "")
			assert.Equal(t, "[1,2,3]", a.body)
			assert.True(t, a.isClosed())
		})
	}
}

// The ids of producers are so long that their state would not fit into an entry.
func TestLongIDs(t *testing.T) {
	h := newHandler()
	do(t, h, "PUT", "/a", "", asText...)
	for i := range 100 {
		id := strings.Repeat("\"", 250) + fmt.Sprint(i)
		producer := with(asText, []string{"Producer-Id", id, "Producer-Epoch", "0", "Producer-Seq", "0"})
		require.Equal(t, 200, do(t, h, "POST", "/a", "x", producer...).status)
		require.Equal(t, 204, do(t, h, "POST", "/a", "x", producer...).status)
	}
	assert.Equal(t, strings.Repeat("x", 100), do(t, h, "GET", "/a", "").body)
}

// A stream keeps its type while a program publishes to it, for some time.
func TestStateBeforeOtherEntries(t *testing.T) {
	store := topics.Memory(1000)
	h := durable.Handler(store, byPath)
	do(t, h, "PUT", "/a", "", asText...)
	texts := topics.New[[]byte](store)
	for i := range 256 {
		assert.Equal(t, "text/plain", do(t, h, "HEAD", "/a", "").header.Get("Content-Type"), i)
		_, err := texts.Publish(t.Context(), "/a", "", []byte("x"))
		require.NoError(t, err)
	}
	assert.Equal(t, "application/json", do(t, h, "HEAD", "/a", "").header.Get("Content-Type"))
}

// failing is a Store whose Append fails.
type failing struct {
	topics.Store
	err error
}

// leaving is a Store that is read when the client leaves.
type leaving struct {
	topics.Store
	leave func()
}

func (l leaving) Read(ctx context.Context, name string, from topics.Place, limit int) ([]topics.Entry, bool, error) {
	l.leave()
	return l.Store.Read(context.WithoutCancel(ctx), name, from, limit)
}

func (f failing) Append(ctx context.Context, name string, r topics.Record) (p enumerator.Position, err error) {
	return p, f.err
}

func TestStoreFails(t *testing.T) {
	for status, err := range map[int]error{
		413: topics.ErrTooLarge,
		503: topics.ErrClosed,
	} {
		h := durable.Handler(failing{topics.Memory(1), err}, byPath)
		assert.Equal(t, status, do(t, h, "PUT", "/a", "").status)
	}
	ctx, cancel := context.WithCancel(t.Context())
	h := durable.Handler(failing{leaving{topics.Memory(1), cancel}, errors.New("no answer")}, byPath)
	assert.Equal(t, httpadapter.StatusClientClosedRequest, serve(h, request(ctx, "PUT", "/a", "", nil)).status)
}
