package main

import (
	"bufio"
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"github.com/destel/rill"
	"github.com/reactivex/rxgo/v2"
	"github.com/reugn/go-streams/extension"
	"github.com/samber/ro"

	"github.com/halley-go/halley/enumeratee/text"
	"github.com/halley-go/halley/enumerator"
)

const (
	textSize  = 64 << 20
	chunkSize = 64 << 10
	pattern   = "the pattern that is searched for"
)

var (
	// The tallies add up the bytes of the elements, and a billion for each.
	tallyBytes  = func(a int, line []byte) int { return a + 1_000_000_000 + len(line) }
	tallyString = func(a int, line string) int { return a + 1_000_000_000 + len(line) }
	tallyMatch  = func(a int, m text.MatchInfo) int {
		if m.IsMatch {
			a++
		}
		return a
	}
)

// randomText returns the same text in each run of the program. Its lines have 63 bytes on
// average.
func randomText(n int) []byte {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 \n"
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{}).Read(b)
	for i := range b {
		b[i] = letters[b[i]%64]
	}
	return b
}

// lines has a loop over bufio.Scanner. The contenders that send a line to another
// goroutine must copy it.
func lines(size float64, dir string) (int, []contender, error) {
	file := filepath.Join(dir, "text")
	content := randomText(scaled(textSize, size))
	if err := os.WriteFile(file, content, 0o600); err != nil {
		return 0, nil, err
	}
	scan := func(yield func(*bufio.Scanner) bool) {
		f, err := os.Open(file)
		must(err)
		defer f.Close()
		s := bufio.NewScanner(f)
		s.Buffer(make([]byte, chunkSize), chunkSize)
		for s.Scan() {
			if !yield(s) {
				return
			}
		}
		must(s.Err())
	}
	source := enumerator.Through(enumerator.FromFileReuse(file, chunkSize), text.Lines(chunkSize))
	observable := ro.Pipe1(ro.NewUnsafeObservable(func(to ro.Observer[[]byte]) ro.Teardown {
		for s := range scan {
			to.Next(s.Bytes())
		}
		to.Complete()
		return nil
	}), ro.Reduce(tallyBytes, 0))
	return bytes.Count(content, []byte("\n")) + 1, []contender{
		ours(source, tallyBytes),
		{loop, func() (a int) {
			for s := range scan {
				a = tallyBytes(a, s.Bytes())
			}
			return a
		}},
		{seq, func() int { return foldSeq(mapSeq(scan, (*bufio.Scanner).Bytes), 0, tallyBytes) }},
		{channels, func() int {
			return foldChan(stage(func(out chan<- string) {
				for s := range scan {
					out <- s.Text()
				}
			}), 0, tallyString)
		}},
		{roLib, func() int { return lastOf(observable) }},
		{rillLib, func() int {
			return foldRill(rill.FromSeq(mapSeq(scan, (*bufio.Scanner).Text), nil), 0, tallyString)
		}},
		{goStreams, func() int { return foldStreams(extension.NewFileSource(file).Out(), 0, tallyString) }},
		{rxGo, func() int {
			in := make(chan rxgo.Item, 64)
			go func() {
				defer close(in)
				for s := range scan {
					in <- rxgo.Of(s.Text())
				}
			}()
			return foldRx(rxgo.FromChannel(in, buffered), 0, tallyString)
		}},
	}, nil
}

// search leaves out the contenders without a search, which would call bytes.Index too.
func search(size float64, _ string) (int, []contender, error) {
	content := randomText(scaled(textSize, size))
	for at := chunkSize / 2; at+len(pattern) < len(content); at += chunkSize + chunkSize/32 {
		copy(content[at:], pattern) // at different places in a chunk, and sometimes across two
	}
	source := enumerator.Through(enumerator.FromSlice(slices.Collect(slices.Chunk(content, chunkSize))), text.Search([]byte(pattern)))
	return len(content) >> 10, []contender{
		ours(source, tallyMatch),
		{loop, func() (a int) {
			for rest := content; ; a++ {
				i := bytes.Index(rest, []byte(pattern))
				if i < 0 {
					return a
				}
				rest = rest[i+len(pattern):]
			}
		}},
	}, nil
}
