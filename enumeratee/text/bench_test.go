package text_test

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumeratee/text"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

const benchSize = 64 << 20

// inChunks returns data in chunks of 64 KiB.
func inChunks(data []byte) enumerator.Enumerator[[]byte] {
	return enumerator.FromSlice(slices.Collect(slices.Chunk(data, 64<<10)))
}

// compare runs ours and theirs in turn, and reports the speed of ours in multiples of
// that of theirs.
func compare(b *testing.B, size int, ours, theirs func() int) {
	var us, them time.Duration
	b.ReportAllocs()
	for b.Loop() {
		start := time.Now()
		want := theirs()
		them += time.Since(start)

		start = time.Now()
		got := ours()
		us += time.Since(start)
		if got != want {
			b.Fatal(got, want)
		}
	}
	b.ReportMetric(float64(them)/float64(us), "x-speed")
	b.ReportMetric(float64(b.N*size)/us.Seconds()/1e6, "MB/s")
	b.ReportMetric(0, "ns/op") // the sum of both means nothing
}

// BenchmarkLines compares Lines with a bufio.Scanner: both count the bytes of all lines of
// 64 MiB.
func BenchmarkLines(b *testing.B) {
	for _, length := range []int{20, 80, 1000} {
		b.Run(fmt.Sprintf("of %d bytes", length), func(b *testing.B) {
			data := bytes.Repeat([]byte(strings.Repeat("x", length-1)+"\n"), benchSize/length)
			consumer := enumeratee.Transform(text.Lines(64<<10), iteratee.Fold(0, func(n int, line []byte) int { return n + len(line) }))
			source := inChunks(data)
			compare(b, len(data), func() int {
				n, err := enumerator.Run(b.Context(), source, consumer)
				if err != nil {
					b.Fatal(err)
				}
				return n
			}, func() (n int) {
				scanner := bufio.NewScanner(bytes.NewReader(data))
				scanner.Buffer(make([]byte, 64<<10), 64<<10)
				for scanner.Scan() {
					n += len(scanner.Bytes())
				}
				return n
			})
		})
	}
}

// BenchmarkSearch compares Search with bytes.Index: both count the matches of a pattern of
// 32 bytes in 64 MiB.
func BenchmarkSearch(b *testing.B) {
	pattern := []byte("--boundary-0123456789abcdef-end\n")
	letters := make([]byte, benchSize)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range letters {
		letters[i] = "abcdefghijklmnopqrstuvwxyz -\n"[random.IntN(29)]
	}
	for name, every := range map[string]int{"no match": benchSize, "a match in 4 KiB": 4 << 10} {
		b.Run(name, func(b *testing.B) {
			data := slices.Clone(letters)
			for at := every; at < len(data); at += every {
				copy(data[at-len(pattern)/2:], pattern)
			}
			consumer := enumeratee.Transform(text.Search(pattern), iteratee.Fold(0, func(n int, m text.MatchInfo) int {
				if m.IsMatch {
					n++
				}
				return n
			}))
			source := inChunks(data)
			compare(b, len(data), func() int {
				n, err := enumerator.Run(b.Context(), source, consumer)
				if err != nil {
					b.Fatal(err)
				}
				return n
			}, func() int {
				n := 0
				for rest := data; ; n++ {
					at := bytes.Index(rest, pattern)
					if at < 0 {
						return n
					}
					rest = rest[at+len(pattern):]
				}
			})
		})
	}
}
