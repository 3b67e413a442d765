package jetstream_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/enumerator/topics/jetstream"
	"github.com/halley-go/halley/enumerator/topics/jetstream/embedded"
)

// This file holds the code of docs/scale.md that needs a server of NATS.

// A Line is a message of a chat room.
type Line struct{ From, Text string }

func openOne(ctx context.Context, dir string) (rooms *topics.Topics[Line], stop func(), err error) {
	// snippet: one
	nc, stop, err := embedded.Start(dir)
	if err != nil {
		return nil, nil, err
	}
	store, err := jetstream.Open(ctx, nc, "chat", jetstream.Keep(100))
	// end snippet
	if err != nil {
		stop()
		return nil, nil, err
	}
	return topics.New[Line](store), stop, nil
}

func openThree(ctx context.Context, dir string) (topics.Store, func(), error) {
	// snippet: node
	nc, stop, err := embedded.Start(dir, embedded.Cluster("node1", "10.0.0.1:6222", "10.0.0.2:6222", "10.0.0.3:6222"))
	if err != nil {
		return nil, nil, err
	}
	store, err := jetstream.Open(ctx, nc, "chat", jetstream.Keep(100), jetstream.Replicas(3))
	// end snippet
	if err != nil {
		stop()
		return nil, nil, err
	}
	return store, stop, nil
}

func connect() (*nats.Conn, error) {
	// snippet: servers
	nc, err := nats.Connect("nats://10.0.0.1,nats://10.0.0.2,nats://10.0.0.3", nats.MaxReconnects(-1))
	// end snippet
	return nc, err
}

// The functions are used by the page only: they need three machines.
var _, _ = openThree, connect

func Example_restart() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	rooms, stop, err := openOne(ctx, dir)
	if err != nil {
		log.Fatal(err)
	}
	place, _ := rooms.Publish(ctx, "red", "", Line{"kiki", "I restart the program."})
	_, _ = rooms.Publish(ctx, "red", "", Line{"kiki", "Are you there?"})
	stop()

	rooms, stop, err = openOne(ctx, dir)
	if err != nil {
		log.Fatal(err)
	}
	defer stop()
	defer rooms.Close()
	_, _ = rooms.Publish(ctx, "red", "", Line{"bo", "I am here again."})
	missed := enumerator.Values(rooms.Topic("red").Read(topics.Place{After: place}), nil)
	for line, err := range enumerator.All(ctx, missed) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(line.From+":", line.Text)
	}
	// Output:
	// kiki: Are you there?
	// bo: I am here again.
}
