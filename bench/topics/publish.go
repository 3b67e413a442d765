//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"

	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/enumerator/topics/jetstream"
	"github.com/halley-go/halley/enumerator/topics/jetstream/embedded"
)

// publishers are the contenders of publish: functions that publish the message with a number.
func publishers(nc *nats.Conn) (contenders []string, publish map[string]func(int) error, err error) {
	ctx := context.Background()
	store, err := jetstream.Open(ctx, nc, "topics")
	if err != nil {
		return nil, nil, err
	}
	t := topics.New[message](store)
	api, err := js.New(nc)
	if err != nil {
		return nil, nil, err
	}
	stream, err := api.Stream(ctx, "topics")
	if err != nil {
		return nil, nil, err
	}
	config := stream.CachedInfo().Config
	config.Name, config.Subjects = "raw", []string{"raw.>"}
	if config.RePublish != nil {
		config.RePublish = &js.RePublish{Source: "raw.>", Destination: "republished.>"}
	}
	if _, err := api.CreateStream(ctx, config); err != nil {
		return nil, nil, err
	}
	raw := func(n int, header nats.Header) error {
		data, err := json.Marshal(newMessage(n))
		if err != nil {
			return err
		}
		_, err = api.PublishMsg(ctx, &nats.Msg{Subject: "raw.topic", Header: header, Data: data})
		return err
	}
	id := func(n int) nats.Header { return nats.Header{nats.MsgIdHdr: {strconv.Itoa(n)}} }
	return []string{"js.Publish", "js.Publish with an id", "js.Publish with an id and a condition", "Topics.Publish"}, map[string]func(int) error{
		"js.Publish":            func(n int) error { return raw(n, nats.Header{}) },
		"js.Publish with an id": func(n int) error { return raw(n, id(n)) },
		"js.Publish with an id and a condition": func(n int) error { // the condition is that another subject has no message, as for the end of a topic
			header := id(n)
			header.Set(js.ExpectedLastSubjSeqHeader, "0")
			header.Set("Nats-Expected-Last-Subject-Sequence-Subject", "raw.end")
			return raw(n, header)
		},
		"Topics.Publish": func(n int) error {
			_, err := t.Publish(ctx, topic, strconv.Itoa(n), newMessage(n))
			return err
		},
	}, nil
}

func publish(s scale) ([][]string, error) {
	rows := [][]string{{"acknowledged publishes", "sync", "publishers", "a second", "ratio"}}
	for _, synced := range []bool{true, false} {
		opts := []embedded.Option{embedded.SyncLater()}
		if synced {
			opts = nil
		}
		dir := fmt.Sprintf("%s/publish %v", s.dir, synced)
		nc, stop, err := embedded.Start(dir, opts...)
		if err != nil {
			return nil, err
		}
		more, err := publishTo(nc, s, synced)
		stop()
		if err != nil {
			return nil, err
		}
		rows = append(rows, more...)
		if err := os.RemoveAll(dir); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

func publishTo(nc *nats.Conn, s scale, synced bool) (rows [][]string, err error) {
	contenders, publish, err := publishers(nc)
	if err != nil {
		return nil, err
	}
	var number atomic.Int64 // so that all ids differ
	for _, n := range []int{1, 64} {
		rates := map[string][]float64{}
		for range s.rounds {
			for _, name := range contenders {
				rate, err := rateOf(publish[name], n, s.publish, &number)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", name, err)
				}
				rates[name] = append(rates[name], rate)
				log.Printf("publish: %s, sync %v, %d publishers: %.0f/s", name, synced, n, rate)
			}
		}
		for _, name := range contenders {
			rows = append(rows, []string{name, fmt.Sprint(synced), strconv.Itoa(n),
				fmt.Sprintf("%.0f", median(rates[name])), fmt.Sprintf("%.2f", median(ratios(rates[name], rates[contenders[0]])))})
		}
	}
	return rows, nil
}

// rateOf returns the number of calls of publish in a second by n goroutines together.
func rateOf(publish func(int) error, n int, d time.Duration, number *atomic.Int64) (float64, error) {
	start := time.Now()
	var count atomic.Int64
	var failed atomic.Pointer[error]
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			for time.Since(start) < d && failed.Load() == nil {
				if err := publish(int(number.Add(1))); err != nil {
					failed.Store(&err)
					return
				}
				count.Add(1)
			}
		})
	}
	all.Wait()
	if err := failed.Load(); err != nil {
		return 0, *err
	}
	return float64(count.Load()) / time.Since(start).Seconds(), nil
}
