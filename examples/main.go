// The program examples serves a gallery of examples of Halley:
//
//	go run ./examples
//
// The first run compiles everything, which can take minutes and prints nothing. go run -v names each package.
//
// It listens on 127.0.0.1:9000 until it gets an interrupt; -addr changes the address. It
// answers requests for the loopback addresses, for localhost, for the address of the connection
// and for the host in -addr. -host adds another name, such as that of a proxy in front.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/halley-go/halley/examples/crowd"
	"github.com/halley-go/halley/httpadapter"
)

func main() {
	if crowd.Main() { // this process is the clients of a crowd
		return
	}
	addr := flag.String("addr", "127.0.0.1:9000", "`address` to listen on; port 0 chooses a free port")
	var hosts []string
	flag.Func("host", "another `name` of the gallery, besides localhost and its address; may be repeated", func(name string) error {
		hosts = append(hosts, name)
		return nil
	})
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	if err := run(ctx, *addr, hosts, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "examples:", err)
		os.Exit(1)
	}
}

// patience is how long a shutdown waits for connections that do not end by themselves.
var patience = time.Second

// newServer returns a server for h.
func newServer(h http.Handler) *http.Server {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       10 * time.Second, // for bodies that no handler reads
		WriteTimeout:      30 * time.Second, // streams and uploads set their own deadlines
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,

		// A browser sends all its uploads over one connection. By default, the window of the
		// connection is no larger than the window of a stream, so one unread upload stops all
		// others. The ping notices a client that has vanished.
		HTTP2: &http.HTTP2Config{
			MaxReceiveBufferPerConnection: 16 << 20,
			MaxReceiveBufferPerStream:     256 << 10,
			SendPingTimeout:               30 * time.Second,
		},
	}
	httpadapter.Drain(server) // otherwise Shutdown would wait for streams without an end
	return server
}

// run serves the gallery until ctx ends. Then it ends the open streams and returns.
func run(ctx context.Context, addr string, hosts []string, out io.Writer) error {
	listener, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s is in use: end the program that listens there, or choose another address with -addr, such as -addr 127.0.0.1:0", addr)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "Open http://%s/ (Ctrl-C to stop)\n", listener.Addr())

	for _, addr := range []string{addr, listener.Addr().String()} {
		host, _, _ := net.SplitHostPort(addr)
		hosts = append(hosts, host)
	}
	handler := protect(gallery(ctx), hosts...)

	// Shutdown does not wait for the handlers of WebSockets, so count all handlers.
	var running sync.WaitGroup
	server := newServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		running.Add(1)
		defer running.Done()
		handler.ServeHTTP(w, r)
	}))

	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}

	// Shutdown ends the streams and closes the WebSockets. It may also have to wait for
	// connections that browsers have opened in advance.
	bounded, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := httpadapter.Shutdown(bounded, server); err != nil {
		server.Close()
	}
	<-served
	ended := make(chan struct{})
	go func() {
		running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-bounded.Done():
	}
	return nil
}
