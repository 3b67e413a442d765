package topics_test

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/iteratee"
)

// Programs publish to a few topics, end and delete them, while runs come and go.
func TestTopicsStress(t *testing.T) {
	const programs, each = 8, 1000
	all := topics.New[int](topics.Memory(20), enumerator.Capacity(8))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var publishing, reading sync.WaitGroup
	var got atomic.Int64
	for i := range programs {
		publishing.Go(func() {
			for n := range each {
				topic := all.Topic(strconv.Itoa((n + i) % 3))
				switch {
				case n%500 == 499:
					_ = topic.End(ctx)
				case n%100 == 99:
					assert.NoError(t, topic.Delete(ctx))
				default:
					if _, err := topic.Publish(ctx, "", n); err != nil {
						assert.ErrorIs(t, err, topics.ErrEnded)
					}
				}
			}
		})
		reading.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				some, leave := context.WithCancel(ctx)
				left, last := n%50, position{}
				_, err := enumerator.Run(some, all.Topic(strconv.Itoa(n%3)).Last(n%30), iteratee.ForEach(func(_ context.Context, i enumerator.Item[int]) error {
					if i.Position.Seq < last.Seq || i.IsMessage() && i.Position == last {
						t.Errorf("%v follows %v", i.Position, last)
					}
					last = i.Position
					got.Add(1)
					if left--; left < 0 {
						leave()
					}
					return nil
				}))
				if some.Err() == nil {
					assert.NoError(t, err)
				}
				leave()
			}
		})
	}
	publishing.Wait()
	cancel()
	reading.Wait()
	require.Positive(t, got.Load())
	stats := all.Stats()
	require.Zero(t, stats.Topics+stats.Runs)
}
