package client_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
)

// The Outcome of a stream over each transport tells of its Items, and not of its chunks.
func TestCounts(t *testing.T) {
	type item = enumerator.Item[int]
	at := func(seq uint64) enumerator.Position { return enumerator.Position{Epoch: 1, Seq: seq} }
	message := func(seq uint64) item { return item{Value: int(seq), Position: at(seq)} }
	gap := item{Position: at(9), Gap: enumerator.Gap{From: at(3), N: 7}}
	for name, c := range map[string]struct {
		items  []item
		header http.Header
		query  string
		want   httpadapter.Counts
	}{
		"nothing":                      {},
		"messages":                     {items: []item{message(1), message(2)}, want: httpadapter.Counts{Messages: 2}},
		"gaps":                         {items: []item{message(1), gap, message(10), gap}, want: httpadapter.Counts{Messages: 2, Lost: 14}},
		"a reset":                      {items: []item{{Position: at(1), Reset: true}, message(2)}, want: httpadapter.Counts{Messages: 1, Resets: 1}},
		"a bookmark and an end":        {items: []item{{Position: at(1), Bookmark: true}, message(2), {End: true}}, want: httpadapter.Counts{Messages: 1}},
		"a client that comes back":     {items: []item{message(2)}, header: http.Header{"Last-Event-Id": {at(1).String()}}, want: httpadapter.Counts{Messages: 1, Resumed: true}},
		"a script that comes back":     {items: []item{message(2)}, query: "&lastEventId=" + at(1).String(), want: httpadapter.Counts{Messages: 1, Resumed: true}},
		"a client with another cursor": {items: []item{{Position: at(1), Reset: true}}, query: "&lastEventId=x", want: httpadapter.Counts{Resets: 1, Resumed: true}},
	} {
		for _, transport := range []string{"", "events", "iframe", "ndjson", "poll"} {
			t.Run(name+" "+transport, func(t *testing.T) {
				var outcomes []httpadapter.Outcome
				source := func(*http.Request, enumerator.Position) (enumerator.Enumerator[item], error) {
					return enumerator.FromSlice(c.items), nil
				}
				ask := func(opts ...httpadapter.Option) string {
					server := httptest.NewServer(client.Handler(source, opts...))
					defer server.Close()
					r, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+"?transport="+transport+c.query, nil)
					require.NoError(t, err)
					r.Header = c.header.Clone()
					res, err := server.Client().Do(r)
					require.NoError(t, err)
					defer res.Body.Close()
					body, err := io.ReadAll(res.Body)
					require.NoError(t, err)
					return string(body)
				}
				body := ask(httpadapter.OnEnd(func(_ *http.Request, o httpadapter.Outcome) { outcomes = append(outcomes, o) }))
				require.Len(t, outcomes, 1)
				assert.Equal(t, c.want, outcomes[0].Counts)
				if transport != "iframe" { // which has a new nonce each time
					assert.Equal(t, ask(), body, "counting changes nothing")
				}
			})
		}
	}
}
