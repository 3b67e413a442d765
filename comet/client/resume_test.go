package client_test

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/comet/eventsource"
	itemsof "github.com/halley-go/halley/enumeratee/items"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/httpadaptertest"
)

// native is the transport of an EventSource without the script.
const native = ""

// every is the list of the client's transports.
var every = []string{"events", "iframe", "ndjson", "poll"}

// all holds native and the transports of the script.
var all = append([]string{native}, every...)

// push pushes the numbers from start to end-1.
func push(t *testing.T, hub *enumerator.Hub[any], start, end int) {
	for n := start; n < end; n++ {
		require.NoError(t, hub.Push(t.Context(), n))
	}
}

// numbers returns the numbers from 0 to count-1.
func numbers(count int) []int {
	ns := make([]int, count)
	for n := range ns {
		ns[n] = n
	}
	return ns
}

func eventually(t *testing.T, condition func() bool, message ...any) {
	t.Helper()
	require.Eventually(t, condition, 30*time.Second, 2*time.Millisecond, message...)
}

// A record is a record as a client reads it. Its event is bookmark if it has only an id.
type record struct {
	Event string `json:"event"`
	ID    string `json:"id"`
	Data  any    `json:"data"`
}

// A reader is a client of one transport, which remembers the id to resume after as the protocol says.
type reader struct {
	t         *testing.T
	url       string
	transport string
	room      string // of a test with rooms
	id        string
	client    *http.Client // nil for http.DefaultClient

	records <-chan record // of the current connection; closed at its end
	cut     func()
}

// connect makes a request with the id.
func (c *reader) connect() {
	c.t.Helper()
	ctx, cancel := context.WithCancel(c.t.Context())
	query := url.Values{}
	if c.room != "" {
		query.Set("room", c.room)
	}
	if c.transport != native {
		query.Set("transport", c.transport)
		query.Set("lastEventId", c.id)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+"/?"+query.Encode(), nil)
	require.NoError(c.t, err)
	if c.transport == native && c.id != "" {
		r.Header.Set("Last-Event-ID", c.id)
	}
	res, err := cmp.Or(c.client, http.DefaultClient).Do(r)
	require.NoError(c.t, err)
	require.Equal(c.t, http.StatusOK, res.StatusCode)
	records, done := make(chan record), make(chan struct{})
	c.records = records
	c.cut = func() { cancel(); <-done }
	c.t.Cleanup(c.cut)
	go func() {
		defer close(done)
		defer close(records)
		defer res.Body.Close()
		read := map[string]func(context.Context, *http.Response, func(record)){
			native: readEvents, "events": readEvents, "iframe": readScripts, "ndjson": readLines, "poll": readLines,
		}[c.transport]
		read(ctx, res, func(r record) {
			select {
			case records <- r:
			case <-ctx.Done():
			}
		})
	}()
}

func readEvents(ctx context.Context, res *http.Response, f func(record)) {
	events := enumerator.Through(httpadapter.Response(res, "text/event-stream"), eventsource.DecodeAll(1<<20))
	for e, err := range enumerator.All(ctx, events) {
		if err != nil {
			return
		}
		r := record{Event: e.Name, ID: e.ID}
		if e.NoData {
			r.Event = "bookmark"
		}
		_ = json.Unmarshal([]byte(e.Data), &r.Data)
		f(r)
	}
}

func readLines(_ context.Context, res *http.Response, f func(record)) {
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		var r record
		if json.Unmarshal(lines.Bytes(), &r) == nil {
			f(r)
		}
	}
}

var call = regexp.MustCompile(`frameElement\.halley\((.+)\)`)

func readScripts(_ context.Context, res *http.Response, f func(record)) {
	page := bufio.NewReader(res.Body)
	for {
		script, err := page.ReadString(';')
		if err != nil {
			return
		}
		if m := call.FindStringSubmatch(script); m != nil {
			var arguments [3]any
			_ = json.Unmarshal([]byte("["+strings.ReplaceAll(m[1], "'", `"`)+"]"), &arguments)
			event, _ := arguments[2].(string)
			f(record{event, arguments[1].(string), arguments[0]})
		}
	}
}

// next returns the next record that is neither a heartbeat nor a bookmark, and false at the end of the connection.
func (c *reader) next() (record, bool) {
	c.t.Helper()
	for {
		select {
		case r, ok := <-c.records:
			if !ok {
				return r, false
			}
			if r.ID != "" {
				c.id = r.ID
			}
			if r.Event != "heartbeat" && r.Event != "bookmark" {
				return r, true
			}
		case <-time.After(30 * time.Second):
			c.t.Fatal("nothing has come")
		}
	}
}

// message returns the event and the data of the next record. A client that polls does so until there is one.
func (c *reader) message() []any {
	c.t.Helper()
	for {
		r, ok := c.next()
		if ok {
			return []any{r.Event, r.Data}
		}
		require.Equal(c.t, "poll", c.transport, "the connection has ended")
		c.connect()
	}
}

// position reads until the client has an id for which enough returns true. It returns false if a message came before.
func (c *reader) position(enough func(id string) bool) {
	c.t.Helper()
	for !enough(c.id) {
		select {
		case r, ok := <-c.records:
			if !ok {
				require.Equal(c.t, "poll", c.transport, "the connection has ended")
				c.connect()
				continue
			}
			if r.ID != "" {
				c.id = r.ID
			}
			require.Contains(c.t, []string{"heartbeat", "bookmark"}, r.Event)
		case <-time.After(30 * time.Second):
			c.t.Fatal("nothing has come")
		}
	}
}

// onEach runs test with a client of each transport.
func onEach(t *testing.T, test func(t *testing.T, connect func(http.Handler) *reader)) {
	for _, transport := range all {
		t.Run("transport "+transport, func(t *testing.T) {
			test(t, func(handler http.Handler) *reader {
				return &reader{t: t, url: httpadaptertest.NewServer(t, handler).URL, transport: transport}
			})
		})
	}
}

// A client that is cut before its first message misses nothing.
func TestCutBeforeTheFirstMessage(t *testing.T) {
	onEach(t, func(t *testing.T, connect func(http.Handler) *reader) {
		hub := enumerator.Broadcast[any]()
		push(t, hub, 0, 3) // before the client comes
		c := connect(handlerOf(hub, time.Minute))
		c.connect()
		c.position(func(id string) bool { return id != "" })
		c.cut()
		eventually(t, func() bool { return hub.Runs() == 0 })
		push(t, hub, 3, 6)
		c.connect()
		for n := 3; n < 6; n++ {
			assert.Equal(t, []any{"", float64(n)}, c.message())
		}
	})
}

// A client of a filtered stream comes back after many elements that were not for it, of which the hub holds only the
// last ones. It has missed nothing, and so it gets no Reset.
func TestFilteredStream(t *testing.T) {
	onEach(t, func(t *testing.T, connect func(http.Handler) *reader) {
		hub := enumerator.Broadcast[any](enumerator.Capacity(100), enumerator.WhenFull(enumerator.Block))
		strings := itemsof.Via(hub, itemsof.Filter(func(e any) bool { _, ok := e.(string); return ok }))
		c := connect(handlerOf(strings, time.Second))
		c.connect()
		c.position(func(id string) bool { return id != "" })
		if c.transport == "poll" {
			c.connect() // the answer with the first id is complete
		}
		eventually(t, func() bool { return hub.Runs() == 1 })
		require.NoError(t, hub.Push(t.Context(), "one"))
		assert.Equal(t, []any{"", "one"}, c.message())
		if c.transport == "poll" {
			for _, ok := c.next(); ok; _, ok = c.next() {
			}
			c.connect()
			eventually(t, func() bool { return hub.Runs() == 1 })
		}
		push(t, hub, 0, 2000)
		c.position(func(id string) bool {
			p, err := enumerator.ParsePosition(id)
			return err == nil && p.Seq+64 >= hub.Position().Seq
		})
		c.cut()
		eventually(t, func() bool { return hub.Runs() == 0 })
		require.NoError(t, hub.Push(t.Context(), "two"))
		c.connect()
		assert.Equal(t, []any{"", "two"}, c.message())
	})
}

// A client of two hubs over one connection resumes both, and each message says its hub.
func TestTwoHubs(t *testing.T) {
	onEach(t, func(t *testing.T, connect func(http.Handler) *reader) {
		a, b := enumerator.Broadcast[any](enumerator.Capacity(2)), enumerator.Broadcast[any]()
		hubs := map[string]enumerator.Source[any]{"a": a, "b": b}
		c := connect(client.Handler(func(r *http.Request, _ enumerator.Position) (items, error) {
			cursor := comet.CursorText(r.Header, r.URL.Query())
			if r.URL.Query().Get("transport") == "poll" {
				return comet.LongPollJoin(cursor, hubs, 0, time.Minute), nil
			}
			return itemsof.Join(cursor, hubs, 0), nil
		}))
		c.connect()
		c.position(func(id string) bool { return id == "a:"+a.Position().String()+",b:"+b.Position().String() })
		got := map[string][]any{}
		for round := range 3 {
			c.cut()
			eventually(t, func() bool { return a.Runs() == 0 && b.Runs() == 0 })
			push(t, a, 2*round, 2*round+1)
			push(t, b, 2*round, 2*round+2)
			c.connect()
			push(t, a, 2*round+1, 2*round+2)
			for range 4 {
				m := c.message()
				got[m[0].(string)] = append(got[m[0].(string)], m[1])
			}
		}
		all := []any{0.0, 1.0, 2.0, 3.0, 4.0, 5.0}
		assert.Equal(t, map[string][]any{"a": all, "b": all}, got)

		// One hub has forgotten the position, and says so.
		c.cut()
		eventually(t, func() bool { return a.Runs() == 0 && b.Runs() == 0 })
		push(t, a, 6, 10)
		c.connect()
		assert.Equal(t, []any{"reset", map[string]any{"source": "a"}}, c.message())
		assert.Equal(t, []any{"a", 8.0}, c.message())
		assert.Equal(t, []any{"a", 9.0}, c.message())
	})
}
