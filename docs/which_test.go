package docs_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// The table of which.md about time.
func TestTimesOfAdapters(t *testing.T) {
	page, err := os.ReadFile("which.md")
	require.NoError(t, err)
	const d = 3 * time.Second
	one := func(e int) []int { return []int{e} }
	for name, adapter := range map[string]enumeratee.Enumeratee[int, []int]{
		"Throttle":      enumeratee.Compose(enumeratee.Throttle[int](d), enumeratee.Map(one)),
		"Audit":         enumeratee.Compose(enumeratee.Audit[int](d), enumeratee.Map(one)),
		"Sample":        enumeratee.Compose(enumeratee.Sample[int](d), enumeratee.Map(one)),
		"Debounce":      enumeratee.Compose(enumeratee.Debounce[int](d), enumeratee.Map(one)),
		"GroupedWithin": enumeratee.GroupedWithin[int](4, d),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				// source makes the second at which it makes an element, and ends at 20.
				source := enumerator.Unicast(func(c enumerator.Channel[int]) {
					for _, second := range []int{0, 1, 2, 3, 4, 10} {
						// A little later, so that no element comes at the same moment as a timer.
						time.Sleep(time.Until(start.Add(time.Duration(second) * 1001 * time.Millisecond)))
						assert.NoError(t, c.Push(t.Context(), second))
					}
					time.Sleep(time.Until(start.Add(20 * time.Second)))
					c.End()
				})
				var got []string
				_, err := enumerator.Run(t.Context(), enumerator.Through(source, adapter), iteratee.ForEach(func(_ context.Context, e []int) error {
					got = append(got, fmt.Sprintf("%s at %d", strings.Trim(fmt.Sprint(e), "[]"), int(time.Since(start).Seconds())))
					return nil
				}))
				require.NoError(t, err)
				_, row, found := strings.Cut(string(page), "\n| [`"+name+"(")
				require.True(t, found)
				row, _, _ = strings.Cut(row, "\n")
				assert.Equal(t, strings.Join(got, "; "), strings.TrimSpace(strings.Split(row, "|")[3]))
			})
		})
	}
}
