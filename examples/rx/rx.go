// Package rx is a live feed of prices that uses operators of RxGo.
//
// The trades of a page are one source. Three chains of RxGo operators share it: one without
// an operator, for all trades; one that waits until the price has settled; and one for the
// average of each second. When the browser leaves, everything ends, including all goroutines
// of RxGo.
package rx

import (
	"context"
	"embed"
	"math"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/reactivex/rxgo/v2"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/rx"
	"github.com/halley-go/halley/examples/visitor"
	"github.com/halley-go/halley/httpadapter"
)

// Source is this file and the page.
//
//go:embed rx.go rx.html
var Source embed.FS

// trades is the source of the prices of a simulated market. They come in bursts.
var trades = enumerator.UnfoldM(100.0, func(ctx context.Context, price float64) (float64, float64, bool, error) {
	pause := time.Duration(20+rand.IntN(60)) * time.Millisecond
	if rand.IntN(12) == 0 {
		pause = 600 * time.Millisecond
	}
	select {
	case <-ctx.Done():
		return 0, 0, false, context.Cause(ctx)
	case <-time.After(pause):
	}
	price *= math.Exp(0.002 * rand.NormFloat64())
	return price, price, true, nil
})

// A point is a price and the name of its line in the chart.
type point struct {
	Line  string  `json:"line"`
	Price float64 `json:"price"`
}

// snippet: stream

func stream() enumerator.Enumerator[[]byte] {
	market := enumerator.Share(trades)
	prices := enumerator.Values(market.Live(), nil)
	line := func(name string, chain func(rxgo.Observable) rxgo.Observable) enumerator.Enumerator[point] {
		return enumerator.Map(rx.Lift[float64](prices, chain), func(price float64) point { return point{name, price} })
	}
	points := enumerator.Interleave(
		line("trade", func(o rxgo.Observable) rxgo.Observable { return o }),
		line("settled", func(o rxgo.Observable) rxgo.Observable {
			return o.Debounce(rxgo.WithDuration(250 * time.Millisecond))
		}),
		line("average", func(o rxgo.Observable) rxgo.Observable {
			return o.BufferWithTime(rxgo.WithDuration(time.Second)).Map(mean)
		}),
	)
	return enumerator.Through(points, comet.JSON[point]("parent.priceChanged", comet.RemoveScripts()))
}

// end snippet

func mean(_ context.Context, window any) (any, error) {
	prices, sum := window.([]any), 0.0
	for _, price := range prices {
		sum += price.(float64)
	}
	return sum / float64(len(prices)), nil
}

// Handler serves the page, and the stream for its iframe.
func Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /rx", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, Source, "rx.html")
	})
	mux.Handle("GET /rx/stream", httpadapter.Handler(
		func(*http.Request) (enumerator.Enumerator[[]byte], error) { return stream(), nil },
		httpadapter.Comet(), httpadapter.Limit(200), httpadapter.LimitPerKey(20, visitor.Address),
	))
	return mux
}
