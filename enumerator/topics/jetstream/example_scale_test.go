//go:build !fuzz

package jetstream_test

import (
	"context"

	"github.com/nats-io/nats.go"

	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/enumerator/topics/jetstream"
	"github.com/halley-go/halley/enumerator/topics/jetstream/embedded"
)

// This file holds the code of docs/scale.md that needs three machines. It is compiled, but not run.

var _, _ = openNode, connect

func openNode(ctx context.Context, dir string) (topics.Store, func(), error) {
	// snippet: node
	nc, stop, err := embedded.Start(dir, embedded.Cluster("node1", "10.0.0.1:6222", "10.0.0.2:6222", "10.0.0.3:6222"))
	if err != nil {
		return nil, nil, err
	}
	store, err := jetstream.Open(ctx, nc, "chat", jetstream.Replicas(3))
	// end snippet
	return store, stop, err
}

func connect() (*nats.Conn, error) {
	// snippet: servers
	nc, err := nats.Connect("nats://10.0.0.1,nats://10.0.0.2,nats://10.0.0.3", nats.MaxReconnects(-1))
	// end snippet
	return nc, err
}
