package enumerator_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/probe"
)

// While the consumer is busy with 0, three elements come. While it is busy with 4, two elements and the
// end come.
func TestSourcesThatCork(t *testing.T) {
	push := func(push func(int), end func()) {
		push(0)
		time.Sleep(time.Second)
		for _, e := range []int{1, 2, 3} {
			push(e)
		}
		time.Sleep(3 * time.Second)
		push(4)
		time.Sleep(time.Second)
		push(5)
		push(6)
		end()
	}
	want := []string{"0", "cork", "1", "2", "3", "uncork", "4", "cork", "5", "6", "uncork"}
	for name, source := range map[string]func() enumerator.Enumerator[int]{
		"Broadcast": func() enumerator.Enumerator[int] {
			hub := enumerator.Broadcast[int]()
			go push(func(e int) { _ = hub.Push(context.Background(), e) }, hub.End)
			synctest.Wait()
			return enumerator.Values(hub.Last(1), nil)
		},
		"Unicast": func() enumerator.Enumerator[int] {
			return enumerator.Unicast(func(ch enumerator.Channel[int]) {
				push(func(e int) { _ = ch.Push(context.Background(), e) }, ch.End)
			})
		},
		"FromChan": func() enumerator.Enumerator[int] {
			ch := make(chan int, 9)
			go push(func(e int) { ch <- e }, func() { close(ch) })
			return enumerator.FromChan(ch)
		},
		"Buffer": func() enumerator.Enumerator[int] {
			ch := make(chan int)
			go push(func(e int) { ch <- e }, func() { close(ch) })
			return enumerator.Through(enumerator.FromChan(ch), enumeratee.Buffer[int](9))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got []string
				note := func(s string) {
					got = append(got, s)
					if s == "0" || s == "4" {
						time.Sleep(2 * time.Second)
					}
				}
				_, err := enumerator.Run(t.Context(), source(), probe.Corks[int](note))
				require.NoError(t, err)
				if name == "Broadcast" { // the run begins with a Bookmark, and has 0 at hand
					assert.Equal(t, "cork", got[0])
					got = append([]string{"0", "cork"}, got[2:]...)
				}
				assert.Equal(t, want, got)
			})
		})
	}
}

// The consumer is uncorked in the end, however the source ends.
func TestSourcesUncorkWhenTheyAreStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ch := make(chan int, 3)
		hub := enumerator.Broadcast[int]()
		for e := range 3 {
			ch <- e
			require.NoError(t, hub.Push(t.Context(), e))
		}
		for name, e := range map[string]enumerator.Enumerator[int]{
			"Broadcast": enumerator.Values(hub.Last(3), nil),
			"FromChan":  enumerator.FromChan(ch),
			"Unicast": enumerator.Unicast(func(c enumerator.Channel[int]) {
				for e := range 3 {
					_ = c.Push(c.Context(), e)
				}
			}),
		} {
			ctx, cancel := context.WithCancelCause(t.Context())
			var got []string
			note := func(s string) {
				got = append(got, s)
				time.Sleep(time.Millisecond)
				if s == "1" {
					cancel(errBoom)
				}
			}
			_, err := enumerator.Run(ctx, e, probe.Corks[int](note))
			assert.ErrorIs(t, err, errBoom, name)
			assert.Equal(t, []string{"cork", "0", "1", "uncork"}, got[max(0, len(got)-4):], name)
		}
	})
}
