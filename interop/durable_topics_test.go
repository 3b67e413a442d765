package interop_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/httpadapter/durable"
	"github.com/halley-go/halley/iteratee"
)

// A program publishes to a topic and reads it, and clients of the protocol do so too.
func TestDurableTopicOfAProgram(t *testing.T) {
	t.Parallel()
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := open(t)
			h := durable.Handler(store, func(r *http.Request) (string, error) { return r.URL.Path, nil })
			do := func(method, body string, header ...string) *http.Response {
				r := httptest.NewRequestWithContext(t.Context(), method, "/a", strings.NewReader(body))
				r.Header.Set("Content-Type", "application/json")
				for i := 0; i < len(header); i += 2 {
					r.Header.Set(header[i], header[i+1])
				}
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				return w.Result()
			}
			numbers := topics.New[int](store)
			defer numbers.Close()
			publish := func(n int) {
				_, err := numbers.Publish(t.Context(), "/a", "", n)
				require.NoError(t, err)
			}

			publish(1)
			assert.Equal(t, http.StatusOK, do("PUT", "").StatusCode, "it has the type of the PUT")
			assert.Equal(t, http.StatusNoContent, do("POST", "2").StatusCode)
			publish(3)
			assert.Equal(t, http.StatusOK, do("POST", "[4,5]", "Producer-Id", "p", "Producer-Epoch", "0", "Producer-Seq", "0").StatusCode)
			publish(6)
			assert.Equal(t, http.StatusNoContent, do("POST", "[4,5]", "Producer-Id", "p", "Producer-Epoch", "0", "Producer-Seq", "0").StatusCode)
			assert.Equal(t, http.StatusNoContent, do("POST", "7", "Stream-Closed", "true").StatusCode)

			answer := do("GET", "")
			body, err := io.ReadAll(answer.Body)
			require.NoError(t, err)
			var served []int
			require.NoError(t, json.Unmarshal(body, &served))
			assert.Equal(t, "true", answer.Header.Get("Stream-Closed"))
			assert.Equal(t, []int{1, 2, 3, 4, 5, 6, 7}, served)

			items, err := enumerator.Run(t.Context(), numbers.Topic("/a").Beginning(), iteratee.Collect[enumerator.Item[int]]())
			require.NoError(t, err, "the end of the stream is the end of the topic")
			var read []int
			for _, item := range items {
				if !item.Bookmark {
					assert.True(t, item.IsMessage(), item)
					read = append(read, item.Value)
				}
			}
			assert.Equal(t, served, read)
			_, err = numbers.Publish(context.Background(), "/a", "", 8)
			assert.ErrorIs(t, err, topics.ErrEnded)
		})
	}
}
