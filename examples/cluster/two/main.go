// The program two is the smallest setup of several processes: docs/scale.md has its commands.
//
// snippet: program
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"

	"github.com/nats-io/nats.go"

	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/comet/topic"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/enumerator/topics/jetstream"
	"github.com/halley-go/halley/enumerator/topics/jetstream/embedded"
)

const page = `<!DOCTYPE html>
<form><input autofocus></form>
<pre></pre>
<script src="/halley.js"></script>
<script>
  const form = document.querySelector("form"), input = form.elements[0]
  halley.connect("/rooms/lobby", text => document.querySelector("pre").append(text, "\n"))
  form.onsubmit = e => {
    e.preventDefault()
    fetch("/rooms/lobby", {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(input.value)})
    input.value = ""
  }
</script>`

func main() {
	addr := flag.String("addr", "127.0.0.1:8001", "the `address` for browsers")
	server := flag.String("nats", "127.0.0.1:4222", "the `address` of the NATS server")
	data := flag.String("data", "", "run the NATS server in this process, with its files in this `folder`")
	flag.Parse()
	if *data != "" {
		if _, _, err := embedded.Start(*data, embedded.Clients(*server)); err != nil {
			log.Fatal(err)
		}
	}
	nc, err := nats.Connect(*server, nats.MaxReconnects(-1))
	if err != nil {
		log.Fatal(err)
	}
	store, err := jetstream.Open(context.Background(), nc, "chat")
	if err != nil {
		log.Fatal(err)
	}
	everyone := func(*http.Request, topic.Access) error { return nil }
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, page) })
	mux.Handle("GET /halley.js", client.Script())
	mux.Handle("/rooms/{topic}", topic.Handler(topics.New[string](store), everyone, topic.Last(50)))
	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("Open http://%s/\n", listener.Addr())
	log.Fatal(http.Serve(listener, mux))
}

// end snippet
