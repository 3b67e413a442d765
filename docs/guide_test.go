package docs_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumeratee/ndjson"
	"github.com/halley-go/halley/enumeratee/text"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/enumeratortest"
	"github.com/halley-go/halley/iteratee"
)

// The code of guide.md.

func Example_guideRun() {
	ctx := context.Background()
	// snippet: run
	source := enumerator.Of("Mercury", "Venus", "Earth", "Mars")
	length := enumeratee.Map(func(name string) int { return len(name) })
	sum := iteratee.Fold(0, func(sum, n int) int { return sum + n })

	total, err := enumerator.Run(ctx, enumerator.Through(source, length), sum)
	fmt.Println(total, err)
	// Output: 21 <nil>
}

func Example_guideSources() {
	// snippet: sources
	letters := enumerator.Of("a", "b", "c")                             // these elements
	numbers := enumerator.Range(1, 3)                                   // 1, 2, 3
	powers := enumerator.Unfold(1, func(n int) (e, next int, ok bool) { // 1, 2, 4, 8, … without end
		return n, 2 * n, true
	})
	lines := enumerator.FromSeq(strings.Lines("one\ntwo\n")) // any sequence of Go
	// end snippet
	show := func(e any) {}
	_, _, _ = letters, numbers, lines
	show(powers)

	// snippet: generate
	var rows *cursor // of a database
	source := enumerator.Generate(func(ctx context.Context) (row string, ok bool, err error) {
		return rows.Next(ctx) // waits for the next row. ok is false after the last one
	})
	// end snippet
	_ = source
	// Output:
}

type cursor struct{}

func (*cursor) Next(context.Context) (string, bool, error) { return "", false, nil }

// snippet: grow

// grow returns the bytes of a file, and then the bytes that are appended to it. It looks four times a second. If the file
// has become shorter, grow begins again at its start.
func grow(name string) enumerator.Enumerator[[]byte] {
	return enumerator.Defer(func(ctx context.Context) (chunks enumerator.Enumerator[[]byte], err error) {
		file, err := os.Open(name)
		if err != nil {
			return chunks, err
		}
		iteratee.AtEnd(ctx, func() { _ = file.Close() })
		look := func(time.Time) enumerator.Enumerator[[]byte] {
			at, _ := file.Seek(0, io.SeekCurrent)
			if info, err := file.Stat(); err == nil && info.Size() < at {
				_, _ = file.Seek(0, io.SeekStart)
			}
			return enumerator.FromReader(file, 64<<10) // up to the present end
		}
		return enumerator.FlatMap(enumerator.Interval(250*time.Millisecond), look), nil
	})
}

// end snippet

func TestGrow(t *testing.T) {
	name := filepath.Join(t.TempDir(), "log")
	write := func(flag int, content string) {
		file, err := os.OpenFile(name, os.O_WRONLY|flag, 0o600)
		require.NoError(t, err)
		_, err = file.WriteString(content)
		require.NoError(t, err)
		require.NoError(t, file.Close())
	}
	synctest.Test(t, func(t *testing.T) {
		write(os.O_CREATE, "one\ntw")
		ctx, cancel := context.WithCancel(t.Context())
		lines := make(chan string, 10)
		ended := make(chan error)
		go func() {
			_, err := enumerator.Run(ctx, enumerator.Through(grow(name), text.Lines(100)), iteratee.ForEach(func(_ context.Context, line []byte) error {
				lines <- string(line)
				return nil
			}))
			ended <- err
		}()
		seen := func(want ...string) {
			time.Sleep(time.Second)
			synctest.Wait()
			var got []string
			for range len(lines) {
				got = append(got, <-lines)
			}
			assert.Equal(t, want, got)
		}
		seen("one")
		write(os.O_APPEND, "o\nthree\n")
		seen("two", "three")
		seen()
		write(os.O_TRUNC, "four\n")
		seen("four")
		cancel()
		assert.ErrorIs(t, <-ended, context.Canceled)

		_, err := enumerator.Run(t.Context(), grow(name+"2"), iteratee.Ignore[[]byte]())
		assert.ErrorIs(t, err, fs.ErrNotExist)
		first, err := enumerator.Run(t.Context(), enumerator.Through(grow(name), text.Lines(100)), iteratee.Head[[]byte]())
		assert.NoError(t, err)
		assert.Equal(t, "four", string(*first))
	})
}

func Example_guideConsumers() {
	ctx := context.Background()
	source := enumerator.Of(3, 1, 4, 1, 5)
	// snippet: consumers
	all, _ := enumerator.Run(ctx, source, iteratee.Collect[int]())
	first, _ := enumerator.Run(ctx, source, iteratee.Head[int]()) // a pointer: nil if the source is empty
	most, _ := enumerator.Run(ctx, source, iteratee.Max[int]())
	some, _ := enumerator.Run(ctx, source, iteratee.TakeUpTo[int](2))
	_, err := enumerator.Run(ctx, source, iteratee.ForEach(func(ctx context.Context, n int) error {
		return nil // an error would end the run
	}))
	fmt.Println(all, *first, *most, some, err)
	// Output: [3 1 4 1 5] 3 5 [3 1] <nil>
}

func Example_guideFlatMap() {
	ctx := context.Background()
	// snippet: flatmap
	// The first element says how many elements follow.
	counted := iteratee.FlatMap(iteratee.Head[int](), func(n *int) iteratee.Iteratee[int, []int] {
		if n == nil {
			return iteratee.Error[int, []int](io.ErrUnexpectedEOF, iteratee.Empty[int]())
		}
		return iteratee.TakeUpTo[int](*n)
	})
	source := enumerator.Of(2, 10, 20, 3, 30, 40, 50)
	once, _ := enumerator.Run(ctx, source, counted)
	groups, _ := enumerator.Run(ctx, source, iteratee.Repeat(counted))
	fmt.Println(once, groups)
	// Output: [10 20] [[10 20] [30 40 50]]
}

func Example_guideZip() {
	ctx := context.Background()
	// snippet: zip
	// One stream, two results.
	sum := iteratee.Fold(0.0, func(sum, e float64) float64 { return sum + e })
	average := iteratee.ZipWith(sum, iteratee.Count[float64](), func(sum float64, n int) float64 {
		return sum / float64(max(n, 1))
	})
	result, _ := enumerator.Run(ctx, enumerator.Of(1.0, 2, 6), average)
	fmt.Println(result)
	// Output: 3
}

func Example_guidePlaces() {
	ctx := context.Background()
	source := enumerator.Of("a", "b")
	upper := enumeratee.Map(strings.ToUpper)
	exclaim := enumeratee.Map(func(e string) string { return e + "!" })
	consumer := iteratee.Collect[string]()
	// snippet: places
	behindSource := enumerator.Through(source, upper)         // an Enumerator
	beforeConsumer := enumeratee.Transform(exclaim, consumer) // an Iteratee
	both := enumeratee.Compose(upper, exclaim)                // an Enumeratee
	one, _ := enumerator.Run(ctx, behindSource, beforeConsumer)
	two, _ := enumerator.Run(ctx, enumerator.Through(source, both), consumer)
	fmt.Println(one, two)
	// Output: [A! B!] [A! B!]
}

func Example_guideGrouped() {
	ctx := context.Background()
	// snippet: grouped
	// An adapter that is made of a consumer: the sum of every three elements.
	sum := iteratee.Fold(0, func(sum, e int) int { return sum + e })
	threes := enumeratee.Grouped(enumeratee.Transform(enumeratee.Take[int](3), sum))
	sums, _ := enumerator.Run(ctx, enumerator.Through(enumerator.Range(1, 7), threes), iteratee.Collect[int]())
	fmt.Println(sums)
	// Output: [6 15 7]
}

func Example_guideLeftovers() {
	ctx := context.Background()
	// snippet: leftovers
	// A header of lines, an empty line, and then a body of JSON.
	const stream = "name: halley\nkind: comet\n\n{\"year\":1758}\n{\"year\":1835}\n"

	type year struct{ Year int }
	isHeader := func(line []byte) bool { return len(line) > 0 }
	header := enumeratee.Transform(
		enumeratee.Compose(text.Lines(1024), enumeratee.TakeWhile(isHeader)),
		iteratee.ForEach(func(_ context.Context, line []byte) error {
			fmt.Printf("%s\n", line)
			return nil
		}),
	)
	body := enumeratee.Transform(ndjson.Decode[year](1024), iteratee.Collect[year]())
	message := iteratee.FlatMap(header, func(struct{}) iteratee.Iteratee[[]byte, []year] { return body })

	// The body gets exactly the bytes that the header did not consume, however they are cut into chunks.
	chunks := enumerator.FromReader(strings.NewReader(stream), 7)
	years, err := enumerator.Run(ctx, chunks, message)
	fmt.Println(years, err)
	// Output:
	// name: halley
	// kind: comet
	// [{1758} {1835}] <nil>
}

func Example_guideNeighbours() {
	ctx := context.Background()
	// snippet: neighbours
	// The requests of each second.
	type request struct {
		second int
		path   string
	}
	sameSecond := enumeratee.Defer(func(context.Context) (enumeratee.Enumeratee[request, request], error) {
		begun, second := false, 0 // of the group
		return enumeratee.TakeWhile(func(r request) bool {
			if !begun {
				begun, second = true, r.second
			}
			return r.second == second
		}), nil
	})
	seconds := enumeratee.Grouped(enumeratee.Transform(sameSecond, iteratee.Collect[request]()))
	requests := enumerator.Of(request{1, "/a"}, request{1, "/b"}, request{2, "/a"}, request{4, "/c"})
	groups, err := enumerator.Run(ctx, enumerator.Through(requests, seconds), iteratee.Collect[[]request]())
	fmt.Println(groups, err)
	// Output: [[{1 /a} {1 /b}] [{2 /a}] [{4 /c}]] <nil>
}

func Example_guideErrors() {
	ctx := context.Background()
	// snippet: errors
	errBad := errors.New("bad element")
	check := enumeratee.MapM(func(_ context.Context, e string) (string, error) {
		if e == "?" {
			return "", errBad
		}
		return e, nil
	})
	source := enumerator.Of("a", "?", "b")

	// Nobody catches the error: it ends the run.
	_, err := enumerator.Run(ctx, enumerator.Through(source, check), iteratee.Collect[string]())
	fmt.Println(err, errors.Is(err, errBad))

	// The adapter goes on after the element on which it failed.
	skip := enumeratee.Recover(check, func(_ context.Context, err error, at iteratee.Input[string]) error {
		return nil // or the error, to end the run
	})
	all, err := enumerator.Run(ctx, enumerator.Through(source, skip), iteratee.Collect[string]())
	fmt.Println(all, err)

	// Another source takes over when this one fails.
	failing := enumerator.Of("a").AndThen(enumerator.Throw[string](errBad))
	spare := enumerator.Catch(failing, func(error) enumerator.Enumerator[string] { return enumerator.Of("spare") })
	all, err = enumerator.Run(ctx, spare, iteratee.Collect[string]())
	fmt.Println(all, err)
	// Output:
	// bad element true
	// [a b] <nil>
	// [a spare] <nil>
}

func Example_guideKeep() {
	// snippet: keep
	// keep consumes a stream and returns the elements that have come, even if the stream fails.
	keep := func(ctx context.Context, source enumerator.Enumerator[string]) (seen []string, err error) {
		_, err = enumerator.Run(ctx, source, iteratee.ForEach(func(_ context.Context, e string) error {
			seen = append(seen, e)
			return nil
		}))
		return seen, err
	}
	// end snippet
	fmt.Println(keep(context.Background(), enumerator.Of("a", "b").AndThen(enumerator.Throw[string](errBoom))))
	// Output: [a b] boom
}

func TestGuideCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// snippet: cancel
		ctx, cancel := context.WithTimeout(context.Background(), 3500*time.Millisecond)
		defer cancel()
		ticks := enumerator.Interval(time.Second) // has no end
		n := 0
		_, err := enumerator.Run(ctx, ticks, iteratee.ForEach(func(context.Context, time.Time) error { n++; return nil }))
		fmt.Println(n, err) // 3 context deadline exceeded
		// end snippet
		assert.Equal(t, 3, n)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

// snippet: signal

// countLines prints the number of lines of a file, and returns the status with which the program exits.
func countLines(name string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	lines := enumerator.Through(enumerator.FromFile(name, 64<<10), text.Lines(1<<20))
	n, err := enumerator.Run(ctx, lines, iteratee.Count[[]byte]())
	switch {
	case err == nil:
		fmt.Println(n)
		return 0
	case ctx.Err() != nil:
		return 130 // the status that shells expect after Ctrl-C
	default:
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
}

// end snippet

func TestCountLines(t *testing.T) {
	assert.Equal(t, 0, countLines("guide.md"))
	assert.Equal(t, 1, countLines("there is no such file"))
}

func Example_guideStop() {
	ctx := context.Background()
	// snippet: stop
	source := enumerator.OnDoneEnumerating(
		enumerator.FromFile("guide.md", 4096),
		func() error { fmt.Println("the file is closed"); return nil },
	)
	lines := enumerator.Through(source, text.Lines(1<<16))
	first, err := enumerator.Run(ctx, lines, iteratee.Head[[]byte]())
	fmt.Printf("%s %v\n", *first, err)
	// Output:
	// the file is closed
	// # A guide to the core <nil>
}

func TestGuideBackpressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// snippet: backpressure
		slow := iteratee.ForEach(func(ctx context.Context, e int) error {
			time.Sleep(time.Second) // such as a write to a slow client
			return nil
		})
		made := 0
		source := enumerator.Repeat(func() int { made++; return made })
		ctx, cancel := context.WithTimeout(t.Context(), 4500*time.Millisecond)
		defer cancel()
		_, err := enumerator.Run(ctx, source, slow)
		fmt.Println(made, err) // 5 elements were made in 4.5 seconds
		// end snippet
		assert.Equal(t, 5, made)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestGuideConflate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// snippet: conflate
		newest := func(waiting, e int) int { return e }
		prices := enumerator.Zip(enumerator.Range(1, 100), enumerator.Interval(time.Second)) // a price each second
		price := enumeratee.Map(func(p iteratee.Pair[int, time.Time]) int { return p.First })
		var shown []int
		show := iteratee.ForEach(func(ctx context.Context, price int) error {
			shown = append(shown, price)
			time.Sleep(9700 * time.Millisecond) // a slow page
			return nil
		})
		source := enumerator.Through(prices, enumeratee.Compose(price, enumeratee.Conflate(newest)))
		_, err := enumerator.Run(t.Context(), enumerator.Through(source, enumeratee.Take[int](4)), show)
		fmt.Println(shown, err) // [1 10 20 30] <nil>
		// end snippet
		assert.Equal(t, []int{1, 10, 20, 30}, shown)
		assert.NoError(t, err)
	})
}

func TestGuideConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// snippet: concurrency
		fetch := func(ctx context.Context, url string) (int, error) {
			time.Sleep(time.Second) // such as a request
			return len(url), nil
		}
		urls := enumerator.Of("/a", "/bb", "/ccc", "/dddd", "/eeeee", "/ffffff")
		start := time.Now()
		sizes, err := enumerator.Run(t.Context(),
			enumerator.Through(urls, enumeratee.MapConcurrent(3, fetch)), // three requests at once
			iteratee.Collect[int](),
		)
		fmt.Println(sizes, err, time.Since(start)) // [2 3 4 5 6 7] <nil> 2s
		// end snippet
		assert.Equal(t, []int{2, 3, 4, 5, 6, 7}, sizes)
		assert.NoError(t, err)
		assert.Equal(t, 2*time.Second, time.Since(start))
	})
}

func Example_guideHub() {
	ctx := context.Background()
	// snippet: hub
	hub := enumerator.Broadcast[string](enumerator.Capacity(100)) // keeps the last 100 elements
	_ = hub.Push(ctx, "early")
	_ = hub.Push(ctx, "late")
	hub.End()

	// Values hands on the elements only. With nil, the run fails if elements were lost.
	last := enumerator.Values(hub.Last(1), nil)
	all, err := enumerator.Run(ctx, last, iteratee.Collect[string]())
	fmt.Println(all, err)
	// Output: [late] <nil>
}

// snippet: virtual

func TestDebounce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		typed := enumerator.Unicast(func(keys enumerator.Channel[string]) {
			for _, word := range []string{"h", "ha", "hal"} {
				_ = keys.Push(t.Context(), word)
				time.Sleep(100 * time.Millisecond)
			}
			time.Sleep(time.Second)
			_ = keys.Push(t.Context(), "halley")
			keys.End()
		})
		pauses := enumerator.Through(typed, enumeratee.Debounce[string](300*time.Millisecond))
		words, err := enumerator.Run(t.Context(), pauses, iteratee.Collect[string]())
		assert.NoError(t, err)
		assert.Equal(t, []string{"hal", "halley"}, words)
	})
}

// end snippet

func Example_guideReader() {
	ctx := context.Background()
	// snippet: bridges
	source := enumerator.Of([]byte("hello, "), []byte("comet"))

	for chunk, err := range enumerator.All(ctx, source) { // a range loop is a consumer
		fmt.Println(len(chunk), err)
	}

	reader := enumerator.ToReader(ctx, source) // an io.ReadCloser over a source
	defer reader.Close()
	data, err := io.ReadAll(reader)
	fmt.Println(string(data), err)

	var out bytes.Buffer
	n, err := enumerator.Run(ctx, source, iteratee.ToWriter(&out))
	fmt.Println(n, err)
	// Output:
	// 7 <nil>
	// 5 <nil>
	// hello, comet <nil>
	// 12 <nil>
}

func Example_guideRows() {
	ctx := context.Background()
	chunks := enumerator.Of([]byte("comet,year\nHal"), []byte("ley,1986\n"))
	// snippet: rows
	// The rows of a CSV.
	rows := enumerator.New(func(ctx context.Context, sink iteratee.Sink[[]string]) iteratee.Step {
		body := enumerator.ToReader(ctx, chunks)
		defer body.Close()
		r := csv.NewReader(body)
		return enumerator.Generate(func(context.Context) ([]string, bool, error) {
			row, err := r.Read()
			if err == io.EOF {
				return nil, false, nil
			}
			return row, true, err
		}).Into(ctx, sink)
	})
	// end snippet
	fmt.Println(enumerator.Run(ctx, rows, iteratee.Collect[[]string]()))
	// Output: [[comet year] [Halley 1986]] <nil>
}

// snippet: sorted

// mergeSorted returns the elements of two sorted sources, in order.
func mergeSorted[E any](a, b enumerator.Enumerator[E], compare func(E, E) int) enumerator.Enumerator[E] {
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[E]) iteratee.Step {
		var heads [2]E // the next element of each source
		var open [2]bool
		var pull [2]func() (E, error, bool)
		for i, source := range []enumerator.Enumerator[E]{a, b} {
			next, stop := iter.Pull2(enumerator.All(ctx, source))
			defer stop() // not by AtEnd: before that, the run waits for the goroutines of source
			pull[i] = next
		}
		advance := func(i int) (err error) {
			heads[i], err, open[i] = pull[i]()
			return err
		}
		if err := advance(1); err != nil {
			return iteratee.StepError(err)
		}
		i := 0 // the source whose element was handed on last, and at first the one that has not been asked
		return enumerator.Generate(func(context.Context) (e E, ok bool, err error) {
			if err := advance(i); err != nil {
				return e, false, err
			}
			i = 0
			if !open[0] || open[1] && compare(heads[1], heads[0]) < 0 {
				i = 1
			}
			return heads[i], open[i], nil
		}).Into(ctx, sink)
	})
}

// end snippet

func TestMergeSorted(t *testing.T) {
	of, failed := enumerator.Of[int], errors.New("no more")
	assert.NoError(t, enumeratortest.Test(mergeSorted(of(1, 4, 5), of(2, 4, 6, 7), cmp.Compare[int]), []int{1, 2, 4, 4, 5, 6, 7}))
	assert.NoError(t, enumeratortest.Test(mergeSorted(of(), of(2), cmp.Compare[int]), []int{2}))
	assert.NoError(t, enumeratortest.Test(mergeSorted(of(2), of(), cmp.Compare[int]), []int{2}))
	run := func(ctx context.Context, source enumerator.Enumerator[int]) ([]int, error) {
		return enumerator.Run(ctx, source, iteratee.Collect[int]())
	}
	_, err := run(t.Context(), mergeSorted(of(1), of(2).AndThen(enumerator.Throw[int](failed)), cmp.Compare[int]))
	assert.ErrorIs(t, err, failed)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := run(ctx, mergeSorted(of(1), enumerator.Never[int](), cmp.Compare[int]))
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		_, err = run(t.Context(), mergeSorted(enumerator.Never[int](), enumerator.Throw[int](failed), cmp.Compare[int]))
		assert.ErrorIs(t, err, failed)
		buffered := enumerator.Through(of(1, 2, 3), enumeratee.Buffer[int](9)) // has a goroutine
		for _, source := range []enumerator.Enumerator[int]{mergeSorted(buffered, of(2), cmp.Compare[int]), mergeSorted(of(1), buffered, cmp.Compare[int])} {
			got, err := run(t.Context(), enumerator.Through(source, enumeratee.Take[int](1)))
			require.NoError(t, err)
			assert.Equal(t, []int{1}, got)
		}
	})
}
