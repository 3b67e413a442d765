//go:build !fuzz

package jetstream_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	api "github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/enumerator/topics/jetstream/embedded"
)

// BenchmarkAppend compares an acknowledged Append to a publish of the client of NATS to a stream with the same settings. It
// reports how many Appends there are for each publish in the same time.
func BenchmarkAppend(b *testing.B) {
	for name, opts := range map[string][]embedded.Option{"synced": nil, "not synced": {embedded.SyncLater()}} {
		for _, parallel := range []int{1, 16} {
			b.Run(fmt.Sprintf("%s/%d at once", name, parallel), func(b *testing.B) {
				nc := start(b, b.TempDir(), opts...)
				s := open(b, nc, "test")
				js, err := api.New(nc)
				require.NoError(b, err)
				open(b, nc, "raw")
				ctx := b.Context()
				data := make([]byte, 100)
				appends := func(i int) error {
					_, err := s.Append(ctx, fmt.Sprint("topic", i%parallel), topics.Record{Data: data})
					return err
				}
				publishes := func(i int) error {
					_, err := js.Publish(ctx, fmt.Sprint("halley.raw.entry.topic", i%parallel), data)
					return err
				}
				publishesOnce := func(i int) error {
					_, err := js.Publish(ctx, fmt.Sprint("halley.raw.entry.topic", i%parallel), data, api.WithMsgID(rand.Text()))
					return err
				}
				var took [3]time.Duration
				for b.Loop() {
					for i, f := range []func(int) error{appends, publishes, publishesOnce} {
						began := time.Now()
						require.NoError(b, inParallel(parallel, 400, f))
						took[i] += time.Since(began)
					}
				}
				b.ReportMetric(float64(took[1])/float64(took[0]), "appends/publish")
				b.ReportMetric(float64(took[2])/float64(took[0]), "appends/publish-with-id")
				b.ReportMetric(float64(b.N*400)/took[0].Seconds(), "appends/s")
			})
		}
	}
}

// inParallel calls f n times, in several goroutines.
func inParallel(goroutines, n int, f func(int) error) error {
	errs := make(chan error)
	for g := range goroutines {
		go func() {
			var err error
			for i := g; i < n && err == nil; i += goroutines {
				err = f(i)
			}
			errs <- err
		}()
	}
	var failure error
	for range goroutines {
		if err := <-errs; err != nil {
			failure = err
		}
	}
	return failure
}

// BenchmarkWatch measures how long it takes to attach to a topic.
func BenchmarkWatch(b *testing.B) {
	nc := start(b, b.TempDir(), embedded.SyncLater())
	s := open(b, nc, "test")
	var stops []func()
	n := 0
	for b.Loop() {
		_, stop, err := s.Watch(context.Background(), fmt.Sprint(n), func(topics.Entry) {}, func(error) {})
		require.NoError(b, err)
		stops = append(stops, stop)
		n++
	}
	for _, stop := range stops {
		stop()
	}
}
