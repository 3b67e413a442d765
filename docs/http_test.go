package docs_test

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/comet/follow"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumeratee/items"
	"github.com/halley-go/halley/enumerator"
)

// Each option of package httpadapter has a row in http.md.
func TestOptions(t *testing.T) {
	page, err := os.ReadFile("http.md")
	require.NoError(t, err)
	_, table, _ := strings.Cut(string(page), "\n## Options\n")
	table, _, _ = strings.Cut(table, "\n\nA heartbeat")
	files, err := filepath.Glob(filepath.Join(root, "httpadapter", "*.go"))
	require.NoError(t, err)
	option := regexp.MustCompile(`(?m)^func ([A-Z]\w*)\(.*\) Option {`)
	found := 0
	for _, name := range files {
		code, err := os.ReadFile(name)
		require.NoError(t, err)
		for _, match := range option.FindAllStringSubmatch(string(code), -1) {
			found++
			if !strings.Contains(table, "`"+match[1]+"`") {
				t.Errorf("http.md: the table under Options has no row for httpadapter.%s: add one", match[1])
			}
		}
	}
	assert.NotZero(t, found)
}

// snippet: merge

// A relayed is an Item of another server. Its value is passed on as it is.
type relayed = enumerator.Item[json.RawMessage]

// relay returns the stream at url, for many clients.
func relay(url string) *enumerator.Shared[relayed] {
	return enumerator.Share(follow.Items[json.RawMessage](follow.Get(url)),
		enumerator.Capacity(1000), enumerator.WhenFull(enumerator.DropOldest)) // a slow client does not hold up the others
}

// ownPosition gives an Item of another server the Position of this one. A notice of this server stays a notice.
func ownPosition(i enumerator.Item[relayed]) relayed {
	if !i.IsMessage() {
		return relayed{Position: i.Position, Gap: i.Gap, Reset: i.Reset, Bookmark: i.Bookmark, End: i.End}
	}
	i.Value.Position, i.Value.Cursor = i.Position, ""
	return i.Value
}

// merge serves both streams as one. A new page begins with the last 20 messages of each source that this server holds.
// stop closes the connections to both servers when no client is left.
func merge(newsURL, pricesURL string) (h http.Handler, stop func()) {
	news, prices := relay(newsURL), relay(pricesURL)
	releaseNews, releasePrices := news.Hold(), prices.Hold()
	sources := map[string]enumerator.Source[json.RawMessage]{
		"news":   items.Via(news, enumeratee.Map(ownPosition)),
		"prices": items.Via(prices, enumeratee.Map(ownPosition)),
	}
	h = client.Handler(func(r *http.Request, _ enumerator.Position) (enumerator.Enumerator[relayed], error) {
		return items.Join(comet.CursorText(r.Header, r.URL.Query()), sources, 20), nil
	})
	return h, func() { _, _ = releaseNews(), releasePrices() }
}

// end snippet

// Clients of a merged stream lose and repeat nothing when they come back, and when an upstream goes away and returns.
func TestMerge(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	connections := make(chan string, 1000)
	// serve serves hub at address, and reports each connection.
	serve := func(name, address string, hub *enumerator.Hub[string]) *httptest.Server {
		listener, err := net.Listen("tcp", address)
		require.NoError(t, err)
		server := httptest.NewUnstartedServer(client.Handler(func(_ *http.Request, after enumerator.Position) (enumerator.Enumerator[enumerator.Item[string]], error) {
			connections <- name
			return hub.FromOrLast(after, 100), nil
		}))
		server.Listener.Close()
		server.Listener = listener
		server.Start()
		return server
	}
	end := func(server *httptest.Server) {
		server.CloseClientConnections()
		server.Close()
	}
	news, prices := enumerator.Broadcast[string](), enumerator.Broadcast[string]()
	push := func(hub *enumerator.Hub[string], texts ...string) {
		for _, text := range texts {
			require.NoError(t, hub.Push(ctx, text))
		}
	}
	newsServer, pricesServer := serve("news", "127.0.0.1:0", news), serve("prices", "127.0.0.1:0", prices)
	defer func() { end(newsServer) }()
	defer end(pricesServer)
	h, stop := merge(newsServer.URL, pricesServer.URL)
	defer stop()
	merged := httptest.NewServer(h)
	defer end(merged)

	// read lets a page continue after its cursor, read n messages, and leave. during is called after the first message.
	type page struct {
		got  []string
		last string // its cursor
	}
	read := func(p *page, n int, during func()) {
		p.got = nil
		for item, err := range enumerator.All(ctx, follow.Items[string](follow.Get(merged.URL), follow.After(p.last))) {
			require.NoError(t, err)
			require.NoError(t, item.Lost())
			p.last = item.ID()
			if item.IsMessage() {
				p.got = append(p.got, item.Event+" "+item.Value)
			}
			if during != nil && len(p.got) > 0 {
				during()
				during = nil
			}
			if len(p.got) == n {
				return
			}
		}
	}

	push(news, "rain")
	push(prices, "1")
	var one, two page
	read(&one, 2, nil)
	assert.ElementsMatch(t, []string{"news rain", "prices 1"}, one.got)
	read(&two, 4, func() { push(news, "snow"); push(prices, "2") })
	assert.ElementsMatch(t, []string{"news rain", "prices 1", "news snow", "prices 2"}, two.got)
	push(news, "sun") // while no client is there
	read(&one, 3, nil)
	assert.ElementsMatch(t, []string{"news snow", "prices 2", "news sun"}, one.got)
	read(&two, 1, nil)
	assert.Equal(t, []string{"news sun"}, two.got)
	assert.ElementsMatch(t, []string{"news", "prices"}, []string{<-connections, <-connections})
	assert.Empty(t, connections, "all clients have shared the connections")

	// An upstream goes away while a client reads, and returns with the messages that came meanwhile.
	push(prices, "3")
	read(&one, 4, func() {
		end(newsServer)
		push(news, "fog", "hail")
		push(prices, "4")
		newsServer = serve("news", newsServer.Listener.Addr().String(), news)
	})
	assert.ElementsMatch(t, []string{"prices 3", "prices 4", "news fog", "news hail"}, one.got)
	read(&two, 4, nil)
	assert.ElementsMatch(t, []string{"prices 3", "prices 4", "news fog", "news hail"}, two.got)
	assert.Equal(t, "news", <-connections)
	assert.Empty(t, connections)
}

// A gap and a reset of an upstream reach the clients, with the Position of this server.
func TestOwnPosition(t *testing.T) {
	here, there := enumerator.Position{Epoch: 1, Seq: 2}, enumerator.Position{Epoch: 71, Seq: 8}
	in := func(i relayed) enumerator.Item[relayed] {
		return enumerator.Item[relayed]{Value: i, Position: here}
	}
	assert.Equal(t, relayed{Position: here, Value: json.RawMessage("1")}, ownPosition(in(relayed{Position: there, Value: json.RawMessage("1")})))
	assert.Equal(t, relayed{Position: here, Reset: true}, ownPosition(in(relayed{Cursor: "a:1z-18", Reset: true})))
	assert.Equal(t, relayed{Position: here, Gap: enumerator.Gap{N: 3}}, ownPosition(in(relayed{Position: there, Gap: enumerator.Gap{N: 3}})))
	assert.Equal(t, relayed{Position: here, Reset: true}, ownPosition(enumerator.Item[relayed]{Position: here, Reset: true}))
}
