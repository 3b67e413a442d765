package topic

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// A key takes memory only until it may publish as before, so the number of keys is bounded by the pace of requests.
func TestRateForgetsKeys(t *testing.T) {
	l := &limiter{burst: 10 * time.Second, every: time.Second, busy: map[string]time.Time{}}
	now := time.Now()
	for i := range 100_000 {
		assert.Zero(t, l.add(strconv.Itoa(i), now))
		now = now.Add(10 * time.Millisecond) // 100 keys are busy at once
	}
	assert.LessOrEqual(t, len(l.busy), 2*100+64)
}
