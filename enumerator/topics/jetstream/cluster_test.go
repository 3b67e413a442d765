package jetstream_test

import (
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"
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
