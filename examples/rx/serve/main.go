// The program serve serves the example of package rx on its own, so that the gallery does not need RxGo:
//
//	go run ./examples/rx/serve
//
// It listens on 127.0.0.1:9001; -addr changes the address.
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/halley-go/halley/examples/rx"
	"github.com/halley-go/halley/examples/style"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:9001", "`address` to listen on")
	flag.Parse()
	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("Open http://%s/rx (Ctrl-C to stop)\n", listener.Addr())

	mux := http.NewServeMux()
	mux.Handle("/rx", rx.Handler())
	mux.Handle("/rx/", rx.Handler())
	mux.Handle("/", http.FileServerFS(style.Files))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.Serve(listener))
}
