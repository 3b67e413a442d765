package jetstream_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/enumerator/topics/jetstream"
	"github.com/halley-go/halley/enumerator/topics/jetstream/embedded"
)

// freeAddresses returns addresses at which nothing listens.
func freeAddresses(t testing.TB, n int) []string {
	var addresses []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer l.Close()
		addresses = append(addresses, l.Addr().String())
	}
	return addresses
}

// startCluster starts three nodes in this process, and returns their connections.
func startCluster(t testing.TB, opts ...embedded.Option) []*nats.Conn {
	addresses := freeAddresses(t, 3)
	var conns []*nats.Conn
	var stops []func()
	for i, address := range addresses {
		others := slices.Delete(slices.Clone(addresses), i, i+1)
		opts := append([]embedded.Option{embedded.Cluster(fmt.Sprint("node", i), address, others...)}, opts...)
		nc, stop, err := embedded.Start(t.TempDir(), opts...)
		require.NoError(t, err)
		conns, stops = append(conns, nc), append(stops, stop)
	}
	t.Cleanup(func() {
		var wg sync.WaitGroup
		for _, stop := range stops {
			wg.Go(stop)
		}
		wg.Wait()
	})
	return conns
}

func openCluster(t testing.TB, opts ...jetstream.Option) []topics.Store {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var stores []topics.Store
	for _, nc := range startCluster(t, ) {
		s, err := jetstream.Open(ctx, nc, "test", append(opts, jetstream.Replicas(3))...)
		require.NoError(t, err)
		stores = append(stores, s)
	}
	return stores
}

func TestCluster(t *testing.T) {
	began := time.Now()
	stores := openCluster(t)
	t.Log("open after", time.Since(began))
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	got := make(chan topics.Entry, 1000)
	_, stop, err := stores[2].Watch(ctx, "a", func(e topics.Entry) { got <- e }, func(err error) { t.Error(err) })
	require.NoError(t, err)
	defer stop()
	began = time.Now()
	var wg sync.WaitGroup
	for i, s := range stores {
		wg.Go(func() {
			for j := range 100 {
				p, err := s.Append(ctx, "a", topics.Record{Data: fmt.Append(nil, i, j)})
				if !assert.NoError(t, err) {
					return
				}
				es, _, err := s.Read(ctx, "a", topics.Place{Last: 1}, 10)
				if err == nil {
					assert.GreaterOrEqual(t, es[0].Position.Seq, p.Seq)
				} else {
					t.Log(err)
				}
			}
		})
	}
	wg.Wait()
	t.Log("300 in", time.Since(began))
	var last topics.Entry
	for range 300 {
		e := <-got
		assert.Greater(t, e.Position.Seq, last.Position.Seq)
		last = e
	}
}
