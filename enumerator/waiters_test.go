package enumerator

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

// Each waiter hears the first ring after it was added exactly once, through the waiters that were added
// before it. It hears of its leaving instead if that comes before the ring.
func TestWaitersAreTheirModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const (
			out = iota
			waits
			rung // another waiter that was rung will wake it
			left
		)
		var ws waiters
		all := make([]waiter, rapid.IntRange(1, 20).Draw(t, "waiters"))
		state := make([]int, len(all))
		gone := make([]bool, len(all)) // leave was called
		for i := range all {
			all[i].bell = make(chan bool, 1)
		}
		one := func() int { return rapid.IntRange(0, len(all)-1).Draw(t, "one") }
		count := func(s int) (n int) {
			for _, is := range state {
				if is == s {
					n++
				}
			}
			return n
		}
		// hear calls wait for a waiter whose bell has rung.
		hear := func() bool {
			var bells []int
			for i := range all {
				if len(all[i].bell) > 0 {
					bells = append(bells, i)
				}
			}
			if len(bells) == 0 {
				return false
			}
			i := rapid.SampledFrom(bells).Draw(t, "bell")
			assert.Equal(t, state[i] == rung, all[i].wait(), "waiter %d", i)
			assert.Contains(t, []int{rung, left}, state[i], "waiter %d", i)
			state[i] = out
			return true
		}
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				i := one()
				if state[i] != out {
					t.Skip("it waits")
				}
				if added := ws.add(&all[i]); assert.Equal(t, !gone[i], added) && added {
					state[i] = waits
				}
			},
			"leave": func(t *rapid.T) {
				i := one()
				ws.leave(&all[i])
				gone[i] = true
				if state[i] == waits {
					state[i] = left
				}
			},
			"ring": func(*rapid.T) {
				ws.ring()
				for i := range state {
					if state[i] == waits {
						state[i] = rung
					}
				}
			},
			"ring, answered by the holder of the lock": func(*rapid.T) {
				ws.mu.Lock()
				ws.ring()
				ws.unlock()
				for i := range state {
					if state[i] == waits {
						state[i] = rung
					}
				}
			},
			"come back": func(t *rapid.T) { // the place of a waiter that was woken is free
				i := one()
				if state[i] != out {
					t.Skip("it waits")
				}
				all[i], gone[i] = waiter{bell: all[i].bell}, false
			},
			"hear": func(t *rapid.T) {
				if !hear() {
					t.Skip("no bell")
				}
			},
			"": func(t *rapid.T) { assert.EqualValues(t, count(waits), ws.n.Load()) },
		})
		for hear() {
		}
		assert.Zero(t, count(rung)+count(left), "every waiter was woken")
	})
}
