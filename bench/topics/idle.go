//go:build unix

package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/enumerator/topics/jetstream"
	"github.com/halley-go/halley/enumerator/topics/jetstream/embedded"
	"github.com/halley-go/halley/iteratee"
)

// A source opens topics by number. Each call of live gives a run of one of them.
type source struct {
	name string
	open func(dir string) (live func(n int) enumerator.Enumerator[enumerator.Item[message]], stop func(), err error)
}

type runOf = func(n int) enumerator.Enumerator[enumerator.Item[message]]

// The first source measures the memory of the runs. It is subtracted from the memory of the others.
var sources = []source{
	{"one hub", func(string) (runOf, func(), error) {
		hub := enumerator.Broadcast[message]()
		return func(int) enumerator.Enumerator[enumerator.Item[message]] { return hub.Live() }, func() {}, nil
	}},
	{"a hub each", func(string) (runOf, func(), error) {
		return func(int) enumerator.Enumerator[enumerator.Item[message]] {
			return enumerator.Broadcast[message]().Live()
		}, func() {}, nil
	}},
	{"topics, memory", func(string) (runOf, func(), error) {
		t := topics.New[message](topics.Memory(100))
		return func(n int) enumerator.Enumerator[enumerator.Item[message]] { return t.Last(nameOf(n), 0) }, t.Close, nil
	}},
	{"topics, embedded NATS", func(dir string) (runOf, func(), error) {
		nc, stop, err := embedded.Start(dir)
		if err != nil {
			return nil, nil, err
		}
		store, err := jetstream.Open(context.Background(), nc, "topics")
		if err != nil {
			stop()
			return nil, nil, err
		}
		t := topics.New[message](store)
		return func(n int) enumerator.Enumerator[enumerator.Item[message]] { return t.Last(nameOf(n), 0) },
			func() { t.Close(); stop() }, nil
	}},
}

func nameOf(n int) string { return fmt.Sprint("room ", n) }

// idleness holds the costs of idle topics with a run each.
type idleness struct {
	heap, stack float64 // bytes of each
	goroutines  float64 // of each
	all         float64 // the seconds until all runs have begun
	processor   float64 // the processor time of the process until then, in seconds
	one         float64 // the microseconds until one more has begun
}

func idle(s scale) ([][]string, error) {
	found := map[string][]idleness{}
	for round := range min(s.rounds, 3) {
		for _, source := range sources {
			dir := fmt.Sprintf("%s/idle %s %d", s.dir, source.name, round)
			i, err := idleOnce(source, s.topics, dir)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", source.name, err)
			}
			found[source.name] = append(found[source.name], i)
			log.Printf("idle: %s: %+v", source.name, i)
			if err := os.RemoveAll(dir); err != nil {
				return nil, err
			}
		}
	}
	columns := []struct {
		name, format string
		value        func(idleness) float64
		above        bool // only the difference from the value of the first source
	}{
		{"heap of each, bytes", "%.0f", func(i idleness) float64 { return i.heap }, false},
		{"above one hub", "%.0f", func(i idleness) float64 { return i.heap }, true},
		{"stack of each, bytes", "%.0f", func(i idleness) float64 { return i.stack }, false},
		{"goroutines of each", "%.2f", func(i idleness) float64 { return i.goroutines }, false},
		{"all attached, s", "%.2f", func(i idleness) float64 { return i.all }, false},
		{"processor time, s", "%.2f", func(i idleness) float64 { return i.processor }, false},
		{"one attached, µs", "%.0f", func(i idleness) float64 { return i.one }, false},
	}
	rows := [][]string{{fmt.Sprintf("%d topics, with a run each", s.topics)}}
	for _, c := range columns {
		rows[0] = append(rows[0], c.name)
	}
	for _, source := range sources {
		row := []string{source.name}
		for _, c := range columns {
			var vs []float64
			for round, i := range found[source.name] {
				v := c.value(i)
				if c.above {
					v -= c.value(found[sources[0].name][round])
				}
				vs = append(vs, v)
			}
			row = append(row, fmt.Sprintf(c.format, median(vs)))
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func idleOnce(source source, n int, dir string) (i idleness, err error) {
	live, stop, err := source.open(dir)
	if err != nil {
		return i, err
	}
	defer stop()
	ctx, cancel := context.WithCancel(context.Background())
	var runs sync.WaitGroup
	defer runs.Wait()
	defer cancel()
	// attach starts a run, and returns when it has begun.
	attach := func(number int) {
		begun := make(chan struct{}, 1)
		runs.Go(func() {
			_, err := enumerator.Run(ctx, live(number), iteratee.ForEach(func(_ context.Context, item enumerator.Item[message]) error {
				if item.Bookmark {
					select {
					case begun <- struct{}{}:
					default: // a run may have two Bookmarks
					}
				}
				return item.Lost()
			}))
			if ctx.Err() == nil {
				log.Fatalf("the run of topic %d has ended: %v", number, err)
			}
		})
		<-begun
	}
	attach(-1)
	heap, stack := memoryInUse()
	goroutines, processor, start := runtime.NumGoroutine(), processorTime(), time.Now()
	var all sync.WaitGroup
	const atOnce = 64
	for first := range atOnce {
		all.Go(func() {
			for number := first; number < n; number += atOnce {
				attach(number)
			}
		})
	}
	all.Wait()
	i.all = time.Since(start).Seconds()
	i.processor = (processorTime() - processor).Seconds()
	heapThen, stackThen := memoryInUse()
	i.heap, i.stack = (heapThen-heap)/float64(n), (stackThen-stack)/float64(n)
	i.goroutines = float64(runtime.NumGoroutine()-goroutines) / float64(n)
	var took []float64
	for number := range 1000 {
		start := time.Now()
		attach(n + number)
		took = append(took, float64(time.Since(start).Nanoseconds())/1e3)
	}
	i.one = median(took)
	return i, nil
}

// memoryInUse returns the bytes of the heap and of the stacks.
func memoryInUse() (heap, stack float64) {
	runtime.GC()
	runtime.GC() // the second one empties sync.Pool
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc), float64(m.StackInuse)
}
