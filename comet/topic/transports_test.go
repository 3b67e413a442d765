package topic_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/cenkalti/backoff/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/comet/client/wsclient"
	"github.com/halley-go/halley/comet/follow"
	"github.com/halley-go/halley/comet/topic"
	"github.com/halley-go/halley/enumeratee/items"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/retry"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/httpadapter/httpadaptertest"
	"github.com/halley-go/halley/internal/probe"
)

func anyone(*http.Request, topic.Access) error { return nil }

// serve serves topics, also over WebSockets: /one/{topic} and /many?topic=.
func serve[E any](t *testing.T, all *topics.Topics[E], allow func(*http.Request, topic.Access) error, opts ...topic.Option) *httptest.Server {
	h := wsclient.Handler(topic.Source(all, allow, opts...), topic.Handler(all, allow, opts...))
	mux := http.NewServeMux()
	mux.Handle("/one/{topic...}", h)
	mux.Handle("/many", h)
	s := httpadaptertest.NewServer(t, mux)
	return s
}

// post publishes body and returns the status, the Position and the text of the answer.
func post(t *testing.T, url, body string, header ...string) (status int, position, text string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, res.Header.Get("Halley-Position"), string(answer)
}

func publish(t *testing.T, all *topics.Topics[int], name string, values ...int) (last enumerator.Position) {
	t.Helper()
	for _, value := range values {
		var err error
		last, err = all.Publish(t.Context(), name, "", value)
		require.NoError(t, err)
	}
	return last
}

// A client of each transport gets the last messages, resumes, learns of a deletion, and of the end.
func TestOneTopic(t *testing.T) {
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			all := topics.New[int](topics.Memory(100), enumerator.Capacity(2))
			url := serve(t, all, anyone, topic.Last(2)).URL + "/one/news"
			publish(t, all, "other", 9)
			publish(t, all, "news", 1, 2, 3)
			c := open(t, url, transport, "")
			c.expect("", 2, 3)
			publish(t, all, "other", 9)
			publish(t, all, "news", 4)
			c.expect("", 4)
			c.cut()

			publish(t, all, "news", 5, 6, 7, 8) // more than memory holds
			c.connect()
			c.expect("", 5, 6, 7, 8)

			require.NoError(t, all.Delete(t.Context(), "news"))
			last := publish(t, all, "news", 9)
			assert.Equal(t, []any{"reset", nil}, c.next())
			c.expect("", 9)
			assert.Equal(t, last.String(), c.id)

			require.NoError(t, all.End(t.Context(), "news"))
			assert.Equal(t, []any{"end", nil}, c.next())
			if transport != "poll" {
				assert.Nil(t, c.next())
			}
			back := open(t, url, transport, c.id)
			assert.Equal(t, []any{"end", nil}, back.next())
			late := open(t, url, transport, "")
			late.expect("", 9)
			assert.Equal(t, []any{"end", nil}, late.next())
		})
	}
}

// A client gets its first id even if the topic is empty, so it misses nothing.
func TestAnEmptyTopic(t *testing.T) {
	for _, transport := range transports {
		for _, path := range []string{"/one/news", "/many?topic=news&topic=b"} {
			for _, last := range []int{0, 3} {
				all := topics.New[int](topics.Memory(100))
				c := open(t, serve(t, all, anyone, topic.Last(last)).URL+path, transport, "")
				for strings.Count(c.id, ":") < strings.Count(path, "=") || c.id == "" {
					r, ok := <-c.records
					if r.ID != "" {
						c.id = r.ID
					}
					if !ok {
						require.Equal(t, "poll", transport)
						c.connect()
						continue
					}
					require.Contains(t, []string{"heartbeat", "bookmark"}, r.Event)
				}
				c.cut()
				publish(t, all, "news", 1, 2, 3, 4, 5, 6)
				c.connect()
				event := ""
				if strings.Contains(path, "=") {
					event = "news"
				}
				c.expect(event, 1, 2, 3, 4, 5, 6)
			}
		}
	}
}

// A client of each transport follows several topics with one cursor, changes them, and comes back at another node.
func TestSeveralTopics(t *testing.T) {
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			store := topics.Memory(100)
			all := topics.New[int](store, enumerator.Capacity(2))
			server := serve(t, all, anyone, topic.Last(2))
			node := serve(t, topics.New[int](store), anyone, topic.Last(2))
			publish(t, all, "a", 1, 2, 3)
			c := open(t, server.URL+"/many?topic=a&topic=b,c:%25&topic=a", transport, "")
			c.expect("a", 2, 3)
			publish(t, all, "b,c:%", 4)
			c.expect("b,c:%", 4)
			publish(t, all, "a", 5)
			c.expect("a", 5)
			c.cut()

			publish(t, all, "a", 6)
			publish(t, all, "c", 7, 8, 9)
			publish(t, all, "b,c:%", 10, 11, 12)
			c.url = node.URL + "/many?topic=b,c:%25&topic=c"
			c.connect()
			got := map[any][]any{}
			for range 5 {
				r := c.next()
				got[r[0]] = append(got[r[0]], r[1])
			}
			assert.Equal(t, map[any][]any{"b,c:%": {10., 11., 12.}, "c": {8., 9.}}, got)

			require.NoError(t, all.Delete(t.Context(), "c"))
			publish(t, all, "c", 13)
			assert.Equal(t, []any{"reset", map[string]any{"source": "c"}}, c.next())
			c.expect("c", 13)
			require.NoError(t, all.End(t.Context(), "c"))
			publish(t, all, "b,c:%", 14)
			c.expect("b,c:%", 14)
			require.NoError(t, all.End(t.Context(), "b,c:%"))
			assert.Equal(t, []any{"end", nil}, c.next())
			assert.Equal(t, []any{"end", nil}, open(t, c.url, transport, c.id).next())
		})
	}
}

// A program follows topics as it follows a hub. Its connection is cut again and again, and it misses nothing.
func TestFollow(t *testing.T) {
	all := topics.New[int](topics.Memory(1000), enumerator.Capacity(2))
	server := serve(t, all, anyone)
	atOnce := follow.Retry(retry.Pace(func() backoff.BackOff { return &backoff.ZeroBackOff{} }))
	for _, c := range []struct{ path, name, event string }{{"/one/news", "news", ""}, {"/many?topic=sports&topic=b", "sports", "sports"}} {
		begin := publish(t, all, c.name, 0)
		cursor := begin.String()
		if c.event != "" {
			cursor = items.Cursor(map[string]enumerator.Position{c.name: begin, "b": {Epoch: begin.Epoch}})
		}
		const messages = 200
		published, got := 3, 0
		publish(t, all, c.name, 1, 2, 3)
		for item, err := range enumerator.All(t.Context(), follow.Items[int](follow.Get(server.URL+c.path), follow.After(cursor), atOnce)) {
			require.NoError(t, err)
			assert.False(t, item.Reset || item.Gap.N > 0)
			if !item.IsMessage() {
				continue
			}
			got++
			require.Equal(t, got, item.Value)
			assert.Equal(t, c.event, item.Event)
			if got%20 == 0 {
				server.CloseClientConnections()
			}
			for range min(got%3, messages-published) {
				published++
				publish(t, all, c.name, published)
			}
			if got == messages {
				require.NoError(t, all.End(t.Context(), c.name))
				require.NoError(t, all.End(t.Context(), "b"))
			}
		}
		assert.Equal(t, messages, got, "the run has ended with the topic")
	}
}

// A stream of the kept messages ends after them.
func TestReadOverHTTP(t *testing.T) {
	all := topics.New[int](topics.Memory(100))
	publish(t, all, "news", 1, 2, 3)
	server := httpadaptertest.NewServer(t, client.Handler(func(_ *http.Request, after enumerator.Position) (enumerator.Enumerator[enumerator.Item[int]], error) {
		return all.Topic("news").Read(topics.Place{After: after}), nil
	}))
	for _, transport := range []string{native, "events", "iframe", "ndjson"} {
		c := open(t, server.URL, transport, "")
		c.expect("", 1, 2, 3)
		assert.Equal(t, []any{"end", nil}, c.next())
		assert.Nil(t, c.next())
		publish(t, all, "news", 4)
		c.connect()
		c.expect("", 4)
		assert.Equal(t, []any{"end", nil}, c.next())
		require.NoError(t, all.Delete(t.Context(), "news"))
		publish(t, all, "news", 1, 2, 3)
	}
}

// The name of a topic is refused, or a client of each transport gets it as the name of the message and can read on.
func FuzzNames(f *testing.F) {
	for _, name := range []string{
		"news", "gap", "reset\n", "reset\r\ndata: 1", "error", "open", "a,b:c", "a\x00b", "\xff", "</script>", "'+alert(1)+'", "\u2028", " ", "ü",
		"__proto__", "constructor", "a&topic=b", "%", "../x", "", strings.Repeat("x", 600), "\ufeff", "a: b", "\u0085", "\U0001f600",
	} {
		f.Add(name)
	}
	probe.Logs(f)
	all := topics.New[string](topics.Memory(100))
	h := topic.Handler(all, anyone, topic.Last(1))
	f.Fuzz(func(t *testing.T, name string) {
		query := url.Values{"topic": {name}}.Encode()
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPost, "/?"+query, strings.NewReader(`"hello"`))
		r.Header.Set("Content-Type", "application/json")
		h.ServeHTTP(w, r)
		refused := w.Code == http.StatusBadRequest
		if !refused && w.Code != http.StatusNoContent {
			t.Fatalf("%q: %d %s", name, w.Code, w.Body)
		}
		if !refused {
			if err := all.End(t.Context(), name); err != nil {
				t.Fatal(err)
			}
			defer all.Delete(context.Background(), name)
		}
		for _, transport := range []string{native, "events", "iframe", "ndjson"} {
			if transport != native {
				query = url.Values{"topic": {name}, "transport": {transport}}.Encode()
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/?"+query, nil))
			res := w.Result()
			if refused {
				if res.StatusCode != http.StatusBadRequest {
					t.Fatalf("%q: POST is refused, and GET is answered with %d", name, res.StatusCode)
				}
				continue
			}
			var got []record
			note := func(r record) {
				if r.Data == "hello" {
					got = append(got, r)
				}
			}
			switch transport {
			case native, "events":
				readEvents(context.Background(), res, note)
			case "ndjson":
				readLines(res, note)
			default: // package comet checks its escapes
				want, _ := comet.AppendString([]byte(","), name)
				if n := bytes.Count(w.Body.Bytes(), []byte(`("hello",'`)); n != 1 || !bytes.Contains(w.Body.Bytes(), append(want, ");</script>"...)) {
					t.Fatalf("%q: the message comes %d times: %s", name, n, w.Body)
				}
				continue
			}
			if len(got) != 1 || got[0].Event != name {
				t.Fatalf("%q: %s gets %q", name, transport, got)
			}
		}
	})
}
