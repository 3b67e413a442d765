package topic_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	coder "github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet/eventsource"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
)

// native is the transport of an EventSource without the script.
const native = "native"

var transports = []string{native, "events", "iframe", "ndjson", "poll", "websocket"}

// A record is a record as a client reads it. Its event is bookmark if it has only an id.
type record struct {
	Event string `json:"event"`
	ID    string `json:"id"`
	Data  any    `json:"data"`
}

// A reader is a client of one transport, which remembers the id to resume after.
type reader struct {
	t         *testing.T
	url       string
	transport string
	id        string

	records <-chan record // of the current connection; closed at its end
	cut     func()
}

// open connects a client with an id, which may be empty.
func open(t *testing.T, url, transport, id string) *reader {
	c := &reader{t: t, url: url, transport: transport, id: id}
	c.connect()
	return c
}

func (c *reader) connect() {
	c.t.Helper()
	u, err := url.Parse(c.url)
	require.NoError(c.t, err)
	query := u.Query()
	if c.transport != native {
		query.Set("transport", c.transport)
	}
	if c.id != "" {
		query.Set("lastEventId", c.id)
	}
	u.RawQuery = query.Encode()
	ctx, cancel := context.WithCancel(c.t.Context())
	var read func(func(record))
	if c.transport == "websocket" {
		conn, _, err := coder.Dial(ctx, u.String(), nil)
		require.NoError(c.t, err)
		read = func(f func(record)) {
			defer conn.CloseNow()
			readMessages(ctx, conn, f)
		}
	} else {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
		require.NoError(c.t, err)
		res, err := http.DefaultClient.Do(r)
		require.NoError(c.t, err)
		require.Equal(c.t, http.StatusOK, res.StatusCode)
		read = func(f func(record)) {
			defer res.Body.Close()
			switch c.transport {
			case native, "events":
				readEvents(ctx, res, f)
			case "iframe":
				readScripts(res, f)
			default:
				readLines(res, f)
			}
		}
	}
	records, done := make(chan record), make(chan struct{})
	c.records = records
	c.cut = func() { cancel(); <-done }
	c.t.Cleanup(c.cut)
	go func() {
		defer close(done)
		defer close(records)
		read(func(r record) {
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

func readLines(res *http.Response, f func(record)) {
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		var r record
		if json.Unmarshal(lines.Bytes(), &r) == nil {
			f(r)
		}
	}
}

func readMessages(ctx context.Context, conn *coder.Conn, f func(record)) {
	for {
		_, text, err := conn.Read(ctx)
		if err != nil {
			return
		}
		var r record
		if json.Unmarshal(text, &r) == nil {
			f(r)
		}
	}
}

var call = regexp.MustCompile(`frameElement\.halley\((.*?)\);</script>`)

// readScripts reads scripts whose texts have no quotes and no escapes but \xNN.
func readScripts(res *http.Response, f func(record)) {
	page := bufio.NewReader(res.Body)
	for {
		script, err := page.ReadString('>')
		if err != nil {
			return
		}
		more, err := page.ReadString('>') // the end tag
		if m := call.FindStringSubmatch(script + more); err == nil && m != nil {
			var arguments [3]any
			text := strings.NewReplacer("'", `"`, `\x`, `\u00`, `\'`, `'`).Replace(m[1])
			_ = json.Unmarshal([]byte("["+text+"]"), &arguments)
			event, _ := arguments[2].(string)
			id, _ := arguments[1].(string)
			f(record{event, id, arguments[0]})
		}
	}
}

// next returns the event and the data of the next record that is neither a heartbeat nor a bookmark. A client that polls
// repeats its request until there is one. At the end of any other connection next returns nil.
func (c *reader) next() []any {
	c.t.Helper()
	for {
		select {
		case r, ok := <-c.records:
			if !ok && c.transport != "poll" {
				return nil
			}
			if !ok {
				c.connect()
			}
			if r.ID != "" {
				c.id = r.ID
			}
			if ok && r.Event != "heartbeat" && r.Event != "bookmark" {
				return []any{r.Event, r.Data}
			}
		case <-time.After(30 * time.Second):
			require.FailNow(c.t, "nothing has come", c.transport)
		}
	}
}

// expect reads messages with these values.
func (c *reader) expect(event string, values ...int) {
	c.t.Helper()
	for _, value := range values {
		assert.Equal(c.t, []any{event, float64(value)}, c.next(), c.transport)
	}
}
