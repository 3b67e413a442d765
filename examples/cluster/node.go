package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/enumerator/topics/jetstream"
	"github.com/halley-go/halley/enumerator/topics/jetstream/embedded"
	"github.com/halley-go/halley/examples/chat"
	"github.com/halley-go/halley/examples/style"
	"github.com/halley-go/halley/examples/wschat"
	"github.com/halley-go/halley/httpadapter"
)

// nodeSettings is the environment variable with which the program runs as a node.
const nodeSettings = "HALLEY_CLUSTER_NODE"

// settings are the settings of a node.
type settings struct {
	Node   int
	Addr   string   // for HTTP
	NATS   string   // for the other servers
	Routes []string // the addresses of the other servers
	Dir    string   // for the messages
	Root   string   // the folder of the Dirs of all nodes
}

// runNode runs a node until its standard input ends, because the parent has closed it or is gone. It writes a line to out
// when its server runs, and another when it serves HTTP.
func runNode(s settings, out io.Writer) error {
	// Ctrl-C and the end of the terminal reach all processes, and the parent ends the nodes.
	signal.Ignore(os.Interrupt, syscall.SIGHUP)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
		time.Sleep(grace)
		os.Exit(1)
	}()
	err := serveNode(ctx, s, out)
	if ctx.Err() == nil {
		return err
	}
	os.RemoveAll(s.Root) // the parent may be gone, so each node removes the files
	return nil
}

func serveNode(ctx context.Context, s settings, out io.Writer) error {
	nc, stop, err := embedded.Start(s.Dir, embedded.Cluster("node"+strconv.Itoa(s.Node), s.NATS, s.Routes...))
	if err != nil {
		return err
	}
	defer stop()
	fmt.Fprintln(out, joining)

	// Open waits until the nodes have a leader.
	messages, err := jetstream.Open(ctx, nc, "chat", jetstream.Replicas(nodes), jetstream.Keep(100))
	if err != nil {
		return err
	}
	numbers, err := jetstream.Open(ctx, nc, "numbers", jetstream.Replicas(nodes), jetstream.Keep(10_000))
	if err != nil {
		return err
	}
	listener, err := listen(s.Addr)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, up)
	mux := chats(messages)
	count(mux, s.Node, numbers)
	return serve(ctx, listener, mux)
}

// runAlone serves the chat in this process, and keeps its messages in dir.
func runAlone(ctx context.Context, addr, dir string, out io.Writer) error {
	nc, stop, err := embedded.Start(dir)
	if err != nil {
		return err
	}
	defer stop()
	store, err := jetstream.Open(ctx, nc, "chat", jetstream.Keep(100))
	if err != nil {
		return err
	}
	listener, err := listen(addr)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "Open http://%s/ (Ctrl-C to stop). The messages are in %s.\n", listener.Addr(), dir)
	mux := chats(store)
	mux.Handle("GET /{$}", http.RedirectHandler("chat", http.StatusFound))
	return serve(ctx, listener, mux)
}

// chats serves the chats of the gallery, whose rooms are kept in store.
func chats(store topics.Store) *http.ServeMux {
	rooms := chat.New(topics.New[chat.Message](store))
	mux := http.NewServeMux()
	for path, h := range map[string]http.Handler{"/chat": chat.Handler(rooms), "/wschat": wschat.Handler(rooms)} {
		mux.Handle(path, h)
		mux.Handle(path+"/", h)
	}
	mux.HandleFunc("GET /source/chat", func(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, chat.Source, "chat.go") })
	mux.HandleFunc("GET /source/wschat", func(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, wschat.Source, "wschat.go") })
	mux.Handle("GET /style.css", http.FileServerFS(style.Files))
	mux.Handle("GET /icon.svg", http.FileServerFS(style.Files))
	return mux
}

// count adds the counter of a node to mux: a topic of numbers, to write and to read.
func count(mux *http.ServeMux, node int, store topics.Store) {
	numbers := topics.New[int](store).Topic("numbers")
	mux.HandleFunc("POST /numbers", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.FormValue("n"))
		if err == nil {
			_, err = numbers.Publish(r.Context(), strconv.Itoa(n), n) // with the number as key, it is stored once
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	})
	// A stream begins with the number of this node.
	here := enumeratee.Heading(enumerator.Item[int]{Value: node, Event: "node"})
	mux.Handle("GET /numbers/stream", client.Handler(func(_ *http.Request, after enumerator.Position) (enumerator.Enumerator[enumerator.Item[int]], error) {
		return enumerator.Through(numbers.FromOrLast(after, 1), here), nil
	}, httpadapter.Limit(1000)))
}
