// Package crowd shows the cost of a stream to thousands of clients.
//
// One source has any number of clients. httpadapter.Fanout encodes each message once. On Linux, it keeps only a
// descriptor and a few dozen bytes for a client that waits. A button adds a thousand clients. They run in a process of
// their own, so the figures are those of the server only.
package crowd

import (
	"context"
	"embed"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"time"

	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/comet/eventsource"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/examples/visitor"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/parse"
)

// Source is this file and the page. The clients and the measuring of the process are in clients.go and usage_unix.go.
//
//go:embed crowd.go crowd.html
var Source embed.FS

// snippet: fanout

// events returns the handler of the clients: five messages a second for all of them, from one run of the source. The
// source stops when the last client has left.
func events() http.Handler {
	messages := enumerator.Share(
		enumerator.Through(enumerator.Interval(200*time.Millisecond), enumeratee.Compose(
			enumeratee.ScanLeft(0, func(n int, _ time.Time) int { return n + 1 }),
			enumeratee.Map(func(n int) string { return fmt.Sprintf("%d %s", n, strings.Repeat("x", 100)) }),
		)),
		enumerator.WhenFull(enumerator.DropOldest),
	)
	live := func(*http.Request) (after enumerator.Position, last int, err error) {
		return enumerator.Position{}, 0, nil
	}
	return httpadapter.Fanout(messages, eventsource.Messages(eventsource.WithPosition(eventsource.FromString)), live, httpadapter.EventStream())
}

// end snippet

// Figures are the measurements of the last second, for the page.
type Figures struct {
	Clients  int     `json:"clients"`  // the connected clients
	Wanted   int     `json:"wanted"`   // the clients that are connected or will be
	Most     int     `json:"most"`     // the limit of Wanted
	Received int     `json:"received"` // the messages that all clients together have received
	Lost     int     `json:"lost"`     // the messages that clients have missed since the first client came
	Memory   float64 `json:"memory"`   // the memory of the server for each client, in bytes
	Time     float64 `json:"time"`     // the processor time of the server for each message and client, in microseconds
	Engine   bool    `json:"engine"`   // the connections are taken over from net/http
}

// measure returns the Figures since the last call.
func (c *crowd) measure(time.Time) Figures {
	report, wanted := c.state()
	f := Figures{Clients: report.Open, Wanted: wanted, Most: c.most, Lost: report.Lost, Engine: runtime.GOOS == "linux"}

	// After a collection, the heap and the stacks are the memory that the program needs.
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	memory, used := float64(m.HeapAlloc+m.StackInuse), processorTime()
	if f.Clients == 0 && f.Wanted == 0 {
		c.idle = memory
	} else if f.Clients > 0 {
		f.Memory = max(0, memory-c.idle) / float64(f.Clients)
	}
	if f.Received = max(0, report.Received-c.received); f.Received > 0 {
		f.Time = float64((used - c.used).Microseconds()) / float64(f.Received)
	}
	c.received, c.used = report.Received, used
	return f
}

// Handler serves the page, the script of package client, the stream of the figures, and the button. The clients leave with the last
// page, and when ctx ends.
func Handler(ctx context.Context) http.Handler {
	c := newCrowd(ctx)
	figures := enumerator.Share(
		enumerator.OnDoneEnumerating(
			enumerator.Through(enumerator.Interval(time.Second), enumeratee.Map(c.measure)),
			func() error { c.want(0); return nil },
		),
		enumerator.WhenFull(enumerator.DropOldest),
	)
	stream := func(_ *http.Request, after enumerator.Position) (enumerator.Enumerator[enumerator.Item[Figures]], error) {
		return figures.FromOrLast(after, 1), nil
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /crowd", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, Source, "crowd.html")
	})
	mux.Handle("GET /crowd/halley.js", client.Script())
	mux.Handle("GET /crowd/stream", client.Handler(stream,
		httpadapter.Limit(1000), httpadapter.LimitPerKey(50, visitor.Address),
		httpadapter.MaxDuration(time.Hour), // then the script reconnects and resumes
	))
	change := parse.Action(parse.Form(1<<10), func(w http.ResponseWriter, _ *http.Request, form url.Values) error {
		switch form.Get("change") {
		case "add":
			if figures.Runs() == 0 { // the clients would never leave
				return &httpadapter.StatusError{Status: http.StatusConflict, Text: "open the page first"}
			}
			c.add(1000)
		case "remove":
			c.want(0)
		default:
			return &httpadapter.StatusError{Status: http.StatusBadRequest, Text: "change must be add or remove"}
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	}, httpadapter.BodyTimeout(10*time.Second))
	// Forms of other sites cannot post here.
	mux.Handle("POST /crowd/clients", http.NewCrossOriginProtection().Handler(change))
	return mux
}
