//go:build unix

package main

import (
	"io"
	"log"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The program starts itself as a server. In a test, that is the test's executable.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "-serve" {
		main()
		return
	}
	os.Exit(m.Run())
}

// Each job checks that its contenders do what they are measured for.
func TestJobs(t *testing.T) {
	log.SetOutput(io.Discard)
	for _, j := range jobs {
		t.Run(j.name, func(t *testing.T) {
			rows, err := j.run(scale{dir: t.TempDir(), rounds: 1, readers: 20, messages: 16, topics: 100, publish: 10 * time.Millisecond})
			require.NoError(t, err)
			require.Greater(t, len(rows), 3)
			for _, row := range rows[1:] {
				assert.Len(t, row, len(rows[0]))
				figure, err := strconv.ParseFloat(row[len(row)-1], 64)
				assert.NoError(t, err, row)
				assert.Positive(t, figure, row)
			}
		})
	}
}

func TestDeliverFindsLostMessages(t *testing.T) {
	lossy := fanner{"lossy", func(_ string, readers []*reader) (fan, error) {
		return fan{publish: func(m message) error {
			for _, r := range readers[m.Number/10:] { // after the first ten messages, some get none
				r.take(m)
			}
			return nil
		}, close: func() {}}, nil
	}}
	defer func(before time.Duration) { timeout = before }(timeout)
	timeout = time.Millisecond
	_, _, err := deliverOnce(lossy, scale{readers: 20, messages: 16}, t.TempDir())
	assert.EqualError(t, err, "1 readers have not got message 10")
}

func TestMedianAndRatios(t *testing.T) {
	assert.Equal(t, 2.0, median([]float64{9, 1, 2}))
	assert.Equal(t, 3.0, median([]float64{9, 1, 2, 4}))
	assert.Equal(t, []float64{2, 0.5}, ratios([]float64{4, 1}, []float64{2, 2}))
}
