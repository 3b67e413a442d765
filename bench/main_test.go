package main

import (
	"io"
	"log"
	"runtime"
	"slices"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const small = 0.003

func TestAllContendersAnswerTheSame(t *testing.T) {
	for _, j := range jobs {
		t.Run(j.name, func(t *testing.T) {
			goroutines := runtime.NumGoroutine()
			units, contenders, err := j.prepare(small, t.TempDir())
			require.NoError(t, err)
			assert.Positive(t, units)
			assert.Equal(t, halley, contenders[0].name, "the ratios are relative to it")
			want := contenders[0].run()
			assert.NotZero(t, want)
			for _, c := range contenders {
				assert.Contains(t, columns, c.name)
				assert.Equal(t, want, c.run(), c.name)
				assert.Equal(t, want, c.run(), "%s, again", c.name)
			}
			settle(goroutines)
			assert.LessOrEqual(t, runtime.NumGoroutine(), goroutines, "goroutines left")
		})
	}
}

func TestCheckFindsAWrongAnswer(t *testing.T) {
	one, two := contender{"one", func() int { return 1 }}, contender{"two", func() int { return 2 }}
	assert.NoError(t, check([]contender{one, one}))
	assert.EqualError(t, check([]contender{one, two}), "one answers 1, two answers 2")
}

func TestTable(t *testing.T) {
	log.SetOutput(io.Discard)
	rows, err := runAll("take 10", 1, small, t.TempDir())
	require.NoError(t, err)
	require.Len(t, rows, 3)
	assert.Equal(t, []string{"take 10 of an endless source", "ns per run"}, rows[0][:2])
	for _, row := range rows {
		assert.Len(t, row, 2+len(columns))
		assert.Equal(t, "-", row[2+slices.Index(columns, goStreams)], "go-streams has no Take")
	}
	assert.Equal(t, "1.0", rows[2][2])

}

func TestAtDepth(t *testing.T) {
	places := map[uintptr]bool{}
	for n := range depths {
		atDepth(n, func() {
			var word int
			places[uintptr(unsafe.Pointer(&word))%(8*depths)] = true
		})
	}
	assert.Len(t, places, depths)
}

func TestFigure(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.004: "0", 0.15: "0.15", 1: "1.0", 2.46: "2.5", 10: "10", 1426.4: "1426"} {
		assert.Equal(t, want, figure(v))
	}
}

func TestMedian(t *testing.T) {
	ns := func(f figures) float64 { return f.ns }
	assert.Equal(t, 2.0, median([]figures{{ns: 9}, {ns: 1}, {ns: 2}}, ns))
	assert.Equal(t, 3.0, median([]figures{{ns: 9}, {ns: 1}, {ns: 2}, {ns: 4}}, ns))
}
