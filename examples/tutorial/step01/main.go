// Step 1 of docs/tutorial.md: a source and a consumer.
package main

import (
	"context"
	"fmt"
	"log"
	"math"
	"math/rand/v2"
	"time"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// snippet: program

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

// readings makes a reading every half second. It does nothing until it is run.
var readings = enumerator.Through(
	enumerator.Interval(500*time.Millisecond),
	enumeratee.Map(temperature),
)

func main() {
	show := iteratee.ForEach(func(_ context.Context, r Reading) error {
		_, err := fmt.Printf("%.1f °C\n", r.Value)
		return err
	})
	if _, err := enumerator.Run(context.Background(), readings, show); err != nil {
		log.Fatal(err)
	}
}

// end snippet
