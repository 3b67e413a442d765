//go:build linux

package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/centrifugal/centrifuge"
	r3labs "github.com/r3labs/sse/v2"
	gosse "github.com/tmaxmax/go-sse"

	halley "github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/comet/eventsource"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/compress"
	"github.com/halley-go/halley/httpadapter/durable"
	"github.com/halley-go/halley/iteratee"
)

// A contender is a server that is measured.
type contender struct {
	name  string
	start func() (service, error) // called in the child process
	gzip  bool                    // clients ask for it
	joins bool                    // with gzip, a burst can be one chunk, so the messages of a burst cannot be counted
	check func() error            // returns an error if the contender cannot run here; nil if it always can
}

// writeTimeout is the time for which a client may have no room. The default of Halley is too short for clients that
// freeze.
const writeTimeout = 30 * time.Second

// The first loop does the same as Halley, except that Halley has room for 256 messages. The other two loops do less.
var contenders = []contender{
	{name: "floor", start: bursts(newFloor(writeEach))},
	{name: "floor with io_uring", start: bursts(newFloor(writeRing())), check: checkRing},
	{name: "loop", start: handler(loopOf(writeTimeout, 15*time.Second, 64))},
	{name: "loop without heartbeats, room for 16", start: handler(loopOf(writeTimeout, 0, 16))},
	{name: "and without deadlines", start: handler(loopOf(0, 0, 16))},
	{name: "Halley", start: handler(newHalley)},
	{name: "Halley with Fanout", start: handler(newFanout())},
	{name: "Halley with Fanout and OnEnd", start: handler(newFanout(httpadapter.OnEnd(func(*http.Request, httpadapter.Outcome) {})))},
	{name: "Halley with Fanout and gzip", start: handler(newFanout(compress.Option())), gzip: true},
	{name: "client.Handler over a topic", start: handler(newClient())},
	{name: "client.Handler over a topic and gzip", start: handler(newClient(compress.Option())), gzip: true, joins: true},
	{name: "durable.Handler over a topic", start: handler(newDurable)},
	{name: "nginx with nchan", start: startNchan, check: checkNchan},
	{name: "go-sse", start: handler(newGoSSE)},
	{name: "r3labs/sse", start: handler(newR3labs)},
	{name: "Centrifuge", start: handler(newCentrifuge)},
}

func newHalley() (http.Handler, func(string)) {
	hub := enumerator.Broadcast[[]byte]()
	live := enumerator.Values(hub.Live(), nil)
	handler := httpadapter.Handler(func(*http.Request) (enumerator.Enumerator[[]byte], error) { return live, nil },
		httpadapter.EventStream(), httpadapter.WriteTimeout(writeTimeout))
	return handler, func(data string) {
		event := enumerator.Through(enumerator.Of(data), eventsource.String())
		_, err := enumerator.Run(context.Background(), event, iteratee.ForEach(hub.Push))
		must(err)
	}
}

func newFanout(opts ...httpadapter.Option) func() (http.Handler, func(string)) {
	return func() (http.Handler, func(string)) {
		hub := enumerator.Broadcast[string]()
		encode := eventsource.Messages(func(i enumerator.Item[string]) (eventsource.Event, error) {
			return eventsource.Event{Data: i.Value, NoData: !i.IsMessage()}, nil
		})
		live := func(*http.Request) (enumerator.Position, int, error) { return enumerator.Position{}, 0, nil }
		return httpadapter.Fanout(hub, encode, live, append(opts, httpadapter.EventStream(), httpadapter.WriteTimeout(writeTimeout))...),
			func(data string) { must(hub.Push(context.Background(), data)) }
	}
}

func newClient(opts ...httpadapter.Option) func() (http.Handler, func(string)) {
	return func() (http.Handler, func(string)) {
		all := topics.New[string](topics.Memory(1000))
		handler := halley.Handler(func(_ *http.Request, after enumerator.Position) (enumerator.Enumerator[enumerator.Item[string]], error) {
			return all.From("a", after), nil
		}, opts...)
		return handler, func(data string) { publish(all, data) }
	}
}

func newDurable() (http.Handler, func(string)) {
	store := topics.Memory(1000)
	all := topics.New[string](store)
	publish(all, "the stream exists")
	streams := durable.Handler(store, func(*http.Request) (string, error) { return "a", nil })
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.RawQuery = "offset=now&live=sse"
		streams.ServeHTTP(w, r)
	})
	return handler, func(data string) { publish(all, data) }
}

func publish(all *topics.Topics[string], data string) {
	_, err := all.Publish(context.Background(), "a", "", data)
	must(err)
}

// loop is written by hand: it has a channel per stream, and sends a message to those that have
// room.
type loop struct {
	timeout   time.Duration // of a write, 0 for none
	heartbeat time.Duration // 0 for none
	room      int
	mu        sync.Mutex
	streams   map[chan []byte]struct{}
}

func loopOf(timeout, heartbeat time.Duration, room int) func() (http.Handler, func(string)) {
	return func() (http.Handler, func(string)) {
		l := &loop{timeout: timeout, heartbeat: heartbeat, room: room, streams: map[chan []byte]struct{}{}}
		return l, l.send
	}
}

func (l *loop) send(data string) {
	event := fmt.Appendf(nil, "data: %s\n\n", data)
	l.mu.Lock()
	defer l.mu.Unlock()
	for events := range l.streams {
		select {
		case events <- event:
		default: // the client is too slow
		}
	}
}

func (l *loop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	events := make(chan []byte, l.room)
	l.mu.Lock()
	l.streams[events] = struct{}{}
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		delete(l.streams, events)
		l.mu.Unlock()
	}()

	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	rc := http.NewResponseController(w)
	if err := rc.Flush(); err != nil {
		return
	}
	var beats <-chan time.Time
	if l.heartbeat > 0 {
		ticker := time.NewTicker(l.heartbeat)
		defer ticker.Stop()
		beats = ticker.C
	}
	for {
		var event []byte
		select {
		case <-r.Context().Done():
			return
		case event = <-events:
		case <-beats:
			event = heartbeat
		}
		if l.timeout > 0 {
			if err := rc.SetWriteDeadline(time.Now().Add(l.timeout)); err != nil {
				return
			}
		}
		if _, err := w.Write(event); err != nil {
			return
		}
		if err := rc.Flush(); err != nil {
			return
		}
	}
}

var heartbeat = []byte(":\n")

func newGoSSE() (http.Handler, func(string)) {
	s := &gosse.Server{}
	return s, func(data string) {
		m := &gosse.Message{}
		m.AppendData(data)
		must(s.Publish(m))
	}
}

func newR3labs() (http.Handler, func(string)) {
	const stream = "messages"
	s := r3labs.New()
	s.CreateStream(stream)
	return s, func(data string) { s.Publish(stream, &r3labs.Event{Data: []byte(data)}) }
}

// newCentrifuge makes a server that subscribes each client to the same channel. It sends no pings, because only the
// client library of Centrifuge would answer them.
func newCentrifuge() (http.Handler, func(string)) {
	const channel = "messages"
	node, err := centrifuge.New(centrifuge.Config{})
	must(err)
	node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return centrifuge.ConnectReply{
			Credentials:   &centrifuge.Credentials{},
			Subscriptions: map[string]centrifuge.SubscribeOptions{channel: {}},
		}, nil
	})
	must(node.Run())
	streams := centrifuge.NewSSEHandler(node, centrifuge.SSEConfig{PingPongConfig: centrifuge.PingPongConfig{PingInterval: -1, PongTimeout: -1}})
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.RawQuery = "cf_connect=" + url.QueryEscape(`{"id":1,"connect":{}}`)
		streams.ServeHTTP(w, r)
	})
	return handler, func(data string) {
		_, err := node.Publish(channel, strconv.AppendQuote(nil, data))
		must(err)
	}
}
