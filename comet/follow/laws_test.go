package follow_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/comet/eventsource"
	"github.com/halley-go/halley/comet/follow"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/enumeratortest"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

// resuming is the transport of a server that resumes: its messages are the numbers from 1 to n, which are their ids. A response
// ends after each messages, and the last one ends with an end record.
func resuming(n, each int, query string) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		response := httptest.NewRecorder()
		id := r.Header.Get("Last-Event-ID")
		record := func(event, id string) string {
			text := "id: " + id + "\ndata: " + id + "\n\n"
			if event != "" {
				text = "event: " + event + "\n" + text
			}
			return text
		}
		response.Header().Set("Content-Type", eventsource.ContentType)
		if query == "ndjson" {
			response.Header().Set("Content-Type", "application/x-ndjson")
			record = func(event, id string) string {
				return `{"event":"` + event + `","id":"` + id + `","data":` + id + "}\n"
			}
		}
		seen := len(id)
		for i := range min(each, n-seen) {
			response.WriteString(record("", strings.Repeat("1", seen+i+1)))
		}
		if n-seen <= each {
			response.WriteString(record("end", strings.Repeat("1", n)+"0"))
		}
		return response.Result(), nil
	})
}

// Events and Items keep the laws of an Enumerator.
func TestLaws(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, transport := range []string{"events", "ndjson"} {
			for _, n := range []int{1, 5} {
				for _, each := range []int{1, 3, 9} {
					var want []enumerator.Item[int]
					for i, value := 0, 1; i < n; i, value = i+1, value*10+1 {
						want = append(want, enumerator.Item[int]{Value: value, Cursor: strings.Repeat("1", i+1)})
					}
					want = append(want, enumerator.Item[int]{End: true, Cursor: strings.Repeat("1", n) + "0"})
					client := follow.HTTPClient(&http.Client{Transport: resuming(n, each, transport)})
					assert.NoError(t, enumeratortest.Test(follow.Items[int](get(), client, atOnce), want))
					if transport == "events" {
						var events []eventsource.Event
						for _, item := range want[:n] {
							events = append(events, eventsource.Event{ID: item.Cursor, Data: item.Cursor})
						}
						assert.NoError(t, enumeratortest.TestEndless(follow.Events(get(), client, atOnce), events))
					}
				}
			}
		}
	})
	probe.Listed(t, "Enumerator", []string{"Events", "Items"}, "test it here")
}

// Items gives the Items that the source of client.Handler gives, except for Bookmarks.
func TestItemsAreThoseOfTheHandler(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type items = enumerator.Enumerator[enumerator.Item[string]]
		pushed := rapid.IntRange(0, 20).Draw(t, "pushed")
		hub := enumerator.Broadcast[string](enumerator.Capacity(rapid.IntRange(1, 20).Draw(t, "capacity")))
		from := hub.Position()
		for range pushed {
			require.NoError(t, hub.Push(t.Context(), rapid.String().Draw(t, "message")))
		}
		from.Seq += rapid.Uint64Range(0, 20).Draw(t, "from")
		hub.End()
		messages := func(source items) (all []enumerator.Item[string], err error) {
			kept := enumerator.Through(source, enumeratee.Filter(func(i enumerator.Item[string]) bool { return !i.Bookmark && !i.End }))
			return enumerator.Run(t.Context(), kept, iteratee.Collect[enumerator.Item[string]]())
		}
		want, err := messages(hub.From(from))
		require.NoError(t, err)
		handler := client.Handler(func(_ *http.Request, after enumerator.Position) (items, error) {
			assert.Equal(t, from, after)
			return hub.From(after), nil
		})
		transport := rapid.SampledFrom([]string{"", "?transport=events", "?transport=ndjson"}).Draw(t, "transport")
		calls := 0
		got, err := messages(follow.Items[string](follow.Get("http://server/"+transport), follow.After(from.String()), atOnce,
			follow.HTTPClient(&http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				response := httptest.NewRecorder()
				if calls++; calls > 1 {
					response.WriteHeader(http.StatusNoContent)
				} else {
					handler.ServeHTTP(response, r)
				}
				return response.Result(), nil
			})})))
		require.NoError(t, err)
		assert.Equal(t, want, got)
	})
}
