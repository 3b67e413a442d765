//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"time"

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

// A contender makes a handler, and a function that sends a message to all its streams.
type contender struct {
	name string
	make func() (http.Handler, func(data string))
	gzip bool // clients ask for it
}

// The ratios are relative to the first: a loop that does the same as Halley, except that
// Halley has room for 256 messages. The other two loops do less.
var contenders = []contender{
	{name: "loop", make: loopOf(10*time.Second, 15*time.Second, 64)},
	{name: "loop without heartbeats, room for 16", make: loopOf(10*time.Second, 0, 16)},
	{name: "and without deadlines", make: loopOf(0, 0, 16)},
	{name: "Halley", make: newHalley},
	{name: "Halley with Fanout", make: newFanout},
	{name: "Halley with Fanout and gzip", make: newFanout, gzip: true},
	{name: "floor of Fanout", make: newFloor},
	{name: "client.Handler over a topic", make: newClient},
	{name: "durable.Handler over a topic", make: newDurable},
	{name: "go-sse", make: newGoSSE},
	{name: "r3labs/sse", make: newR3labs},
}

func newHalley() (http.Handler, func(string)) {
	hub := enumerator.Broadcast[[]byte]()
	live := enumerator.Values(hub.Live(), nil)
	handler := httpadapter.Handler(func(*http.Request) (enumerator.Enumerator[[]byte], error) { return live, nil },
		httpadapter.EventStream())
	return handler, func(data string) {
		event := enumerator.Through(enumerator.Of(data), eventsource.String())
		_, err := enumerator.Run(context.Background(), event, iteratee.ForEach(hub.Push))
		must(err)
	}
}

func newFanout() (http.Handler, func(string)) {
	hub := enumerator.Broadcast[string]()
	encode := eventsource.Messages(func(i enumerator.Item[string]) (eventsource.Event, error) {
		return eventsource.Event{Data: i.Value, NoData: !i.IsMessage()}, nil
	})
	live := func(*http.Request) (enumerator.Position, int, error) { return enumerator.Position{}, 0, nil }
	return httpadapter.Fanout(hub, encode, live, httpadapter.EventStream(), compress.Option()),
		func(data string) { must(hub.Push(context.Background(), data)) }
}

func newClient() (http.Handler, func(string)) {
	all := topics.New[string](topics.Memory(1000))
	handler := halley.Handler(func(_ *http.Request, after enumerator.Position) (enumerator.Enumerator[enumerator.Item[string]], error) {
		return all.From("a", after), nil
	})
	return handler, func(data string) { publish(all, data) }
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

// floor writes to the descriptors of hijacked connections in a loop, and does nothing else. It shows the cost of the
// kernel. It writes the messages that come during a round together in the next.
type floor struct {
	mu      sync.Mutex
	fds     []int
	pending []byte
	bell    chan struct{}
}

func newFloor() (http.Handler, func(string)) {
	f := &floor{bell: make(chan struct{}, 1)}
	go f.run()
	return f, f.send
}

func (f *floor) send(data string) {
	event := fmt.Sprintf("data: %s\n\n", data)
	f.mu.Lock()
	f.pending = fmt.Appendf(f.pending, "%x\r\n%s\r\n", len(event), event)
	f.mu.Unlock()
	select {
	case f.bell <- struct{}{}:
	default:
	}
}

func (f *floor) run() {
	for range f.bell {
		f.mu.Lock()
		pending, fds := f.pending, f.fds
		f.pending = nil
		f.mu.Unlock()
		for _, fd := range fds {
			_, _ = syscall.Write(fd, pending) // the client tells whether something is missing
		}
	}
}

func (f *floor) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	must(err)
	file, err := conn.(*net.TCPConn).File()
	must(err)
	fd, err := syscall.Dup(int(file.Fd()))
	must(err)
	must(syscall.SetNonblock(fd, true))
	must(file.Close())
	must(conn.Close())
	_, err = syscall.Write(fd, []byte("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"))
	must(err)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fds = append(slices.Clip(f.fds), fd)
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
