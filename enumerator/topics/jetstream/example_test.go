//go:build !fuzz

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

// startServer starts a server for an example. A program uses nats.Connect, or embedded.Start with a directory of its own.
func startServer() (*nats.Conn, func()) {
	dir, err := os.MkdirTemp("", "halley")
	if err != nil {
		log.Fatal(err)
	}
	nc, stop, err := embedded.Start(dir)
	if err != nil {
		log.Fatal(err)
	}
	return nc, func() { stop(); os.RemoveAll(dir) }
}

// printAll prints the messages of a topic.
func printAll(topic topics.Topic[string]) {
	for item, err := range enumerator.All(context.Background(), topic.Read(topics.Place{})) {
		if err != nil {
			log.Fatal(err)
		}
		if !item.Bookmark {
			fmt.Println(item.Value)
		}
	}
}

func ExampleOpen() {
	nc, stop := startServer()
	defer stop()
	ctx := context.Background()
	store, err := jetstream.Open(ctx, nc, "chat")
	if err != nil {
		log.Fatal(err)
	}
	chat := topics.New[string](store)
	if _, err := chat.Publish(ctx, "lobby", "", "hello"); err != nil {
		log.Fatal(err)
	}

	// Another program, which has connected to the same servers.
	store, err = jetstream.Open(ctx, nc, "chat")
	if err != nil {
		log.Fatal(err)
	}
	printAll(topics.New[string](store).Topic("lobby"))
	// Output: hello
}

func ExampleKeep() {
	nc, stop := startServer()
	defer stop()
	ctx := context.Background()
	store, err := jetstream.Open(ctx, nc, "chat", jetstream.Keep(2))
	if err != nil {
		log.Fatal(err)
	}
	lobby := topics.New[string](store).Topic("lobby")
	for _, text := range []string{"a", "b", "c"} {
		if _, err := lobby.Publish(ctx, "", text); err != nil {
			log.Fatal(err)
		}
	}
	printAll(lobby)
	// Output:
	// b
	// c
}

func ExampleMaxAge() {
	nc, stop := startServer()
	defer stop()
	_, err := jetstream.Open(context.Background(), nc, "chat", jetstream.MaxAge(24*time.Hour))
	fmt.Println(err)
	_, err = jetstream.Open(context.Background(), nc, "chat", jetstream.MaxAge(time.Hour))
	fmt.Println(err)
	// Output:
	// <nil>
	// jetstream: Open: stream "chat": it has other settings: MaxAge is 24h0m0s, not 1h0m0s
}

func ExampleMaxBytes() {
	nc, stop := startServer()
	defer stop()
	_, err := jetstream.Open(context.Background(), nc, "chat", jetstream.MaxBytes(1<<30))
	fmt.Println(err)
	// Output: <nil>
}

func ExampleReplicas() {
	nc, stop := startServer()
	defer stop()
	_, err := jetstream.Open(context.Background(), nc, "chat", jetstream.Replicas(3))
	fmt.Println(err)
	// Output: jetstream: Open: stream "chat": nats: API error: code=500 err_code=10074 description=replicas > 1 not supported in non-clustered mode
}
