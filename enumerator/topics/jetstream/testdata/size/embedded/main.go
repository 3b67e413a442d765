// Embedded serves topics that a server in this process keeps.
package main

import (
	"context"
	"log"
	"net/http"

	"github.com/halley-go/halley/comet/topic"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/enumerator/topics/jetstream"
	"github.com/halley-go/halley/enumerator/topics/jetstream/embedded"
)

func main() {
	nc, _, err := embedded.Start("data")
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
