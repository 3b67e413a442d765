// Memory serves topics that this process keeps in memory.
package main

import (
	"log"
	"net/http"

	"github.com/halley-go/halley/comet/topic"
	"github.com/halley-go/halley/enumerator/topics"
)

func main() {
	all := topics.New[string](topics.Memory(100))
	anybody := func(*http.Request, topic.Access) error { return nil }
	log.Fatal(http.ListenAndServe("127.0.0.1:9000", topic.Handler(all, anybody)))
}
