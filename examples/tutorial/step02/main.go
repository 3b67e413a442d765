// Step 2 of docs/tutorial.md: adapters.
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

// snippet: program

// smooth hands on the average of every four consecutive readings.
var smooth = enumeratee.Compose(
	enumeratee.Sliding[Reading](4, 1),
	enumeratee.Map(average),
)

func average(window []Reading) Reading {
	sum := 0.0
	for _, r := range window {
		sum += r.Value
	}
	return Reading{window[len(window)-1].At, sum / float64(len(window))}
}

// readings makes a smooth reading every half second.
var readings = enumerator.Through(
	enumerator.Interval(500*time.Millisecond),
	enumeratee.Compose(enumeratee.Map(temperature), smooth),
)

func main() {
	show := iteratee.ForEach(func(_ context.Context, r Reading) error {
		_, err := fmt.Printf("%.1f °C\n", r.Value)
		return err
	})
	byValue := func(a, b Reading) int { return int(math.Copysign(1, a.Value-b.Value)) }

	// Five readings are enough. One consumer shows them, another finds the highest.
	five := enumerator.Through(readings, enumeratee.Take[Reading](5))
	result, err := enumerator.Run(context.Background(), five, iteratee.Zip(show, iteratee.MaxFunc(byValue)))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("The highest was %.1f °C.\n", result.Second.Value)
}

// end snippet
