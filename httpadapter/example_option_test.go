package httpadapter_test

import (
	"compress/gzip"
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/iteratee"
)

// show asks a handler for a stream, and prints some headers and the body.
func show(h http.Handler, headers ...string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	for _, key := range headers {
		fmt.Println(w.Header().Get(key))
	}
	fmt.Printf("%s", w.Body)
}

// serveAll is a handler of the same stream for everybody.
func serveAll(e enumerator.Enumerator[[]byte], opts ...httpadapter.Option) http.Handler {
	return httpadapter.Handler(func(*http.Request) (enumerator.Enumerator[[]byte], error) { return e, nil }, opts...)
}

func ExampleEventStream() {
	event := enumeratee.Map(func(n int) []byte { return fmt.Appendf(nil, "data: %d\n\n", n) })
	show(serveAll(enumerator.Through(enumerator.Of(1, 2), event), httpadapter.EventStream()), "Content-Type")
	// Output:
	// text/event-stream
	// data: 1
	//
	// data: 2
}

func ExampleNDJSON() {
	lines := enumerator.Of([]byte(`{"n":1}`+"\n"), []byte(`{"n":2}`+"\n"))
	show(serveAll(lines, httpadapter.NDJSON()), "Content-Type")
	// Output:
	// application/x-ndjson
	// {"n":1}
	// {"n":2}
}

func ExampleComet() {
	scripts := enumerator.Through(enumerator.Of("kiki"), comet.String("parent.show", comet.Preamble("<html>")))
	show(serveAll(scripts, httpadapter.Comet()), "Content-Type", "Content-Security-Policy")
	// Output:
	// text/html; charset=utf-8
	// frame-ancestors 'self'
	// <html><script>parent.show('kiki');</script>
}

// Chunks that come within 50 ms of one another leave together.
func ExampleFlushInterval() {
	numbers := enumerator.Through(enumerator.Of(1, 2, 3), line)
	show(serveAll(numbers, httpadapter.FlushInterval(50*time.Millisecond)))
	// Output:
	// 1
	// 2
	// 3
}

// Nothing leaves before there are 4 KiB, except that nothing waits longer than 10 ms.
func ExampleFlushSize() {
	numbers := enumerator.Through(enumerator.Of(1, 2, 3), line)
	show(serveAll(numbers, httpadapter.FlushSize(4<<10), httpadapter.FlushInterval(10*time.Millisecond)))
	// Output:
	// 1
	// 2
	// 3
}

// Events, with a comment of our own after each silence of a second.
func ExampleHeartbeat() {
	slow := after(1500*time.Millisecond, nil, "data: at last\n\n")
	show(serveAll(slow, httpadapter.EventStream(), httpadapter.Heartbeat(time.Second, []byte(": still here\n\n"))))
	// Output:
	// : still here
	//
	// data: at last
}

// Each heartbeat has a number.
func ExampleHeartbeatFunc() {
	n := 0
	count := func() []byte {
		n++
		return fmt.Appendf(nil, ": %d\n\n", n)
	}
	slow := after(2500*time.Millisecond, nil, "data: at last\n\n")
	show(serveAll(slow, httpadapter.EventStream(), httpadapter.HeartbeatFunc(time.Second, count)))
	// Output:
	// : 1
	//
	// : 2
	//
	// data: at last
}

func ExampleHeartbeatOf() {
	opts := []httpadapter.Option{httpadapter.EventStream(), httpadapter.Heartbeat(30*time.Second, nil)}
	fmt.Println(httpadapter.HeartbeatOf(opts...))
	// Output: 30s
}

// A stream that would not end, and ends as if its source had run out.
func ExampleMaxDuration() {
	ticks := enumerator.Interval(time.Hour)
	never := enumerator.Through(ticks, enumeratee.Map(func(t time.Time) []byte { return []byte(t.String()) }))
	srv := httptest.NewServer(serveAll(never, httpadapter.MaxDuration(200*time.Millisecond)))
	defer srv.Close()

	res, err := http.Get(srv.URL)
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	_, err = io.ReadAll(res.Body)
	fmt.Println("error:", err)
	// Output: error: <nil>
}

func ExampleOnEnd() {
	count := httpadapter.OnEnd(func(r *http.Request, o httpadapter.Outcome) {
		fmt.Printf("%s: %s, %d chunks, %d bytes, error %v\n", r.URL.Path, o.Reason, o.Chunks, o.Bytes, o.Err)
	})
	show(serveAll(enumerator.Through(enumerator.Of(1, 22), line), count))
	// Output:
	// /: end, 2 chunks, 5 bytes, error <nil>
	// 1
	// 22
}

// Logger(slog.Default()) is shorter; this logger leaves out the time.
func ExampleLogger() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		Level: slog.LevelError,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
	show(serveAll(failing(io.ErrUnexpectedEOF), httpadapter.Logger(logger)))
	// Output:
	// level=ERROR msg="httpadapter: stream failed" method=GET path=/ status=500 error="unexpected EOF"
	// Internal Server Error
}

// A package that wraps Handler logs to the same logger.
func ExampleLoggerOf() {
	logger := slog.New(slog.DiscardHandler)
	opts := []httpadapter.Option{httpadapter.NDJSON(), httpadapter.Logger(logger)}
	fmt.Println(httpadapter.LoggerOf(opts...) == logger)

	log.SetOutput(os.Stdout) // the log of a server without an ErrorLog
	log.SetFlags(0)
	defer log.SetOutput(os.Stderr)
	defer log.SetFlags(log.LstdFlags)
	httpadapter.LoggerOf().ErrorContext(context.Background(), "upstream failed", "try", 2, "error", io.ErrUnexpectedEOF)
	// Output:
	// true
	// upstream failed try="2" error="unexpected EOF"
}

// One place for all, and the one stream that is open asks for another.
func ExampleLimit() {
	limit := httpadapter.Limit(1) // once, not for each request
	busy := serveAll(of("never sent"), limit)
	asks := enumerator.Generate(func(context.Context) ([]byte, bool, error) {
		show(busy)
		return nil, false, nil
	})
	show(serveAll(asks, limit))
	// Output: Service Unavailable
}

// One place for a stream and for any other handler that takes long.
func ExampleLimited() {
	limit := httpadapter.Limit(1)
	var upload http.Handler
	stream := enumerator.Generate(func(context.Context) ([]byte, bool, error) {
		show(upload)
		return nil, false, nil
	})
	upload = httpadapter.Limited(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "received")
	}), limit)
	show(serveAll(stream, limit))
	show(upload)
	// Output:
	// Service Unavailable
	// received
}

// Six streams for each address.
func ExampleLimitPerKey() {
	perAddress := httpadapter.LimitPerKey(6, func(r *http.Request) string {
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		return host
	})
	show(serveAll(of("welcome"), perAddress))
	// Output: welcome
}

func ExampleDrain() {
	forever := of("hello").AndThen(enumerator.Generate(func(ctx context.Context) ([]byte, bool, error) {
		<-ctx.Done()
		return nil, false, context.Cause(ctx)
	}))
	handler := serveAll(forever)

	// snippet: server

	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		HTTP2: &http.HTTP2Config{
			// Uploads that are not read fill their own windows, and not that of the connection.
			MaxReceiveBufferPerConnection: 16 << 20,
			MaxReceiveBufferPerStream:     256 << 10,
			// An upload over a slow link makes progress with each frame.
			MaxReadFrameSize: 16 << 10,
			// A client that does not read its connection is noticed.
			SendPingTimeout: 15 * time.Second,
		},
	}
	httpadapter.Drain(server) // or Shutdown would wait for streams that have no end

	// end snippet

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go server.Serve(listener)
	res, err := http.Get("http://" + listener.Addr().String())
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	hello := make([]byte, 5)
	io.ReadFull(res.Body, hello)

	fmt.Println("shutdown:", server.Shutdown(context.Background()))
	rest, err := io.ReadAll(res.Body)
	fmt.Printf("client: %s%s, error %v\n", hello, rest, err)
	// Output:
	// shutdown: <nil>
	// client: hello, error <nil>
}

// A handler that waits, and is no stream, ends when the server does.
func ExampleDraining() {
	waits := make(chan struct{})
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(waits)
		select {
		case <-httpadapter.Draining(r).Done():
			fmt.Fprint(w, "come again later")
		case <-r.Context().Done():
		}
	})}
	httpadapter.Drain(server)

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go server.Serve(listener)
	go func() {
		<-waits
		server.Shutdown(context.Background())
	}()
	res, err := http.Get("http://" + listener.Addr().String())
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	answer, _ := io.ReadAll(res.Body)
	fmt.Printf("%s\n", answer)
	// Output: come again later
}

// gzip of the standard library, and no other coding.
func ExampleContentEncoding() {
	h := serveAll(of("to whom it may concern"), httpadapter.ContentEncoding(httpadapter.Coding{
		Name: "gzip",
		New:  func() httpadapter.Encoder { return gzip.NewWriter(io.Discard) },
	}))
	for _, accept := range []string{"gzip, br", "br"} {
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Accept-Encoding", accept)
		h.ServeHTTP(w, r)
		fmt.Printf("%s: %q\n", accept, w.Header().Get("Content-Encoding"))
	}
	// Output:
	// gzip, br: "gzip"
	// br: ""
}

// A digest of what was sent, which is known only when it was.
func ExampleTrailer() {
	digest := iteratee.Defer(func(context.Context) (iteratee.Iteratee[[]byte, string], error) {
		sum := iteratee.Fold(sha256.New(), func(h hash.Hash, chunk []byte) hash.Hash { h.Write(chunk); return h })
		return iteratee.Map(sum, func(h hash.Hash) string { return fmt.Sprintf("%x", h.Sum(nil)[:4]) }), nil
	})
	srv := httptest.NewServer(serveAll(of("a", "bc"), httpadapter.Trailer("X-Digest", digest)))
	defer srv.Close()

	res, err := http.Get(srv.URL)
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	fmt.Printf("%s %s\n", body, res.Trailer.Get("X-Digest"))
	// Output: abc ba7816bf
}

// Every response is a run of one hub. What is pushed was encoded once, and a client
// that falls behind is no concern of the others.
func ExampleServe_broadcast() {
	// snippet: broadcast

	hub := enumerator.Broadcast[[]byte]()
	live := httpadapter.Handler(func(*http.Request) (enumerator.Enumerator[[]byte], error) {
		// First the last event, for a client that comes late, and then each new event.
		// A client that has missed an event is cut off, and comes again.
		return enumerator.Values(hub.Last(1), nil), nil
	}, httpadapter.EventStream())

	// end snippet
	_ = hub.Push(context.Background(), []byte("data: old news\n\n"))
	_ = hub.Push(context.Background(), []byte("data: news\n\n"))
	hub.End()
	show(live)
	// Output: data: news
}

// Started tells the streams from the requests that were answered or refused.
func ExampleOnStart() {
	var open int
	count := httpadapter.Options(
		httpadapter.OnStart(func(*http.Request) { open++ }),
		httpadapter.OnEnd(func(_ *http.Request, o httpadapter.Outcome) {
			if o.Started {
				open--
			}
		}),
	)
	source := enumerator.Defer(func(context.Context) (enumerator.Enumerator[[]byte], error) {
		return of(fmt.Sprintf("%d open\n", open)), nil
	})
	show(serveAll(source, count))
	fmt.Println(open)
	// Output:
	// 1 open
	// 0
}

// These options are for all streams of a program.
func ExampleOptions() {
	common := httpadapter.Options(httpadapter.EventStream(), httpadapter.Heartbeat(10*time.Second, nil), httpadapter.MaxDuration(time.Hour))
	show(serveAll(of("data: hello\n\n"), common, httpadapter.Limit(100)), "Content-Type")
	// Output:
	// text/event-stream
	// data: hello
}

// A message has two chunks, so Outcome.Chunks does not tell the number of messages.
func ExampleCountsOf() {
	source := enumerator.Defer(func(ctx context.Context) (enumerator.Enumerator[[]byte], error) {
		counts := httpadapter.CountsOf(ctx)
		return enumerator.Through(of("a", "b"), enumeratee.MapConcat(func(message []byte) [][]byte {
			if counts != nil { // somebody wants to know
				counts.Messages++
			}
			return [][]byte{message, []byte("\n")}
		})), nil
	})
	show(serveAll(source, httpadapter.OnEnd(func(_ *http.Request, o httpadapter.Outcome) {
		fmt.Println(o.Messages, "messages in", o.Chunks, "chunks")
	})))
	// Output:
	// 2 messages in 4 chunks
	// a
	// b
}
