//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	js "github.com/nats-io/nats.go/jetstream"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/enumeratee/items"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/enumerator/topics/jetstream"
	"github.com/halley-go/halley/enumerator/topics/jetstream/embedded"
	"github.com/halley-go/halley/httpadapter"
)

// handler serves topics: GET /messages sends the topics of the query as a stream, and POST /messages publishes the body
// to one.
func handler(t *topics.Topics[message]) *http.ServeMux {
	const all = 1 << 20 // a new reader gets all messages that are kept
	mux := http.NewServeMux()
	mux.Handle("GET /messages", client.Handler(func(r *http.Request, after enumerator.Position) (enumerator.Enumerator[enumerator.Item[message]], error) {
		names := r.URL.Query()["topic"]
		if len(names) == 1 {
			return t.Topic(names[0]).FromOrLast(after, all), nil
		}
		sources := map[string]enumerator.Source[message]{}
		for _, name := range names {
			sources[name] = t.Topic(name)
		}
		return items.Join(comet.CursorText(r.Header, r.URL.Query()), sources, all), nil
	}, httpadapter.Heartbeat(beat, nil)))
	mux.HandleFunc("POST /messages", func(w http.ResponseWriter, r *http.Request) {
		var m message
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&m); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		p, err := t.Publish(r.Context(), r.URL.Query().Get("topic"), r.Header.Get("Idempotency-Key"), m)
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, p)
	})
	return mux
}

// nodeConfig holds the settings of a node.
type nodeConfig struct{ name, data, serve, listen, routes string }

const (
	stream = "failures"
	keep   = 10_000 // messages of a topic, more than are published while a reader is away
)

// runNode is a node. It ends on SIGTERM, or when the program that has started it ends.
func runNode(c nodeConfig) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		log.Fatal("the program has ended")
	}()

	nc, stopServer, err := embedded.Start(c.data,
		embedded.Cluster(c.name, c.listen, strings.Split(c.routes, ",")...),
		embedded.Advertise("127.0.0.1:1"), // nothing listens there, so all connections go through the links
		embedded.Logger(logger{}))
	if err != nil {
		return err
	}
	defer stopServer()
	store, err := jetstream.Open(ctx, nc, stream, jetstream.Replicas(size), jetstream.Keep(keep))
	if err != nil {
		return err
	}
	log.Print("the stream is open")
	t := topics.New[message](store)
	defer t.Close()
	api, err := js.New(nc)
	if err != nil {
		return err
	}
	mux := handler(t)
	mux.HandleFunc("GET /state", func(w http.ResponseWriter, r *http.Request) {
		s, err := stateOf(r.Context(), api)
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_ = json.NewEncoder(w).Encode(s)
	})
	srv := &http.Server{Addr: c.serve, Handler: mux}
	httpadapter.Drain(srv)
	served := make(chan error, 1)
	go func() { served <- srv.ListenAndServe() }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	log.Print("SIGTERM")
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	err = srv.Shutdown(ctx)
	log.Printf("the HTTP server has ended: %v", err)
	return nil
}

func stateOf(ctx context.Context, api js.JetStream) (s state, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	handle, err := api.Stream(ctx, stream)
	if err != nil {
		return s, err
	}
	cluster := handle.CachedInfo().Cluster
	s = state{Leader: cluster.Leader, Whole: len(cluster.Replicas) == size-1}
	for _, replica := range cluster.Replicas {
		s.Whole = s.Whole && replica.Current && !replica.Offline
	}
	return s, nil
}

// logger writes the log of the server to the log of the node.
type logger struct{}

func (logger) Noticef(format string, v ...any) { log.Printf("NATS: "+format, v...) }
func (logger) Warnf(format string, v ...any)   { log.Printf("NATS: warning: "+format, v...) }
func (logger) Errorf(format string, v ...any)  { log.Printf("NATS: error: "+format, v...) }
func (logger) Fatalf(format string, v ...any)  { log.Printf("NATS: fatal: "+format, v...) }
func (logger) Debugf(string, ...any)           {}
func (logger) Tracef(string, ...any)           {}
