package durable_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet/eventsource"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/httpadapter/durable"
	"github.com/halley-go/halley/iteratee"
)

// The messages of a stream are the values that were posted, with arrays taken apart once.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{`1`, ` [1, [2]] `, `[]`, `[[]]`, `{"a":[1]}`, `"[1]"`, `[`, "\xff", `[1]2`, "\ufeff1", ` `} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		h := newHandler()
		do(t, h, "PUT", "/a", "0", asJSON...)
		status := do(t, h, "POST", "/a", body, asJSON...).status
		var value any
		want := []any{0.0}
		valid := json.Unmarshal([]byte(body), &value) == nil && utf8.ValidString(body)
		if list, isList := value.([]any); isList {
			want = append(want, list...)
			valid = valid && len(list) > 0
		} else {
			want = append(want, value)
		}
		if !valid {
			assert.Equal(t, 400, status)
			want = want[:1]
		} else {
			assert.Equal(t, 204, status)
		}
		var got []any
		require.NoError(t, json.Unmarshal([]byte(do(t, h, "GET", "/a", "").body), &got))
		assert.Equal(t, want, got)
	})
}

// A client of an event stream gets the lines of a text, and no events that the text forges.
func FuzzText(f *testing.F) {
	for _, seed := range []string{"a", "a\n\nevent: control\ndata: {}\n\n", " \r\n\r x", "\x00", "\xff", "data:", ":\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if text == "" {
			return
		}
		h := newHandler()
		do(t, h, "PUT", "/a", text, with(asText, closed)...)
		assert.Equal(t, text, do(t, h, "GET", "/a", "").body)
		stream := do(t, h, "GET", "/a?live=sse&offset=-1", "").body
		source := enumerator.Through(enumerator.Of([]byte(stream)), eventsource.Decode(1<<20))
		events, err := enumerator.Run(t.Context(), source, iteratee.Collect[eventsource.Event]())
		require.NoError(t, err)
		require.Len(t, events, 2)
		assert.Equal(t, "data", events[0].Name)
		if utf8.ValidString(text) {
			assert.Equal(t, strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text), events[0].Data)
		}
		assert.Equal(t, "control", events[1].Name)
	})
}

// No request makes the handler fail.
func FuzzRequest(f *testing.F) {
	f.Add("GET", "offset=-1&live=sse", "Stream-TTL", "1", "x")
	f.Add("PUT", "", "Stream-Expires-At", "2100-01-01T00:00:00Z", "x")
	f.Add("POST", "offset=a-11", "Producer-Epoch", "1", "[1]")
	f.Fuzz(func(t *testing.T, method, query, key, value, body string) {
		h := newHandler()
		do(t, h, "PUT", "/a", "[1]", with(asJSON, closed)...)
		r := httptest.NewRequest("GET", "/a", strings.NewReader(body))
		r.Method, r.URL.RawQuery = method, query
		r.Header[http.CanonicalHeaderKey(key)] = []string{value}
		a := serve(h, r)
		assert.True(t, a.status < 500 || a.status == http.StatusNotImplemented, a.body)
	})
}

// Any entry of the store can be read.
func FuzzEntry(f *testing.F) {
	store := topics.Memory(10)
	h := durable.Handler(store, byPath)
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("PUT", "/a", strings.NewReader("x")))
	entries, _, err := store.Read(f.Context(), "/a", topics.Place{}, 1)
	require.NoError(f, err)
	whole := entries[0].Meta
	for n := range len(whole) + 1 {
		f.Add(whole[:n], []byte("x"))
	}
	f.Add(bytes.ReplaceAll(whole, []byte("octet-stream"), []byte("json")), []byte("1"))
	f.Fuzz(func(t *testing.T, meta, data []byte) {
		store := topics.Memory(10)
		_, err := store.Append(t.Context(), "/a", topics.Record{Data: []byte("0")})
		require.NoError(t, err)
		_, err = store.Append(t.Context(), "/a", topics.Record{Meta: meta, Data: data})
		require.NoError(t, err)
		h := durable.Handler(store, byPath)
		get := do(t, h, "GET", "/a", "")
		if get.status == 200 && get.header.Get("Content-Type") == "application/json" && !bytes.HasPrefix(meta, []byte("durable1")) {
			assert.True(t, json.Valid([]byte(get.body)), get.body)
		}
	})
}
