package enumeratee_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

func ExampleDistinctUntilChanged() {
	show(enumeratee.DistinctUntilChanged[int](), 1, 1, 2, 2, 1)
	// Output: [1 2 1]
}

func ExampleDistinctUntilChangedFunc() {
	// A thermometer that reports changes of at least half a degree.
	near := func(last, e float64) bool { return math.Abs(last-e) < 0.5 }
	show(enumeratee.DistinctUntilChangedFunc(near), 20, 20.2, 20.4, 20.6, 20.5)
	// Output: [20 20.6]
}

func ExampleDistinct() {
	// Distinct has forgotten a when it comes for the third time, because b and c have come since.
	show(enumeratee.Distinct(2, strings.ToLower), "a", "A", "b", "c", "a")
	// Output: [a b c a]
}

func ExamplePairwise() {
	show(enumeratee.Pairwise[int](), 1, 2, 3)
	// Output: [{1 2} {2 3}]
}

func ExampleSliding() {
	show(enumeratee.Sliding[int](3, 1), 1, 2, 3, 4, 5)
	show(enumeratee.Sliding[int](3, 2), 1, 2, 3, 4, 5, 6)
	show(enumeratee.Sliding[int](2, 3), 1, 2, 3, 4, 5, 6, 7)
	// Output:
	// [[1 2 3] [2 3 4] [3 4 5]]
	// [[1 2 3] [3 4 5] [5 6]]
	// [[1 2] [4 5] [7]]
}

func ExampleTakeLast() {
	show(enumeratee.TakeLast[int](2), 1, 2, 3)
	// Output: [2 3]
}

func ExampleDropLast() {
	show(enumeratee.DropLast[int](2), 1, 2, 3)
	// Output: [1]
}

func ExampleDefaultIfEmpty() {
	show(enumeratee.DefaultIfEmpty("nothing"), "a", "b")
	show(enumeratee.DefaultIfEmpty("nothing"))
	// Output:
	// [a b]
	// [nothing]
}

func ExampleAudit() {
	// The end comes within an hour of the first element.
	show(enumeratee.Audit[int](time.Hour), 1, 2, 3)
	// Output: [3]
}

func ExampleTap() {
	log := func(name string) enumeratee.Enumeratee[int, int] {
		return enumeratee.Tap(
			func(e int) { fmt.Println(name, e) },
			func(err error) { fmt.Println(name, "has ended:", err) },
		)
	}
	failing := enumeratee.MapM(func(_ context.Context, e int) (int, error) {
		if e == 2 {
			return 0, fmt.Errorf("cannot take a %d", e)
		}
		return e, nil
	})
	enumerator.Run(context.Background(), enumerator.Of(1, 2, 3), enumeratee.Transform(enumeratee.Compose(log("source"), failing), iteratee.Ignore[int]()))
	show(log("all"), 1)
	// Output:
	// source 1
	// source 2
	// source has ended: cannot take a 2
	// all 1
	// all has ended: <nil>
	// [1]
}

func ExampleGroupBy() {
	// The changes of each sensor.
	type reading struct{ Sensor, Value string }
	sensor := func(r reading) string { return r.Sensor }
	changes := func(string) enumeratee.Enumeratee[reading, reading] {
		return enumeratee.DistinctUntilChanged[reading]()
	}
	show(enumeratee.GroupBy(1000, sensor, changes),
		reading{"door", "open"}, reading{"lamp", "off"}, reading{"door", "open"}, reading{"lamp", "on"})
	// Output: [{door open} {lamp off} {lamp on}]
}

func ExampleGroupByWithin() {
	// Groups words by their length. A group ends when no word of its length has come for an hour.
	length := func(s string) int { return len(s) }
	words := func(int) enumeratee.Enumeratee[string, []string] {
		return enumeratee.Grouped(iteratee.Collect[string]())
	}
	show(enumeratee.GroupByWithin(10, time.Hour, length, words), "one", "two", "three", "four", "six", "seven")
	// Output: [[one two six] [three seven] [four]]
}
