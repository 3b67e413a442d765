//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/enumerator/topics/jetstream"
	"github.com/halley-go/halley/enumerator/topics/jetstream/embedded"
	"github.com/halley-go/halley/iteratee"
)

// A message is an element of a topic.
type message struct {
	Number int    `json:"number"`
	Name   string `json:"name"`
	Text   string `json:"text"`
}

func newMessage(number int) message {
	return message{Number: number, Name: "kiki", Text: strings.Repeat("x", 100)}
}

const topic = "a topic"

// burst is the number of messages in a burst.
const burst = 8

// timeout is the time for the readers to get a message.
var timeout = 10 * time.Second

// A fan delivers messages to readers.
type fan struct {
	publish func(message) error
	close   func()
}

// A fanner makes a fan with readers that each call a function with each message. The readers are attached when it returns.
type fanner struct {
	name string
	open func(dir string, readers []*reader) (fan, error)
}

// The ratios are relative to the first.
var fanners = []fanner{
	{"Broadcast", fanBroadcast},
	{"topics, memory", fanMemory},
	{"topics, NATS in another process", fanStream(startElsewhere)},
	{"topics, embedded NATS", fanStream(startSync)},
	{"topics, embedded NATS, SyncLater", fanStream(startSyncLater)},
	{"core NATS, decoding for each reader", fanCore},
}

func fanBroadcast(_ string, readers []*reader) (fan, error) {
	hub := enumerator.Broadcast[message]()
	stop := run(readers, hub.Live())
	return fan{func(m message) error { return hub.Push(context.Background(), m) }, stop}, nil
}

func fanMemory(_ string, readers []*reader) (fan, error) {
	return fanTopics(topics.Memory(1000), readers), nil
}

// fanStream makes fans whose topics are in a stream of the server that start has started.
func fanStream(start func(dir string) (*nats.Conn, func(), error)) func(string, []*reader) (fan, error) {
	return func(dir string, readers []*reader) (fan, error) {
		nc, stop, err := start(dir)
		if err != nil {
			return fan{}, err
		}
		store, err := jetstream.Open(context.Background(), nc, "topics")
		if err != nil {
			stop()
			return fan{}, err
		}
		f := fanTopics(store, readers)
		return fan{f.publish, func() { f.close(); stop() }}, nil
	}
}

func startSync(dir string) (*nats.Conn, func(), error) { return embedded.Start(dir) }

func startSyncLater(dir string) (*nats.Conn, func(), error) {
	return embedded.Start(dir, embedded.SyncLater())
}

func fanTopics(store topics.Store, readers []*reader) fan {
	t := topics.New[message](store)
	stop := run(readers, t.Last(topic, 0))
	return fan{func(m message) error {
		_, err := t.Publish(context.Background(), topic, "", m)
		return err
	}, func() { stop(); t.Close() }}
}

// run starts a run of live for each reader, and returns when all have begun. stop ends the runs.
func run(readers []*reader, live enumerator.Enumerator[enumerator.Item[message]]) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var begun, ended sync.WaitGroup
	for _, r := range readers {
		begun.Add(1)
		ended.Go(func() {
			_, err := enumerator.Run(ctx, live, iteratee.ForEach(func(_ context.Context, item enumerator.Item[message]) error {
				switch {
				case item.IsMessage():
					r.take(item.Value)
				case item.Bookmark && !r.begun:
					r.begun = true
					begun.Done()
				}
				return item.Lost()
			}))
			if ctx.Err() == nil {
				log.Fatalf("a run has ended: %v", err)
			}
		})
	}
	begun.Wait()
	return func() { cancel(); ended.Wait() }
}

// Each reader has a subscription of its own.
func fanCore(dir string, readers []*reader) (fan, error) {
	nc, stop, err := embedded.Start(dir)
	if err != nil {
		return fan{}, err
	}
	for _, r := range readers {
		sub, err := nc.Subscribe("topic", func(msg *nats.Msg) {
			var m message
			if err := json.Unmarshal(msg.Data, &m); err != nil {
				log.Fatal(err)
			}
			r.take(m)
		})
		if err == nil {
			err = sub.SetPendingLimits(-1, -1)
		}
		if err != nil {
			stop()
			return fan{}, err
		}
	}
	return fan{func(m message) error {
		data, err := json.Marshal(m)
		if err != nil {
			return err
		}
		return nc.Publish("topic", data)
	}, stop}, nc.Flush()
}

// A reader counts its messages, and signals when it has got the messages that it awaits.
type reader struct {
	begun  bool
	got    int
	sum    int // the sum of the numbers
	awaits int
	others *others
}

// others are the readers that have not got the messages that they await.
type others struct {
	left atomic.Int64
	none chan struct{}
}

func (r *reader) take(m message) {
	r.got++
	r.sum += m.Number
	if r.got == r.awaits && r.others.left.Add(-1) == 0 {
		r.others.none <- struct{}{}
	}
}

// deliver measures the processor time for each delivery.
func deliver(s scale) ([][]string, error) {
	one, bursts := map[string][]float64{}, map[string][]float64{}
	for round := range s.rounds {
		for _, f := range fanners {
			dir := fmt.Sprintf("%s/%s %d", s.dir, f.name, round)
			a, b, err := deliverOnce(f, s, dir)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", f.name, err)
			}
			one[f.name], bursts[f.name] = append(one[f.name], a), append(bursts[f.name], b)
			log.Printf("deliver: %s: %.0f ns, in bursts %.0f ns", f.name, a, b)
			if err := os.RemoveAll(dir); err != nil {
				return nil, err
			}
		}
	}
	rows := [][]string{{fmt.Sprintf("processor time per delivery to %d readers", s.readers), "one by one, ns", "ratio", "in bursts of 8, ns", "ratio"}}
	for _, f := range fanners {
		rows = append(rows, []string{f.name,
			fmt.Sprintf("%.0f", median(one[f.name])), fmt.Sprintf("%.2f", median(ratios(one[f.name], one[fanners[0].name]))),
			fmt.Sprintf("%.0f", median(bursts[f.name])), fmt.Sprintf("%.2f", median(ratios(bursts[f.name], bursts[fanners[0].name])))})
	}
	return rows, nil
}

func deliverOnce(f fanner, s scale, dir string) (one, bursts float64, err error) {
	left := &others{none: make(chan struct{}, 1)}
	var readers []*reader
	for range s.readers {
		readers = append(readers, &reader{others: left})
	}
	fan, err := f.open(dir, readers)
	if err != nil {
		return 0, 0, err
	}
	defer fan.close()

	// send publishes messages at once, and waits until all readers have got them.
	sent, sum := 0, 0
	send := func(n int) error {
		left.left.Store(int64(len(readers)))
		for _, r := range readers {
			r.awaits = sent + n
		}
		errs := make(chan error, n)
		for range n {
			sent++
			sum += sent
			if m := newMessage(sent); n == 1 {
				errs <- fan.publish(m)
			} else {
				go func() { errs <- fan.publish(m) }()
			}
		}
		for range n {
			if err := <-errs; err != nil {
				return err
			}
		}
		select {
		case <-left.none:
			return nil
		case <-time.After(timeout):
			return fmt.Errorf("%d readers have not got message %d", left.left.Load(), sent)
		}
	}
	cost := func(times, n int) (float64, error) {
		runtime.GC()
		before := processorTime()
		for range times {
			if err := send(n); err != nil {
				return 0, err
			}
		}
		return float64(processorTime()-before) / float64(times*n*len(readers)), nil
	}
	for range 20 { // to warm up
		if err := send(1); err != nil {
			return 0, 0, err
		}
	}
	if one, err = cost(s.messages, 1); err != nil {
		return 0, 0, err
	}
	if bursts, err = cost(max(1, s.messages/burst), burst); err != nil {
		return 0, 0, err
	}
	for _, r := range readers {
		if r.got != sent || r.sum != sum {
			return 0, 0, fmt.Errorf("a reader has got %d messages, whose numbers have the sum %d, and not %d with the sum %d", r.got, r.sum, sent, sum)
		}
	}
	return one, bursts, nil
}

func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		log.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
