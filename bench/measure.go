package main

import (
	"fmt"
	"runtime"
	"slices"
	"time"
)

// figures are the costs of one contender per unit of the job.
type figures struct {
	ns, allocs float64
	ratio      float64 // of ns to this toolkit's ns
}

// check runs each contender once and compares the answers.
func check(contenders []contender) error {
	want := contenders[0].run()
	for _, c := range contenders[1:] {
		if got := c.run(); got != want {
			return fmt.Errorf("%s answers %d, %s answers %d", contenders[0].name, want, c.name, got)
		}
	}
	return nil
}

// measure returns the medians of all rounds. The first contender is this toolkit.
func measure(contenders []contender, units, rounds int) map[string]figures {
	all := map[string][]figures{}
	for round := range rounds {
		var ours float64
		for i, c := range contenders {
			f := once(c, units, round)
			if i == 0 {
				ours = f.ns
			}
			f.ratio = f.ns / ours
			all[c.name] = append(all[c.name], f)
		}
	}
	medians := map[string]figures{}
	for name, fs := range all {
		medians[name] = figures{
			ns:     median(fs, func(f figures) float64 { return f.ns }),
			allocs: median(fs, func(f figures) float64 { return f.allocs }),
			ratio:  median(fs, func(f figures) float64 { return f.ratio }),
		}
	}
	return medians
}

// atLeast is the shortest time that once takes, so that short runs can be timed.
const atLeast = 20 * time.Millisecond

func once(c contender, units, round int) figures {
	goroutines := runtime.NumGoroutine()
	runtime.GC() // so that c does not pay for the garbage of others
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	runs, elapsed := 0, time.Duration(0)
	for depth := round; elapsed < atLeast; depth++ {
		atDepth(depth%depths, func() {
			start := time.Now()
			for n := 1; time.Since(start) < atLeast/depths; n *= 2 {
				for range n {
					c.run()
				}
				runs += n
			}
			elapsed += time.Since(start)
		})
		settle(goroutines)
	}
	runtime.ReadMemStats(&after)
	n := float64(runs * units)
	return figures{ns: float64(elapsed.Nanoseconds()) / n, allocs: float64(after.Mallocs-before.Mallocs) / n}
}

// depths is the number of words in a line of the cache.
const depths = 8

// atDepth calls f at the n-th of several depths of the stack. A copy of a large element takes up to twice as
// long if it crosses a line of the cache or a page at a bad place. The depths are an odd number of words apart
// and together as long as a page, so that no contender has luck with that.
//
//go:noinline
func atDepth(n int, f func()) {
	var frame [65]int // 69 words with the rest of the frame
	if n > 0 {
		atDepth(n-1, f)
	} else {
		f()
	}
	runtime.KeepAlive(&frame)
}

// settle waits until the goroutines of a contender have ended, so that they do not disturb
// the next one.
func settle(goroutines int) {
	for deadline := time.Now().Add(time.Second); runtime.NumGoroutine() > goroutines && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
}

func median(fs []figures, value func(figures) float64) float64 {
	var vs []float64
	for _, f := range fs {
		vs = append(vs, value(f))
	}
	slices.Sort(vs)
	return (vs[(len(vs)-1)/2] + vs[len(vs)/2]) / 2
}
