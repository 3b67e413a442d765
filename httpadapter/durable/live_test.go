package durable_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/durable"
)

// begin serves a request in a goroutine of its own, and returns a function that waits for the answer.
func begin(h http.Handler, r *http.Request) (wait func() answer) {
	done := make(chan answer, 1)
	go func() { done <- serve(h, r) }()
	return func() answer { return <-done }
}

func TestLongPoll(t *testing.T) {
	for name, c := range map[string]struct {
		meanwhile func(t *testing.T, h http.Handler)
		status    int
		body      string
		closed    bool
		after     time.Duration
	}{
		"nothing comes":       {nil, 204, "", false, 20 * time.Second},
		"data come":           {func(t *testing.T, h http.Handler) { do(t, h, "POST", "/a", "two", asText...) }, 200, "two", false, time.Second},
		"the stream ends":     {func(t *testing.T, h http.Handler) { do(t, h, "POST", "/a", "", closed...) }, 204, "", true, time.Second},
		"the last data come":  {func(t *testing.T, h http.Handler) { do(t, h, "POST", "/a", "two", with(asText, closed)...) }, 200, "two", true, time.Second},
		"the stream is gone":  {func(t *testing.T, h http.Handler) { do(t, h, "DELETE", "/a", "") }, 404, "Not Found: there is no such stream\n", false, time.Second},
		"another stream ends": {func(t *testing.T, h http.Handler) { do(t, h, "PUT", "/b", "two", with(asText, closed)...) }, 204, "", false, 20 * time.Second},
	} {
		for _, offset := range []string{"now", "one"} {
			t.Run(name+" after "+offset, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					h := newHandler()
					one := do(t, h, "PUT", "/a", "one", asText...).next()
					target := "/a?live=long-poll&offset=" + strings.Replace(offset, "one", one, 1)
					start := time.Now()
					wait := begin(h, request(t.Context(), "GET", target, "", nil))
					time.Sleep(time.Second)
					synctest.Wait()
					if c.meanwhile != nil {
						c.meanwhile(t, h)
					}
					a := wait()
					assert.Equal(t, c.status, a.status)
					assert.Equal(t, c.body, a.body)
					assert.Equal(t, c.after, time.Since(start))
					if c.status >= 400 {
						return
					}
					assert.True(t, a.isUpToDate())
					assert.Equal(t, c.closed, a.isClosed())
					assert.NotEmpty(t, a.header.Get("Stream-Cursor"))
					assert.Equal(t, do(t, h, "HEAD", "/a", "").next(), a.next())
					if c.status == 204 {
						assert.Equal(t, "no-store", a.header.Get("Cache-Control"))
					}
				})
			})
		}
	}
}

func TestLongPollDoesNotWait(t *testing.T) {
	h := newHandler()
	do(t, h, "PUT", "/a", "one", asText...)
	a := do(t, h, "GET", "/a?live=long-poll&offset=-1", "", "If-None-Match", "*")
	assert.Equal(t, 200, a.status)
	assert.Equal(t, "one", a.body)
	end := do(t, h, "POST", "/a", "", closed...).next()
	a = do(t, h, "GET", "/a?live=long-poll&offset="+end, "")
	assert.Equal(t, 204, a.status)
	assert.True(t, a.isClosed())
}

func TestLongPollEnds(t *testing.T) {
	t.Run("when the client leaves", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			h := newHandler()
			do(t, h, "PUT", "/a", "", asText...)
			ctx, cancel := context.WithCancel(t.Context())
			wait := begin(h, request(ctx, "GET", "/a?live=long-poll&offset=now", "", nil))
			synctest.Wait()
			start := time.Now()
			cancel()
			assert.Equal(t, httpadapter.StatusClientClosedRequest, wait().status)
			assert.Equal(t, start, time.Now())
		})
	})
	t.Run("when the server shuts down", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			h := newHandler()
			do(t, h, "PUT", "/a", "", asText...)
			server := &http.Server{}
			httpadapter.Drain(server)
			wait := begin(h, request(server.BaseContext(nil), "GET", "/a?live=long-poll&offset=now", "", nil))
			synctest.Wait()
			start := time.Now()
			require.NoError(t, server.Shutdown(t.Context()))
			a := wait()
			assert.Equal(t, 204, a.status)
			assert.True(t, a.isUpToDate())
			assert.Equal(t, start, time.Now())
		})
	})
}

// A client that waits has its place under a limit.
func TestLongPollUnderALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHandler(durable.Stream(httpadapter.Limit(1)))
		do(t, h, "PUT", "/a", "one", asText...)
		wait := begin(h, request(t.Context(), "GET", "/a?live=long-poll&offset=now", "", nil))
		synctest.Wait()
		for _, target := range []string{"/a", "/a?live=long-poll&offset=now", "/a?live=sse&offset=-1"} {
			a := do(t, h, "GET", target, "")
			assert.Equal(t, 503, a.status, target)
			assert.NotEmpty(t, a.header.Get("Retry-After"))
			assert.NotContains(t, a.header.Get("Cache-Control"), "max-age", "a cache must not keep the refusal")
			assert.Empty(t, a.header.Get("ETag"))
		}
		assert.Equal(t, 204, do(t, h, "POST", "/a", "two", asText...).status)
		assert.Equal(t, "two", wait().body)
		assert.Equal(t, "onetwo", do(t, h, "GET", "/a", "").body)
	})
}

func TestCursor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(30 * 365 * 24 * time.Hour) // since 2000
		h := newHandler()
		do(t, h, "PUT", "/a", "one", asText...)
		cursor := func(sent string) int {
			text := do(t, h, "GET", "/a?live=long-poll&offset=-1&cursor="+sent, "").header.Get("Stream-Cursor")
			n, err := strconv.Atoi(text)
			require.NoError(t, err)
			return n
		}
		now := int(time.Since(time.Date(2024, 10, 9, 0, 0, 0, 0, time.UTC)) / (20 * time.Second))
		for _, sent := range []string{"", "x", "-1", strconv.Itoa(now - 1), "99999999999999999999"} {
			assert.Equal(t, now, cursor(sent), sent)
		}
		for _, sent := range []int{now, now + 1000_000_000} {
			assert.Greater(t, cursor(strconv.Itoa(sent)), sent)
			assert.LessOrEqual(t, cursor(strconv.Itoa(sent)), sent+180)
		}
	})
}

// A live is an event stream that is open.
type live struct {
	*httptest.ResponseRecorder
	mu   sync.Mutex
	done chan struct{}
}

func (l *live) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ResponseRecorder.Write(b)
}

func (l *live) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return cursors.ReplaceAllString(l.Body.String(), `"streamCursor":"C"`)
}

var cursors = regexp.MustCompile(`"streamCursor":"\d+"`)

func open(t *testing.T, h http.Handler, target string) *live {
	l := &live{ResponseRecorder: httptest.NewRecorder(), done: make(chan struct{})}
	r := request(t.Context(), "GET", target, "", nil)
	go func() {
		defer close(l.done)
		h.ServeHTTP(l, r)
	}()
	synctest.Wait()
	return l
}

// control returns the event that tells the place.
func control(next string, more string) string {
	return fmt.Sprintf("event: control\ndata:{\"streamNextOffset\":%q%s}\n\n", next, more)
}

const (
	upToDate = `,"streamCursor":"C","upToDate":true`
	atEnd    = `,"upToDate":true,"streamClosed":true`
)

func TestEventStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHandler()
		one := do(t, h, "PUT", "/a", "one", asText...).next()
		all, now := open(t, h, "/a?live=sse&offset=-1"), open(t, h, "/a?live=sse&offset=now")
		want := "event: data\ndata:one\n\n" + control(one, upToDate)
		wantNow := control(one, upToDate)
		assert.Equal(t, want, all.text())
		assert.Equal(t, wantNow, now.text())

		two := do(t, h, "POST", "/a", " two\nlines\r\nor\rfour\n", asText...).next()
		synctest.Wait()
		more := "event: data\ndata:  two\ndata:lines\ndata:or\ndata:four\ndata:\n\n" + control(two, upToDate)
		three := do(t, h, "POST", "/a", "three", with(asText, closed)...).next()
		more += "event: data\ndata:three\n\n" + control(three, atEnd)
		<-all.done
		<-now.done
		beforeEnd := regexp.MustCompile(`event: control\n[^\n]*\n\n(event: control\n[^\n]*"streamClosed":true)`) // the end is an entry of its own
		assert.Equal(t, want+more, beforeEnd.ReplaceAllString(all.text(), "$1"))
		assert.Equal(t, wantNow+more, beforeEnd.ReplaceAllString(now.text(), "$1"))
		assert.Equal(t, "text/event-stream", all.Header().Get("Content-Type"))
		assert.Equal(t, "no-cache, no-transform", all.Header().Get("Cache-Control"))
		assert.Empty(t, all.Header().Get("Stream-SSE-Data-Encoding"))

		after := open(t, h, "/a?live=sse&offset="+three)
		<-after.done
		assert.Equal(t, control(three, atEnd), after.text())
	})
}

func TestEventStreamOfJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHandler()
		do(t, h, "PUT", "/a", `[1,{"a":2}]`, asJSON...)
		end := do(t, h, "POST", "/a", "[[3,\n4]]", with(asJSON, closed)...).next()
		all := open(t, h, "/a?live=sse&offset=-1")
		<-all.done
		assert.Equal(t, "event: data\ndata:[1,{\"a\":2},[3,\ndata:4]]\n\n"+control(end, atEnd), all.text())
	})
}

func TestEventStreamOfBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHandler()
		do(t, h, "PUT", "/a", "\x00\n\xff")
		end := do(t, h, "POST", "/a", "more", with([]string{"Content-Type", "application/octet-stream"}, closed)...).next()
		all := open(t, h, "/a?live=sse&offset=-1")
		<-all.done
		assert.Equal(t, "event: data\ndata:"+base64.StdEncoding.EncodeToString([]byte("\x00\n\xffmore"))+"\n\n"+control(end, atEnd), all.text())
		assert.Equal(t, "base64", all.Header().Get("Stream-SSE-Data-Encoding"))
	})
}

// The end of an answer makes the client come back.
func TestEventStreamEnds(t *testing.T) {
	for name, c := range map[string]struct {
		end    func(t *testing.T, h http.Handler)
		opts   []durable.Option
		within [2]time.Duration
	}{
		"after a minute": {nil, nil, [2]time.Duration{48 * time.Second, time.Minute}},
		"as an option says": {
			nil, []durable.Option{durable.Stream(httpadapter.MaxDuration(10 * time.Second))}, [2]time.Duration{8 * time.Second, 10 * time.Second},
		},
		"when the stream is deleted": {func(t *testing.T, h http.Handler) { do(t, h, "DELETE", "/a", "") }, nil, [2]time.Duration{}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHandler(c.opts...)
				do(t, h, "PUT", "/a", "one", asText...)
				start := time.Now()
				l := open(t, h, "/a?live=sse&offset=-1")
				if c.end != nil {
					c.end(t, h)
				}
				<-l.done
				assert.GreaterOrEqual(t, time.Since(start), c.within[0])
				assert.LessOrEqual(t, time.Since(start), c.within[1])
				assert.Equal(t, 1, strings.Count(l.text(), "event: control"))
			})
		})
	}
}

// The end of a topic by its program is the end of the stream.
func TestEventStreamOfATopicThatEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := topics.Memory(100)
		numbers := topics.New[int](store)
		h := durable.Handler(store, byPath)
		one, err := numbers.Publish(t.Context(), "/a", "", 1)
		require.NoError(t, err)
		l := open(t, h, "/a?live=sse&offset=-1")
		require.NoError(t, numbers.End(t.Context(), "/a"))
		<-l.done
		end := do(t, h, "HEAD", "/a", "").next()
		assert.Equal(t, "event: data\ndata:[1]\n\n"+control(one.String(), upToDate)+control(end, atEnd), l.text())
	})
}

func TestExpiry(t *testing.T) {
	get := func(t *testing.T, h http.Handler) { do(t, h, "GET", "/a", "") }
	post := func(t *testing.T, h http.Handler) { do(t, h, "POST", "/a", "x", asText...) }
	head := func(t *testing.T, h http.Handler) { do(t, h, "HEAD", "/a", "") }
	put := func(t *testing.T, h http.Handler) {
		do(t, h, "PUT", "/a", "", with(asText, []string{"Stream-TTL", "100"})...)
	}
	const ttl = 100 * time.Second
	for name, c := range map[string]struct {
		header func() []string
		act    func(*testing.T, http.Handler)
		slides bool
	}{
		"GET":    {nil, get, true},
		"POST":   {nil, post, true},
		"HEAD":   {nil, head, false},
		"PUT":    {nil, put, false},
		"time":   {func() []string { return []string{"Stream-Expires-At", time.Now().Add(ttl).Format(time.RFC3339Nano)} }, get, false},
		"time 2": {func() []string { return []string{"Stream-Expires-At", time.Now().Add(ttl).Format(time.RFC3339Nano)} }, post, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHandler()
				header := []string{"Stream-TTL", "100"}
				if c.header != nil {
					header = c.header()
				}
				require.Equal(t, 201, do(t, h, "PUT", "/a", "one", with(asText, header)...).status)
				for range 5 {
					time.Sleep(ttl * 3 / 4)
					c.act(t, h)
				}
				status := 404
				if c.slides {
					status = 200
					assert.Equal(t, "100", do(t, h, "HEAD", "/a", "").header.Get("Stream-TTL"))
					time.Sleep(ttl)
					assert.Equal(t, 200, do(t, h, "HEAD", "/a", "").status)
					time.Sleep(ttl / 16)
					assert.Equal(t, 404, do(t, h, "HEAD", "/a", "").status)
				} else if name != "PUT" { // which creates it anew
					assert.Equal(t, status, do(t, h, "HEAD", "/a", "").status)
					assert.Equal(t, status, do(t, h, "GET", "/a?offset=now", "").status)
					assert.Equal(t, status, do(t, h, "POST", "/a", "x", asText...).status)
					assert.Equal(t, status, do(t, h, "DELETE", "/a", "").status)
				} else {
					assert.Empty(t, do(t, h, "GET", "/a", "").body)
				}
				assert.Contains(t, []int{200, 201}, do(t, h, "PUT", "/a", "two", with(asText, []string{"Stream-TTL", "100"})...).status)
			})
		})
	}
}

// Only a few of many reads are noted.
func TestReadsAreNotedRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &counting{Store: topics.Memory(100)}
		h := durable.Handler(store, byPath)
		do(t, h, "PUT", "/a", "one", with(asText, []string{"Stream-TTL", "160"})...)
		for range 160 {
			time.Sleep(time.Second)
			do(t, h, "GET", "/a", "")
		}
		assert.Equal(t, 1+160/10, store.appends)
	})
}

// An expired stream leaves nothing behind, also if it was read.
func TestNothingIsLeftOfAnExpiredStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := topics.Memory(100)
		h := durable.Handler(store, byPath)
		do(t, h, "PUT", "/a", "one", with(asText, []string{"Stream-TTL", "100"})...)
		time.Sleep(time.Minute)
		do(t, h, "GET", "/a", "")
		time.Sleep(time.Hour)
		assert.Equal(t, 404, do(t, h, "GET", "/a", "").status)
		for _, name := range []string{"/a", "\x00read /a"} {
			entries, _, err := store.Read(t.Context(), name, topics.Place{}, 1)
			assert.NoError(t, err)
			assert.Empty(t, entries, name)
		}
	})
}

type counting struct {
	topics.Store
	appends int
}

func (c *counting) Append(ctx context.Context, name string, r topics.Record) (enumerator.Position, error) {
	c.appends++
	return c.Store.Append(ctx, name, r)
}
