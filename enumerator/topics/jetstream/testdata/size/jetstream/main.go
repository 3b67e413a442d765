// Jetstream serves topics that servers of NATS keep.
package main

import (
	"context"
	"log"
	"net/http"

	"github.com/nats-io/nats.go"

	"github.com/halley-go/halley/comet/topic"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/enumerator/topics/jetstream"
)

func main() {
	nc, err := nats.Connect(nats.DefaultURL)
	if err != nil {
		log.Fatal(err)
	}
	store, err := jetstream.Open(context.Background(), nc, "topics")
	if err != nil {
		log.Fatal(err)
	}
	all := topics.New[string](store)
	anybody := func(*http.Request, topic.Access) error { return nil }
	log.Fatal(http.ListenAndServe("127.0.0.1:9000", topic.Handler(all, anybody)))
}
