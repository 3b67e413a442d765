// Step 7 of docs/tutorial.md: several sources over one connection.
package main

import (
	"cmp"
	"context"
	_ "embed"
	"fmt"
	"log"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"time"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumeratee/items"
	"github.com/halley-go/halley/enumerator"
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

// snippet: program

// Each hub holds the last 1000 elements.
var (
	temperatures = enumerator.Broadcast[Reading](enumerator.Capacity(1000))
	loads        = enumerator.Broadcast[Reading](enumerator.Capacity(1000))
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

// stream returns the readings of both sources for one page, over one connection and with one cursor.
func stream(r *http.Request, _ enumerator.Position) (enumerator.Enumerator[enumerator.Item[Reading]], error) {
	cursor := comet.CursorText(r.Header, r.URL.Query())
	return items.Join(cursor, map[string]enumerator.Source[Reading]{
		"temperature": temperatures,
		"load":        loads,
	}, 120), nil
}

//go:embed page.html
var page []byte

func main() {
	ctx := context.Background()
	go fill(ctx, temperatures, every(temperature))
	go fill(ctx, loads, every(load))

	http.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { w.Write(page) })
	http.Handle("GET /halley.js", client.Script())
	http.Handle("GET /stream", client.Handler(stream))

	addr := cmp.Or(os.Getenv("ADDR"), "127.0.0.1:9000")
	fmt.Println("Open http://" + addr)
	log.Fatal(http.ListenAndServe(addr, nil))
}

// end snippet
