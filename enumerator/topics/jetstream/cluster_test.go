//go:build !fuzz

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

func TestTheStoreOfAClusterKeepsTheLaws(t *testing.T) {
	conns := startCluster(t)
	keepsTheLaws(t, conns[0], conns[1], jetstream.Replicas(3))
}

// Two of three nodes elect a leader. The leader refuses a stream with three replicas until the third node is there.
func TestOpenWaitsForTheLastNode(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	addresses := freeAddresses(t, 3)
	start := func(i int) *nats.Conn {
		nc, stop, err := embedded.Start(t.TempDir(), embedded.Cluster(fmt.Sprint("node", i), addresses[i], slices.Delete(slices.Clone(addresses), i, i+1)...))
		require.NoError(t, err)
		t.Cleanup(stop)
		return nc
	}
	conns := []*nats.Conn{start(0), start(1)}
	js, err := conns[0].JetStream()
	require.NoError(t, err)
	require.Eventually(t, func() bool { _, err := js.AccountInfo(); return err == nil }, 20*time.Second, 10*time.Millisecond, "no leader")

	opened := make(chan error)
	go func() {
		_, err := jetstream.Open(ctx, conns[1], "test", jetstream.Replicas(3))
		opened <- err
	}()
	_, err = js.AddStream(&nats.StreamConfig{Name: "another", Replicas: 3})
	assert.ErrorContains(t, err, "no suitable peers")
	start(2)
	assert.NoError(t, <-opened)
}
