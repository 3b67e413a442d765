package docs_test

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	coder "github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/comet/follow"
	"github.com/halley-go/halley/comet/topic"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/enumerator/topics/presence"
	"github.com/halley-go/halley/enumerator/topics/tables"
	"github.com/halley-go/halley/httpadapter/durable"
	"github.com/halley-go/halley/httpadapter/websocket"
	"github.com/halley-go/halley/iteratee"
)

// This file holds the code of scale.md that needs no server of NATS.

// A Line is a message of a chat room.
type Line struct {
	From string `json:"from"`
	Text string `json:"text"`
}

// snippet: rooms

// serveRooms serves the rooms of a chat. Each room is a topic: GET /rooms/{topic} reads it, and POST publishes to it.
func serveRooms(rooms *topics.Topics[Line]) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/rooms/{topic}", topic.Handler(rooms, mayEnter, topic.Last(50)))
	return mux
}

// end snippet

func mayEnter(r *http.Request, a topic.Access) error {
	if a.Topic == "ready" {
		return errors.New("the topic is not a room")
	}
	return nil
}

func memoryRooms() *topics.Topics[Line] {
	// snippet: memory
	rooms := topics.New[Line](topics.Memory(100)) // 100 messages of each topic
	// end snippet
	return rooms
}

// snippet: publish

// welcome tells a room that a user has come. It can be called again after an error: a visit is told once.
func welcome(ctx context.Context, rooms *topics.Topics[Line], room, user, visit string) error {
	_, err := rooms.Publish(ctx, room, "visit "+visit, Line{From: "chat", Text: user + " has come"})
	return err
}

// end snippet

// snippet: prices

// A Price is a row of a table of prices.
type Price struct {
	Bid float64 `json:"bid"`
	Ask float64 `json:"ask"`
}

// servePrices serves tables of prices: GET /prices/{topic} reads one, and PUT /prices/{topic}?key=EUR puts a row.
func servePrices(prices *tables.Tables[Price]) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/prices/{topic}", topic.Table(prices, mayEnter))
	return mux
}

// quote changes a row, unless another program has changed it since it was read.
func quote(ctx context.Context, prices tables.Table[Price], key string, change func(Price) Price) error {
	price, position, _, err := prices.Get(ctx, key)
	if err != nil {
		return err
	}
	_, err = prices.PutAfter(ctx, key, position, change(price)) // topics.ErrConflict: read it again
	return err
}

// end snippet

// snippet: watch

// watch keeps the rows of a table in a map. It returns when ctx ends, when the topic of the table has ended, or when a row
// cannot be decoded. Meanwhile no other goroutine may use the map.
func watch(ctx context.Context, prices tables.Table[Price], rows map[string]Price) error {
	_, err := enumerator.Run(ctx, prices.Last(0), iteratee.ForEach(func(_ context.Context, i enumerator.Item[tables.Change[Price]]) error {
		switch {
		case i.Reset: // all rows follow
			clear(rows)
		case i.Bookmark: // the map has all rows
		case i.IsMessage() && i.Value.Deleted:
			delete(rows, i.Value.Key)
		case i.IsMessage():
			rows[i.Value.Key] = i.Value.Value
		default:
			return i.Lost() // a row that could not be decoded
		}
		return nil
	}))
	return err
}

// end snippet

func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		prices := tables.New[Price](topics.Memory(10)).Table("prices")
		for _, key := range []string{"EUR", "YEN"} {
			_, err := prices.Put(t.Context(), key, Price{1, 2})
			require.NoError(t, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		rows, ended := map[string]Price{"old": {}}, make(chan error)
		go func() { ended <- watch(ctx, prices, rows) }()
		synctest.Wait()
		assert.Equal(t, map[string]Price{"EUR": {1, 2}, "YEN": {1, 2}}, rows)
		_, err := prices.Remove(t.Context(), "YEN")
		require.NoError(t, err)
		_, err = prices.Put(t.Context(), "EUR", Price{3, 4})
		require.NoError(t, err)
		synctest.Wait()
		assert.Equal(t, map[string]Price{"EUR": {3, 4}}, rows)
		cancel()
		assert.ErrorIs(t, <-ended, context.Canceled)
	})
}

// snippet: presence

// serveVisitors tells a page which visitors are in a room. The user of the page is one of them while it reads.
func serveVisitors(visitors *presence.Presence[string]) http.Handler {
	return client.Handler(func(r *http.Request, _ enumerator.Position) (enumerator.Enumerator[enumerator.Item[*tables.Change[string]]], error) {
		room, query := "visitors of "+r.PathValue("topic"), r.URL.Query()
		return enumerator.New(func(ctx context.Context, sink iteratee.Sink[enumerator.Item[*tables.Change[string]]]) iteratee.Step {
			ctx, leave := context.WithCancel(ctx)
			defer leave()
			if err := visitors.Join(ctx, room, query.Get("user"), query.Get("name")); err != nil {
				return iteratee.StepError(err)
			}
			return topic.Changes(visitors.Members(room)).Into(ctx, sink)
		}), nil
	})
}

// end snippet

// snippet: meeting

// serveMeeting serves a room on one WebSocket, which carries the messages and the visitors, and takes what the user writes.
func serveMeeting(rooms *topics.Topics[Line], visitors *presence.Presence[string]) http.Handler {
	return websocket.Handler(websocket.JSON[string, comet.Record](),
		func(r *http.Request) (iteratee.Iteratee[string, struct{}], enumerator.Enumerator[comet.Record], error) {
			room, query := r.PathValue("topic"), r.URL.Query()
			user := query.Get("user") // of the session, in a real program
			publish := iteratee.ForEach(func(ctx context.Context, text string) error {
				_, err := rooms.Publish(ctx, room, "", Line{user, text})
				return err
			})
			messages := rooms.Topic(room).FromOrLast(comet.Cursor(r.Header, query), 50)
			members := enumerator.New(func(ctx context.Context, sink iteratee.Sink[enumerator.Item[tables.Change[string]]]) iteratee.Step {
				ctx, leave := context.WithCancel(ctx)
				defer leave()
				if err := visitors.Join(ctx, "visitors of "+room, user, query.Get("name")); err != nil {
					return iteratee.StepError(err)
				}
				return visitors.Members("visitors of "+room).Into(ctx, sink)
			})
			return publish, enumerator.Interleave(
				enumerator.Map(messages, comet.RecordOf[Line]),
				enumerator.Map(members, visitorRecord),
			), nil
		})
}

// visitorRecord returns a Record without an id. Its name tells visitors from messages.
func visitorRecord(i enumerator.Item[tables.Change[string]]) comet.Record {
	switch {
	case i.IsMessage():
		return comet.Record{Event: "visitor", Data: i.Value}
	case i.Reset:
		return comet.Record{Event: "visitors-reset"} // the page forgets all visitors
	}
	return comet.Record{Event: "visitors-ready"}
}

// end snippet

// Two nodes share a store. Each client gets the messages and the visitors of both, and resumes at the other node.
func TestMeeting(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	store := topics.Memory(100)
	node := func() string {
		mux := http.NewServeMux()
		mux.Handle("/{topic}", serveMeeting(topics.New[Line](store), presence.New[string](store)))
		server := httptest.NewServer(mux)
		t.Cleanup(server.Close)
		return server.URL
	}
	one, two := node(), node()
	join := func(url, user, after string) *coder.Conn {
		conn, _, err := coder.Dial(ctx, url+"/lobby?user="+user+"&name="+user+"&lastEventId="+after, nil)
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.CloseNow() })
		return conn
	}
	last := "" // the id of the last message that await has read
	await := func(conn *coder.Conn, want string) {
		t.Helper()
		for {
			_, text, err := conn.Read(ctx)
			require.NoError(t, err, "before %s", want)
			var record comet.Record
			require.NoError(t, json.Unmarshal(text, &record))
			require.NotContains(t, []string{comet.Reset, comet.Gap}, record.Event)
			last = cmp.Or(record.ID, last)
			if strings.Contains(string(text), want) {
				return
			}
		}
	}
	say := func(conn *coder.Conn, text string) {
		require.NoError(t, conn.Write(ctx, coder.MessageText, []byte(`"`+text+`"`)))
	}
	kiki := join(one, "kiki", "")
	await(kiki, `{"key":"kiki","value":"kiki"}`)
	foo := join(two, "foo", "")
	await(kiki, `{"key":"foo","value":"foo"}`)
	say(foo, "hello")
	await(kiki, `{"from":"foo","text":"hello"}`)
	after := last
	require.NoError(t, foo.Close(coder.StatusNormalClosure, ""))
	await(kiki, `{"key":"foo","value":"","deleted":true}`)
	say(kiki, "bye")
	await(join(two, "foo", after), `{"from":"kiki","text":"bye"}`)
}

func TestPrices(t *testing.T) {
	store := topics.Memory(100)
	prices := tables.New[Price](store)
	require.NoError(t, quote(t.Context(), prices.Table("a"), "EUR", func(p Price) Price { p.Bid++; return p }))
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPut, "/prices/a?key=EUR", strings.NewReader(`{"bid":2,"ask":3}`))
	r.Header.Set("Content-Type", "application/json")
	servePrices(prices).ServeHTTP(w, r)
	require.Equal(t, http.StatusNoContent, w.Code)
	require.NoError(t, quote(t.Context(), prices.Table("a"), "EUR", func(p Price) Price { p.Bid++; return p }))
	price, _, ok, err := prices.Table("a").Get(t.Context(), "EUR")
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, Price{3, 3}, price)

	server := httptest.NewServer(serveVisitors(presence.New[string](store)))
	defer server.Close()
	res, err := http.Get(server.URL + "/?user=1&name=kiki")
	require.NoError(t, err)
	defer res.Body.Close()
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if lines.Text() == `data: {"key":"1","value":"kiki"}` {
			return
		}
	}
	t.Error("the visitor does not see itself")
}

// snippet: ready

// ready answers the load balancer. Only a node that most other nodes can hear can publish. The topic is not a room:
// mayEnter refuses it.
func ready(rooms *topics.Topics[Line]) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
		defer cancel()
		if _, err := rooms.Publish(ctx, "ready", "", Line{}); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	}
}

// end snippet

func TestReady(t *testing.T) {
	rooms := memoryRooms()
	answer := func() int {
		w := httptest.NewRecorder()
		ready(rooms)(w, httptest.NewRequest(http.MethodGet, "/ready", nil))
		return w.Code
	}
	assert.Equal(t, http.StatusOK, answer())
	rooms.Close()
	assert.Equal(t, http.StatusServiceUnavailable, answer())
}

func TestChatOnTopics(t *testing.T) {
	rooms := memoryRooms()
	t.Cleanup(rooms.Close)
	server := httptest.NewServer(serveRooms(rooms))
	t.Cleanup(server.Close)
	post := func(key, text string) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/rooms/red", strings.NewReader(`{"from":"kiki","text":"`+text+`"}`))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", key)
		response, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response.StatusCode
	}
	read := func(url, after string, n int) (texts []string, last string) {
		for i, err := range enumerator.All(t.Context(), follow.Items[Line](follow.Get(url+"/rooms/red"), follow.After(after))) {
			require.NoError(t, err)
			switch {
			case i.Reset:
				texts = append(texts, "reset")
			case i.IsMessage():
				texts = append(texts, i.Value.Text)
			}
			last = i.ID()
			if len(texts) == n {
				break
			}
		}
		return texts, last
	}

	for _, user := range []string{"kiki", "kiki"} { // the second time after a failure
		require.NoError(t, welcome(t.Context(), rooms, "red", user, "7"))
	}
	assert.Equal(t, http.StatusNoContent, post("1", "hello"))
	assert.Equal(t, http.StatusNoContent, post("1", "hello"))
	assert.Equal(t, http.StatusNoContent, post("2", "anybody?"))

	texts, place := read(server.URL, "", 2)
	assert.Equal(t, []string{"kiki has come", "hello"}, texts)
	texts, _ = read(server.URL, place, 1)
	assert.Equal(t, []string{"anybody?"}, texts)

	// A reader that moves to another store gets a Reset, and then the entries that the new store keeps.
	moved := memoryRooms()
	t.Cleanup(moved.Close)
	_, err := moved.Publish(t.Context(), "red", "", Line{Text: "moved"})
	require.NoError(t, err)
	other := httptest.NewServer(serveRooms(moved))
	t.Cleanup(other.Close)
	texts, _ = read(other.URL, place, 2)
	assert.Equal(t, []string{"reset", "moved"}, texts)
}

// snippet: total

// A Total is the sum of all readings up to the reading at After.
type Total struct {
	Sum   float64
	After enumerator.Position
}

// addUp adds the readings after the last Total to it, until ctx ends.
func addUp(ctx context.Context, all *topics.Topics[Reading], totals *topics.Topics[Total]) error {
	stored := enumerator.Values(totals.Topic("total").Read(topics.Place{Last: 1}), nil) // runs out, unlike Last(1)
	total, err := enumerator.Run(ctx, stored, iteratee.Fold(Total{}, func(_, last Total) Total { return last }))
	if err != nil {
		return err
	}
	source := all.Topic("readings").Beginning()
	if total.After != (enumerator.Position{}) {
		source = all.Topic("readings").From(total.After)
	}
	_, err = enumerator.Run(ctx, source, iteratee.ForEach(func(ctx context.Context, i enumerator.Item[Reading]) error {
		if !i.IsMessage() {
			return i.Lost() // nil, unless readings were lost
		}
		total = Total{total.Sum + i.Value.Value, i.Position}
		_, err := totals.Publish(ctx, "total", "", total)
		return err
	}))
	return err
}

// end snippet

func TestAddUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := topics.Memory(100)
		all, totals := topics.New[Reading](store), topics.New[Total](store)
		for _, want := range []float64{3, 6} {
			for _, value := range []float64{1, 2} {
				require.NoError(t, report(t.Context(), all, Reading{Value: value}))
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			require.ErrorIs(t, addUp(ctx, all, totals), context.DeadlineExceeded)
			cancel()
			last, err := enumerator.Run(t.Context(), enumerator.Values(totals.Topic("total").Read(topics.Place{Last: 1}), nil), iteratee.Last[Total]())
			require.NoError(t, err)
			assert.Equal(t, want, last.Sum)
		}
	})
}

// snippet: durable

// serveLog serves topics to clients of Durable Streams, in any language. All nodes have the store open, so a client may read
// and append at each of them.
func serveLog(store topics.Store) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/streams/{topic}", durable.Handler(store, func(r *http.Request) (string, error) {
		return r.PathValue("topic"), nil // an error would refuse the request
	}))
	return mux
}

// end snippet

// snippet: durable-program

// report publishes a reading for the clients of Durable Streams, and readings returns the readings that these clients append.
func report(ctx context.Context, all *topics.Topics[Reading], r Reading) error {
	_, err := all.Publish(ctx, "readings", "", r)
	return err
}

func readings(all *topics.Topics[Reading]) enumerator.Enumerator[Reading] {
	return enumerator.Values(all.Topic("readings").Beginning(), nil)
}

// end snippet

type Reading struct {
	Sensor string  `json:"sensor"`
	Value  float64 `json:"value"`
}

func TestServeLog(t *testing.T) {
	store := topics.Memory(100)
	all := topics.New[Reading](store)
	defer all.Close()
	h := serveLog(store)
	do := func(method, body, closed string) string {
		r := httptest.NewRequest(method, "/streams/readings", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Stream-Closed", closed)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.Less(t, w.Code, 300)
		return w.Body.String()
	}
	do("PUT", "", "")
	do("POST", `[{"sensor":"a","value":1},{"sensor":"b","value":2}]`, "")
	require.NoError(t, report(t.Context(), all, Reading{"c", 3}))
	do("POST", `{"sensor":"d","value":4}`, "true")
	assert.JSONEq(t, `[{"sensor":"a","value":1},{"sensor":"b","value":2},{"sensor":"c","value":3},{"sensor":"d","value":4}]`, do("GET", "", ""))
	got, err := enumerator.Run(t.Context(), readings(all), iteratee.Collect[Reading]())
	require.NoError(t, err)
	assert.Equal(t, []Reading{{"a", 1}, {"b", 2}, {"c", 3}, {"d", 4}}, got)
}
