//go:build !fuzz

package jetstream_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/enumerator/topics/jetstream"
	"github.com/halley-go/halley/enumerator/topics/jetstream/embedded"
	"github.com/halley-go/halley/enumerator/topics/topicstest"
)

func start(t testing.TB, dir string, opts ...embedded.Option) *nats.Conn {
	nc, stop, err := embedded.Start(dir, opts...)
	require.NoError(t, err)
	t.Cleanup(stop)
	return nc
}

func open(t testing.TB, nc *nats.Conn, stream string, opts ...jetstream.Option) topics.Store {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s, err := jetstream.Open(ctx, nc, stream, opts...)
	require.NoError(t, err)
	return s
}

func keepsTheLaws(t *testing.T, nc, other *nats.Conn, opts ...jetstream.Option) {
	streams := 0
	require.NoError(t, topicstest.Test(func(keep int) (topics.Store, topics.Store) {
		streams++
		stream := fmt.Sprint("stream", streams)
		opts := append(opts, jetstream.Keep(keep))
		return open(t, nc, stream, opts...), open(t, other, stream, opts...)
	}))
}

func TestTheStoreOfOneServerKeepsTheLaws(t *testing.T) {
	nc := start(t, t.TempDir())
	keepsTheLaws(t, nc, nc)
}
