// The program cluster runs the chat of the gallery on three nodes, which it starts as three processes:
//
//	cd examples/cluster && go run .
//
// Each node has an embedded NATS server, and the three servers keep every message three times. The page shows
// the node that serves it, and can kill that node. The page goes on at another node, and a counter shows that
// nothing is lost or repeated. The program starts the killed node again.
//
// With -data, a single process serves the chat and keeps its messages on disk:
//
//	go run . -data /var/lib/chat
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/halley-go/halley/httpadapter"
)

func main() {
	if text := os.Getenv(nodeSettings); text != "" {
		var s settings
		if err := json.Unmarshal([]byte(text), &s); err != nil {
			exit(err)
		}
		exit(runNode(s, os.Stdout))
	}
	addr := flag.String("addr", "127.0.0.1:9000", "`address` to listen on; port 0 chooses a free port")
	data := flag.String("data", "", "serve the chat in one process, which keeps its messages in this `folder`")
	every := flag.Duration("every", 200*time.Millisecond, "the time between two numbers of the counter")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	if *data != "" {
		exit(runAlone(ctx, *addr, *data, os.Stdout))
	}
	exit(runCluster(ctx, *addr, *every, os.Stdout))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// listen returns a listener on addr.
func listen(addr string) (net.Listener, error) {
	listener, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is in use: end the program that listens there, or choose another address with -addr, such as -addr 127.0.0.1:0", addr)
	}
	return listener, err
}

// serve serves h until ctx ends. Then it ends the open streams and returns.
func serve(ctx context.Context, listener net.Listener, h http.Handler) error {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second, // streams set their own deadlines
		IdleTimeout:       2 * time.Minute,
	}
	httpadapter.Drain(server)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	bounded, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if server.Shutdown(bounded) != nil {
		server.Close()
	}
	<-served
	return nil
}
