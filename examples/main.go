// The program examples serves a gallery of what can be done with Halley:
//
//	go run ./examples
//
// It listens on 127.0.0.1:9000 (-addr changes that) until it gets an interrupt.
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
	"syscall"
	"time"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:9000", "`address` to listen on; port 0 takes a free one")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second one ends the program at once
	if err := run(ctx, *addr, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "examples:", err)
		os.Exit(1)
	}
}

// patience is how long the end waits for connections that do not end by themselves.
var patience = time.Second

// run serves the gallery until ctx ends, and with it the streams that are open.
func run(ctx context.Context, addr string, out io.Writer) error {
	listener, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s is in use: end the program that listens there, or choose another address with -addr, such as -addr 127.0.0.1:0", addr)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "Open http://%s/ (Ctrl-C ends)\n", listener.Addr())

	// The base of the context of every request. Its cause is context.Canceled, as
	// when a client leaves, so that a stream that ends with it is no error to log.
	streams, endStreams := context.WithCancel(context.Background())
	defer endStreams()
	server := &http.Server{
		Handler:           gallery(),
		BaseContext:       func(net.Listener) context.Context { return streams },
		ReadHeaderTimeout: 10 * time.Second,
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}

	// Shutdown would wait for the streams. What it may still have to wait for then
	// are connections that browsers have opened in advance.
	endStreams()
	bounded, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := server.Shutdown(bounded); err != nil {
		server.Close()
	}
	<-served
	return nil
}
