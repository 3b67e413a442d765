// Step 10 of docs/tutorial.md: a server for real.
package main

import (
	"cmp"
	"context"
	_ "embed"
	"fmt"
	"log"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumeratee/items"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/iteratee"
)

// A Reading is a measurement of a machine.
type Reading struct {
	At    int64   `json:"at"` // in ms since 1970
	Value float64 `json:"value"`
}

// temperature measures the temperature of a made-up machine.
func temperature(now time.Time) Reading {
	seconds := float64(now.UnixMilli()) / 1000
	return Reading{now.UnixMilli(), 60 + 15*math.Sin(seconds/4) + rand.NormFloat64()}
}

// load measures the load of the same machine, in percent.
func load(now time.Time) Reading {
	seconds := float64(now.UnixMilli()) / 1000
	return Reading{now.UnixMilli(), min(100, max(0, 50+30*math.Sin(seconds/4+0.8)+8*rand.NormFloat64()))}
}

// Each hub holds the last 1000 elements.
var (
	temperatures = enumerator.Broadcast[Reading](enumerator.Capacity(1000))
	loads        = enumerator.Broadcast[Reading](enumerator.Capacity(1000))
	alarms       = enumerator.Broadcast[Alarm](enumerator.Capacity(1000))
)

// every calls measure every half second.
func every(measure func(time.Time) Reading) enumerator.Enumerator[Reading] {
	return enumerator.Through(enumerator.Interval(500*time.Millisecond), enumeratee.Map(measure))
}

// fill pushes the elements of source into hub until ctx ends.
func fill[E any](ctx context.Context, hub *enumerator.Hub[E], source enumerator.Enumerator[E]) {
	_, err := enumerator.Run(ctx, source, iteratee.ForEach(hub.Push))
	if ctx.Err() == nil {
		log.Print(err)
	}
}

// An Alarm says that the machine has become too hot, or that it is no longer too hot.
type Alarm struct {
	Reading
	Hot bool `json:"hot"`
}

// ignoreGaps is for readings: the next reading replaces the missing ones.
func ignoreGaps(enumerator.Item[Reading]) error { return nil }

// limits holds the latest limit: the temperature above which the machine is too hot.
var limits = enumerator.Broadcast[float64](enumerator.Capacity(1))

// setLimit takes the limit of a form.
func setLimit(w http.ResponseWriter, r *http.Request) {
	limit, err := strconv.ParseFloat(r.FormValue("limit"), 64)
	if err != nil || !(limit >= 0 && limit <= 100) {
		http.Error(w, "The limit must be a number from 0 to 100.", http.StatusBadRequest)
		return
	}
	_ = limits.Push(r.Context(), limit)
	w.WriteHeader(http.StatusNoContent)
}

// checked makes an Alarm for each reading. It compares the reading with the latest limit.
var checked = enumerator.WithLatestFrom(
	enumerator.Values(temperatures.Live(), ignoreGaps),
	enumerator.Values(limits.Last(1), func(enumerator.Item[float64]) error { return nil }),
	func(r Reading, limit float64) Alarm { return Alarm{r, r.Value > limit} },
)

// changes hands on an Alarm when the machine has become too hot, and another when it is no longer too hot. A change counts
// when it has lasted for two seconds.
var changes = enumeratee.Compose4(
	changed,
	enumeratee.Debounce[Alarm](2*time.Second),
	changed,
	enumeratee.DropWhile(func(a Alarm) bool { return !a.Hot }), // the first alarm is that it is too hot
)

// changed drops an Alarm if the one before says the same.
var changed = enumeratee.DistinctUntilChangedFunc(func(last, a Alarm) bool { return last.Hot == a.Hot })

// stream returns the messages of all sources for one page.
func stream(r *http.Request, _ enumerator.Position) (enumerator.Enumerator[enumerator.Item[any]], error) {
	cursor := comet.CursorText(r.Header, r.URL.Query())
	return items.Join(cursor, map[string]enumerator.Source[any]{
		"temperature": items.Any(temperatures),
		"load":        items.Any(loads),
		"alarm":       items.Any(alarms),
		"limit":       items.Any(limits),
	}, 120), nil
}

//go:embed page.html
var page []byte

// snippet: program

func handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { w.Write(page) })
	mux.HandleFunc("POST /limit", setLimit)
	mux.Handle("GET /halley.js", client.Script())
	mux.Handle("GET /stream", client.Handler(stream,
		httpadapter.Limit(1000),                  // streams at once
		httpadapter.LimitPerKey(20, address),     // and from one address
		httpadapter.MaxDuration(time.Hour),       // then the page connects again, and misses nothing
		httpadapter.WriteTimeout(10*time.Second), // for a page that does not read
	))
	return http.NewCrossOriginProtection().Handler(mux)
}

// address returns the address of the client. Behind a proxy, return the value of the header in which the proxy sends it.
func address(r *http.Request) string {
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	return host
}

// end snippet
// snippet: main

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go fill(ctx, temperatures, every(temperature))
	go fill(ctx, loads, every(load))
	go fill(ctx, alarms, enumerator.Through(checked, changes))
	_ = limits.Push(ctx, 70)

	addr := cmp.Or(os.Getenv("ADDR"), "127.0.0.1:9000")
	server := &http.Server{
		Addr:              addr,
		Handler:           handler(),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
	}
	httpadapter.Drain(server) // Shutdown ends the streams, and each page gets a complete response

	fmt.Println("Open http://" + addr + " (Ctrl-C to stop)")
	served := make(chan error, 1)
	go func() { served <- server.ListenAndServe() }()
	select {
	case err := <-served:
		log.Fatal(err)
	case <-ctx.Done():
	}
	timeout, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := server.Shutdown(timeout); err != nil {
		log.Print(err)
	}
}

// end snippet
