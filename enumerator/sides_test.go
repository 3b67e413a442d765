package enumerator_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

type words = enumerator.Enumerator[string]

// marbles returns the source that a line draws, in which each character is a second after the start: a dash for
// nothing, | for the end, ! for EOF, # for a failure, and any other for an element. Without an end the source
// is silent.
func marbles(line string) words {
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[string]) iteratee.Step {
		start := time.Now()
		for second, mark := range line {
			select {
			case <-ctx.Done():
				return iteratee.Cancelled(ctx)
			case <-time.After(time.Until(start.Add(time.Duration(second) * time.Second))):
			}
			switch mark {
			case '-':
			case '|':
				return iteratee.StepCont
			case '!':
				return sink.EOF()
			case '#':
				return iteratee.StepError(errBoom)
			default:
				if step := sink.Next(string(mark)); !step.IsCont() {
					return step
				}
			}
		}
		<-ctx.Done()
		return iteratee.Cancelled(ctx)
	})
}

// played returns the elements of e and of a source that follows, and the end of the run, each with its second. The
// consumer takes busy for each element. The context ends after 30 seconds.
func played(t *testing.T, e words, busy time.Duration) (events string) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		start := time.Now()
		note := func(event string) {
			events += fmt.Sprintf("%d:%s ", int(time.Since(start).Seconds()), event)
		}
		_, err := enumerator.Run(ctx, e.AndThen(enumerator.Of("&")), iteratee.ForEach(func(_ context.Context, e string) error {
			note(e)
			time.Sleep(busy)
			return nil
		}))
		switch {
		case errors.Is(err, errBoom):
			note("#")
		case errors.Is(err, context.DeadlineExceeded):
			note("...")
		default:
			assert.NoError(t, err)
			note("|")
		}
	})
	return strings.TrimSpace(events)
}

func joined(a, b string) string { return a + b }

// Each line has the two sources, and the events with their seconds. The source that follows gives &.
func TestSides(t *testing.T) {
	zip := func(a, b words) words { return enumerator.ZipWith(a, b, joined) }
	combine := func(a, b words) words { return enumerator.CombineLatest(a, b, joined) }
	with := func(a, b words) words { return enumerator.WithLatestFrom(a, b, joined) }
	race := func(a, b words) words { return enumerator.Race(a, b) }
	for name, operator := range map[string]struct {
		of    func(a, b words) words
		lines [][3]string
	}{
		"TakeUntil": {enumerator.TakeUntil[string, string], [][3]string{
			{"1-2-3|", "-----", "0:1 2:2 4:3 5:& 5:|"},
			{"1-2-3|", "---x", "0:1 2:2 3:& 3:|"},
			{"1-2-3|", "---|", "0:1 2:2 3:& 3:|"},
			{"1-2-3|", "---!", "0:1 2:2 3:& 3:|"},
			{"1-2-3|", "---#", "0:1 2:2 3:#"},
			{"1-2#", "---------x", "0:1 2:2 3:#"},
			{"1!", "---------x", "0:1 1:& 1:|"},
			{"--------1", "-x", "1:& 1:|"},
			{"|", "", "0:& 0:|"},
			{"1", "", "0:1 30:..."},
		}},
		"DropUntil": {enumerator.DropUntil[string, string], [][3]string{
			{"1-2-3|", "-x-", "2:2 4:3 5:& 5:|"},
			{"1-2-3|", "-|", "2:2 4:3 5:& 5:|"},
			{"1-2-3|", "-!", "2:2 4:3 5:& 5:|"},
			{"1-2-3|", "-x#", "2:2 4:3 5:& 5:|"},
			{"1-2-3|", "-#", "1:#"},
			{"1-2-3#", "-x", "2:2 4:3 5:#"},
			{"1-2#", "", "3:#"},
			{"1-2-3|", "---------x", "5:& 5:|"},
			{"1-2-3!", "-x", "2:2 4:3 5:& 5:|"},
			{"1", "", "30:..."},
		}},
		"Zip": {zip, [][3]string{
			{"1-2-3|", "-a-b-c-|", "1:1a 3:2b 5:3c 5:& 5:|"},
			{"-1-2-3-|", "a-b-c|", "1:1a 3:2b 5:3c 5:& 5:|"},
			{"123|", "abc|", "0:1a 1:2b 2:3c 3:& 3:|"},
			{"1|", "--a-", "2:1a 2:& 2:|"},
			{"|", "-a", "0:& 0:|"},
			{"1", "-|", "1:& 1:|"},
			{"1-2--", "-a-|", "1:1a 3:& 3:|"},
			{"!", "-a", "0:& 0:|"},
			{"1", "-!", "1:& 1:|"},
			{"1#", "-a", "1:1a 1:#"},
			{"1#", "", "30:..."}, // neither is asked for more until both have given an element
			{"", "-#", "1:#"},
			{"--#", "a", "2:#"},
			{"", "a", "30:..."},
		}},
		"CombineLatest": {combine, [][3]string{
			{"1---2---3|", "--a---b-------c|", "2:1a 4:2a 6:2b 8:3b 14:3c 15:& 15:|"},
			{"1-2-3|", "--------a|", "8:3a 9:& 9:|"},
			{"--------1|", "a-b-c|", "8:1c 9:& 9:|"},
			{"|", "-a-b-c", "0:& 0:|"},
			{"-1-2", "|", "0:& 0:|"},
			{"!", "-a-b-c", "0:& 0:|"},
			{"1!", "--a|", "2:1a 3:& 3:|"},
			{"1|", "--a!", "2:1a 3:& 3:|"},
			{"1!", "--a!", "2:1a 3:& 3:|"},
			{"1---#", "--a", "2:1a 4:#"},
			{"1|", "--a--#", "2:1a 5:#"},
			{"#", "", "0:#"},
			{"1", "", "30:..."},
			{"", "", "30:..."},
		}},
		"WithLatestFrom": {with, [][3]string{
			{"1-2-3-4|", "-a-b---", "2:2a 4:3b 6:4b 7:& 7:|"},
			{"1-2-3-4|", "-a|", "2:2a 4:3a 6:4a 7:& 7:|"},
			{"1-2-3-4|", "-a!", "2:2a 4:3a 6:4a 7:& 7:|"},
			{"1-2-3-4|", "-|", "1:& 1:|"},
			{"1-2-3-4|", "-!", "1:& 1:|"},
			{"1-2-3-4|", "", "7:& 7:|"},
			{"1-2-3-4!", "-a", "2:2a 4:3a 6:4a 7:& 7:|"},
			{"1-2-3-4|", "-a-#", "2:2a 3:#"},
			{"1-2-#", "-a-b-c", "2:2a 4:#"},
			{"", "abcdefg", "30:..."},
		}},
		"Race": {race, [][3]string{
			{"-1-2|", "--a-b|", "1:1 3:2 4:& 4:|"},
			{"--1-2|", "-a-b|", "1:a 3:b 4:& 4:|"},
			{"-|", "--a", "1:& 1:|"},
			{"-!", "--a", "1:|"},
			{"1-!", "--a", "0:1 2:|"},
			{"-#", "--a", "1:#"},
			{"--1#", "-a-|", "1:a 3:& 3:|"},
			{"-1--|", "--#", "1:1 4:& 4:|"},
			{"", "---a|", "3:a 4:& 4:|"},
			{"1", "-a", "0:1 30:..."},
			{"", "", "30:..."},
		}},
		"SampleBy": {enumerator.SampleBy[string, string], [][3]string{
			{"1-2-3-4|", "-x---x-----", "1:1 5:3 7:4 7:& 7:|"},
			{"1-------|", "-x-x-x", "1:1 8:& 8:|"},
			{"-------1|", "x-x-x", "8:1 8:& 8:|"},
			{"1-2-3", "-x-|", "1:1 3:2 3:& 3:|"},
			{"1-2-3", "-x-!", "1:1 3:2 3:& 3:|"},
			{"1-2-3!", "-x", "1:1 5:3 5:& 5:|"},
			{"|", "-x", "0:& 0:|"},
			{"", "-|", "1:& 1:|"},
			{"1-2-#", "-x", "1:1 4:#"},
			{"1-2-3-4", "-x-#", "1:1 3:#"},
			{"1-2-3-4", "", "30:..."},
			{"", "-x-x-x", "30:..."},
		}},
		"DebounceBy": {func(a, b words) words { return enumerator.DebounceBy(a, func(string) words { return b }) }, [][3]string{
			{"1---2-3-|", "---x", "3:1 8:3 8:& 8:|"},
			{"1---2-3-----|", "---x", "3:1 9:3 12:& 12:|"},
			{"1---2-3-|", "---|", "3:1 8:3 8:& 8:|"},
			{"1---2-3-|", "---!", "3:1 8:3 8:& 8:|"},
			{"1---2-3-!", "---x", "3:1 8:3 8:& 8:|"},
			{"1---2-3-|", "", "8:3 8:& 8:|"},
			{"1---2-3-|", "---#", "3:#"},
			{"1---2-3-#", "---x", "3:1 8:#"},
			{"1-2-3-4", "---x", "9:4 30:..."},
			{"|", "", "0:& 0:|"},
			{"1", "", "30:..."},
		}},
	} {
		for _, line := range operator.lines {
			t.Run(name+" "+line[0]+" "+line[1], func(t *testing.T) {
				e := operator.of(marbles(line[0]), marbles(line[1]))
				for range 2 {
					assert.Equal(t, line[2], played(t, e, 0))
				}
			})
		}
	}
}

// The consumer takes three seconds for each element.
func TestSidesOfASlowConsumer(t *testing.T) {
	slow := 3 * time.Second
	for want, e := range map[string]words{
		// 3 waits for the consumer when the notifier stops it.
		"0:1 3:2 6:& 9:|":          enumerator.TakeUntil(marbles("123|"), marbles("-----x")),
		"1:1a 4:2b 7:3c 10:& 13:|": enumerator.ZipWith(marbles("123|"), marbles("-abc|"), joined),
		// The two take turns.
		"1:1a 4:2a 7:2b 10:3b 13:& 16:|": enumerator.CombineLatest(marbles("1-2---3|"), marbles("-a---b--|"), joined),
		"1:1a 4:2c 7:3d 10:& 13:|":       enumerator.WithLatestFrom(marbles("-123|"), marbles("a-bc-d|"), joined),
		// The samples of 3 and 5 are taken when the one before has been consumed.
		"1:1 4:2 7:4 10:& 13:|": enumerator.SampleBy(marbles("1-2--4---|"), marbles("-x-x-x")),
		// The source waits with its next element.
		"1:1 5:2 8:3 11:& 14:|": enumerator.DebounceBy(marbles("1-2---3|"), func(string) words { return marbles("-x") }),
	} {
		assert.Equal(t, want, played(t, e, slow))
	}
}

// sides has the operators of two sources. Each gives endlessly if both sides do.
var sides = map[string]func(a, b source) source{
	"TakeUntil":      func(a, b source) source { return enumerator.TakeUntil(a, ignoring(b)) },
	"DropUntil":      enumerator.DropUntil[int, int],
	"ZipWith":        func(a, b source) source { return enumerator.ZipWith(a, b, func(a, _ int) int { return a }) },
	"CombineLatest":  func(a, b source) source { return enumerator.CombineLatest(a, b, func(a, _ int) int { return a }) },
	"WithLatestFrom": func(a, b source) source { return enumerator.WithLatestFrom(a, b, func(a, _ int) int { return a }) },
	"Race":           func(a, b source) source { return enumerator.Race(a, ignoring(b)) },
	"SampleBy":       enumerator.SampleBy[int, int],
	"DebounceBy":     func(a, b source) source { return enumerator.DebounceBy(a, func(int) source { return b }) },
}

// ignoring is e without its elements.
func ignoring(e source) source {
	return enumerator.Through(e, enumeratee.Filter(func(int) bool { return false }))
}

// paced gives 1, 2, 3 and so on, the first after d and the others a second apart.
func paced(d time.Duration) source {
	return enumerator.Defer(func(context.Context) (source, error) {
		next := time.Now().Add(d)
		return enumerator.FlatMap(probe.Naturals(), func(n int) source {
			wait := time.Until(next)
			next = next.Add(time.Second)
			return after(wait, enumerator.Of(n))
		}), nil
	})
}

func TestSidesEndInEveryWay(t *testing.T) {
	const first, second = 200 * time.Millisecond, 100 * time.Millisecond
	boom := errors.New("panic")
	ctxEnd := errors.New("the context has ended")
	panics := enumerator.Repeat(func() int { panic(boom) })
	leaves := enumerator.Repeat(func() int { runtime.Goexit(); return 0 })
	a, b := paced(first), paced(second)
	for name, operator := range sides {
		for how, c := range map[string]struct {
			a, b     source
			consumer iteratee.Iteratee[int, none]
			want     error
			panicked string
		}{
			"the consumer is done at once":  {a, b, takes(1), nil, ""},
			"the consumer is done later":    {a, b, takes(3), nil, ""},
			"the consumer fails":            {a, b, failsWith(errBoom), errBoom, ""},
			"the consumer panics":           {a, b, iteratee.ForEach(func(context.Context, int) error { panic(boom) }), nil, "panic"},
			"the context ends":              {a, b, iteratee.Ignore[int](), ctxEnd, ""},
			"the consumer waits for that":   {a, b, iteratee.ForEach(func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() }), ctxEnd, ""},
			"the consumer is busy then":     {a, b, iteratee.ForEach(func(context.Context, int) error { time.Sleep(2 * time.Minute); return nil }), ctxEnd, ""},
			"the first fails":               {after(time.Second, enumerator.Throw[int](errBoom)), b, iteratee.Ignore[int](), errBoom, ""},
			"the first panics":              {after(time.Second, panics), b, iteratee.Ignore[int](), nil, "panic"},
			"the first leaves":              {after(time.Second, leaves), b, iteratee.Ignore[int](), nil, "a source has called runtime.Goexit"},
			"the other panics":              {a, after(50*time.Millisecond, panics), iteratee.Ignore[int](), nil, "panic"},
			"the other leaves":              {a, after(50*time.Millisecond, leaves), iteratee.Ignore[int](), nil, "a source has called runtime.Goexit"},
			"the other fails":               {a, after(50*time.Millisecond, enumerator.Throw[int](errBoom)), iteratee.Ignore[int](), errBoom, ""},
			"the first fails when stopped":  {enumerator.OnDoneEnumerating(a, func() error { return errBoom }), b, takes(1), nil, ""},
			"the first panics when stopped": {enumerator.OnDoneEnumerating(a, func() error { panic(boom) }), b, takes(1), nil, "panic"},
		} {
			t.Run(name+"/"+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { // fails if a goroutine is left
					ctx, cancel := context.WithCancelCause(t.Context())
					defer time.AfterFunc(time.Minute, func() { cancel(ctxEnd) }).Stop()
					var started, over atomic.Int64
					counted := func(e source) source {
						return enumerator.New(func(ctx context.Context, sink iteratee.Sink[int]) iteratee.Step {
							started.Add(1)
							defer over.Add(1)
							return e.Into(ctx, sink)
						})
					}
					start := time.Now()
					panicked := recovered(func() {
						_, err := enumerator.Run(ctx, operator(counted(c.a), counted(c.b)), c.consumer)
						if how == "the first fails when stopped" {
							assert.ErrorIs(t, err, errBoom)
						} else {
							assert.ErrorIs(t, err, c.want)
						}
					})
					if c.panicked != "" {
						assert.ErrorContains(t, panicked.(error), c.panicked)
					} else {
						assert.Nil(t, panicked)
					}
					if c.want != ctxEnd {
						assert.Less(t, time.Since(start), time.Minute, "at once")
					}
					assert.Positive(t, started.Load())
					assert.Equal(t, started.Load(), over.Load(), "all have returned before the run does")
				})
			})
		}
		t.Run(name+"/what stands behind", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := operator(a, b)
				want := collect(t, enumerator.Through(e, enumeratee.Take[int](5)))
				assert.Len(t, want, 5)
				for n := range 4 {
					got := collect(t, enumerator.Through(e, enumeratee.Take[int](n)).AndThen(enumerator.Of(99)))
					assert.Equal(t, append(want[:n:n], 99), got)
				}
				buffered := enumeratee.Compose(enumeratee.Buffer[int](3), enumeratee.Take[int](5))
				assert.Equal(t, want, collect(t, enumerator.Through(e, buffered)))
				same := func(_ context.Context, e int) (int, error) { return e, nil }
				concurrent := enumeratee.Compose(enumeratee.MapConcurrent(3, same), enumeratee.Take[int](5))
				assert.Equal(t, want, collect(t, enumerator.Through(e, concurrent)))

				var wg sync.WaitGroup
				for range 4 {
					wg.Go(func() { assert.Equal(t, want, collect(t, enumerator.Through(e, enumeratee.Take[int](5)))) })
				}
				wg.Wait()
			})
		})
	}
}

func takes(n int) iteratee.Iteratee[int, none] {
	return enumeratee.Transform(enumeratee.Take[int](n), iteratee.Ignore[int]())
}

// A source that never waits does not keep a run from its end.
func TestSidesOfSourcesThatNeverWait(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	for name, operator := range sides {
		if name == "DebounceBy" || name == "DropUntil" { // may give nothing, or late
			continue
		}
		const n = 20 // on one processor, a goroutine that never waits gives way only every 10 ms
		got, err := seen(t.Context(), operator(probe.Naturals(), probe.Naturals()), n)
		assert.NoError(t, err, name)
		assert.Len(t, got, n, name)
	}
	for name, e := range map[string]source{
		"DropUntil":          enumerator.DropUntil(probe.Naturals(), enumerator.Never[int]()),
		"WithLatestFrom":     enumerator.WithLatestFrom(enumerator.Never[int](), probe.Naturals(), func(a, _ int) int { return a }),
		"SampleBy":           enumerator.SampleBy(probe.Naturals(), enumerator.Never[int]()),
		"SampleBy, silent":   enumerator.SampleBy(enumerator.Never[int](), probe.Naturals()),
		"DebounceBy":         enumerator.DebounceBy(probe.Naturals(), func(int) source { return enumerator.Never[int]() }),
		"CombineLatest":      enumerator.CombineLatest(probe.Naturals(), enumerator.Never[int](), func(a, _ int) int { return a }),
		"TakeUntil, ignored": enumerator.TakeUntil(enumerator.Never[int](), ignoring(probe.Naturals())),
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		timer := time.AfterFunc(time.Millisecond, func() { cancel(errBoom) })
		_, err := seen(ctx, e, 0)
		timer.Stop()
		assert.ErrorIs(t, err, errBoom, name)
	}
}

// Neither side is ahead of the consumer.
func TestZipHoldsOneElementOfEach(t *testing.T) {
	for n := 1; n < 5; n++ {
		a, b := &probe.Source{N: -1}, &probe.Source{N: -1}
		got, err := seen(t.Context(), enumerator.Zip(a.Enumerator(), b.Enumerator()), n)
		require.NoError(t, err)
		require.Len(t, got, n)
		assert.Equal(t, iteratee.Pair[int, int]{First: n, Second: n}, got[n-1])
		for _, side := range []*probe.Source{a, b} {
			assert.EqualValues(t, n, side.Pulls.Load())
			assert.EqualValues(t, 1, side.Closes.Load())
		}
	}
}

// A source that has failed within a side is heard while the side waits for its partner.
func TestZipHearsAFailureWithinASide(t *testing.T) {
	fails := enumerator.Interleave(enumerator.Of(1), after(time.Second, enumerator.Throw[int](errBoom)))
	for _, e := range []enumerator.Enumerator[iteratee.Pair[int, int]]{
		enumerator.Zip(enumerator.Never[int](), fails),
		enumerator.Zip(fails, enumerator.Never[int]()),
	} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			_, err := seen(t.Context(), e, 0)
			assert.Equal(t, errBoom, err)
			assert.Equal(t, time.Second, time.Since(start))
		})
	}
}

// Sources that never wait race for the consumer, and no combination is older than the one before.
func TestCombineLatestKeepsTheOrder(t *testing.T) {
	pair := func(a, b int) [2]int { return [2]int{a, b} }
	got := collect(t, enumerator.CombineLatest(count(0, 2000), count(0, 2000), pair))
	assert.Equal(t, [2]int{1999, 1999}, got[len(got)-1])
	for i, p := range got[1:] {
		before := got[i]
		assert.Equal(t, 1, p[0]-before[0]+p[1]-before[1], "one of the two is the next: %v after %v", p, before)
	}
	for _, p := range collect(t, enumerator.WithLatestFrom(count(0, 2000), count(0, 2000), pair)) {
		assert.LessOrEqual(t, p[1], 1999)
	}
}

// However fast the two are, elements come in order, and the last one comes.
func TestSampleByAndDebounceByKeepTheOrder(t *testing.T) {
	for range 100 {
		for name, e := range map[string]source{
			"SampleBy":   enumerator.SampleBy(count(0, 100), probe.Naturals()),
			"DebounceBy": enumerator.DebounceBy(count(0, 100), func(int) source { return enumerator.Empty[int]() }),
		} {
			got := collect(t, e)
			require.NotEmpty(t, got, name)
			assert.Equal(t, 99, got[len(got)-1], name)
			for i, e := range got[1:] {
				assert.Greater(t, e, got[i], name)
			}
		}
	}
}

func TestRace(t *testing.T) {
	assert.Nil(t, collect(t, enumerator.Race[int]()))
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	for range 200 { // whoever wins, wins alone
		got := collect(t, enumerator.Race(count(0, 10), count(100, 10), count(200, 10)))
		assert.Equal(t, collect(t, count(got[0], 10)), got)
	}
	got, err := seen(t.Context(), enumerator.Race(
		enumerator.Catch(enumerator.Throw[int](errBoom), func(error) source { return enumerator.Never[int]() }),
		enumerator.Of(1)), 0)
	assert.NoError(t, err)
	assert.Equal(t, []int{1}, got, "the first that succeeds")
}

// The context of the consumer ends with a failure of the winner, and of no other source.
func TestRaceAndFailuresWithinASource(t *testing.T) {
	slowToStop := enumerator.New(func(ctx context.Context, _ iteratee.Sink[int]) iteratee.Step {
		<-ctx.Done()
		time.Sleep(10 * time.Second)
		return iteratee.Cancelled(ctx)
	})
	fails := after(time.Second, enumerator.Throw[int](errBoom))
	waits := iteratee.ForEach(func(ctx context.Context, _ int) error {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(time.Minute):
			return nil
		}
	})
	for name, c := range map[string]struct {
		e    source
		took time.Duration
		want error
	}{
		"after it has won":              {enumerator.Race(enumerator.Interleave(enumerator.Of(1), fails), silent()), time.Second, errBoom},
		"by which it wins":              {enumerator.Race(enumerator.Interleave(fails, slowToStop), after(2*time.Second, enumerator.Of(1))), 11 * time.Second, errBoom},
		"after another has won":         {enumerator.Race(enumerator.Interleave(fails, slowToStop), enumerator.Of(1)), time.Minute, nil},
		"of a loser that is stopped":    {enumerator.Race(enumerator.OnDoneEnumerating(silent(), func() error { return errBoom }), after(time.Second, enumerator.Of(1))), 61 * time.Second, nil},
		"of a loser, at the same time":  {enumerator.Race(fails, enumerator.Of(1)), time.Minute, nil},
		"behind an adapter that is one": {enumerator.Race(enumerator.Through(enumerator.Of(1), enumeratee.Buffer[int](1)), fails), time.Minute, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				_, err := enumerator.Run(t.Context(), c.e, waits)
				assert.ErrorIs(t, err, c.want)
				if c.want == nil {
					assert.NoError(t, err)
				}
				assert.Equal(t, c.took, time.Since(start))
			})
		})
	}
}

func TestDebounceByAFunctionThatPanics(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	assert.PanicsWithValue(t, "boom", func() {
		_, _ = seen(t.Context(), enumerator.DebounceBy(enumerator.Of(1).AndThen(silent()), func(int) source { panic("boom") }), 0)
	})
}

// A long stream keeps nothing of the elements before.
func TestDebounceByKeepsNothing(t *testing.T) {
	var contexts []context.Context
	e := enumerator.DebounceBy(count(0, 100), func(int) source {
		return enumerator.New(func(ctx context.Context, _ iteratee.Sink[int]) iteratee.Step {
			contexts = append(contexts, ctx)
			return iteratee.StepCont
		})
	})
	_, err := enumerator.Run(t.Context(), e, iteratee.ForEach(func(_ context.Context, e int) error {
		for i := range len(contexts) - 2 {
			assert.Error(t, contexts[i].Err(), "the context of each notifier ends with it")
		}
		return nil
	}))
	assert.NoError(t, err)
}

func TestLawsOfSides(t *testing.T) {
	never := enumerator.Never[int]()
	first := func(a, _ int) int { return a }
	rapid.Check(t, func(t *rapid.T) {
		s := script(t, "s")
		sameEnd(t, enumerator.Race(s), s)
		sameEnd(t, enumerator.Race(never, s), s)
		sameEnd(t, enumerator.TakeUntil(s, never), s)
		sameEnd(t, enumerator.Race(enumerator.Race(s, never), never), enumerator.Race(s, enumerator.Race(never, never)))

		a, b := someInts(t), someInts(t)
		as, bs := enumerator.FromSlice(a), enumerator.FromSlice(b)
		n := min(len(a), len(b))
		sameEnd(t, enumerator.ZipWith(as, bs, first), enumerator.FromSlice(a[:n]))
		sameEnd(t, enumerator.ZipWith(bs, as, func(_, a int) int { return a }), enumerator.FromSlice(a[:n]))
		sameEnd(t, enumerator.ZipWith(as, as, func(a, b int) int { return 10*a + b }), enumerator.Map(as, func(e int) int { return 11 * e }))
	})
}

func TestSidesAndBursts(t *testing.T) {
	burst := func(es ...int) source {
		return enumerator.Defer(func(context.Context) (source, error) {
			ch := make(chan int, len(es))
			for _, e := range es {
				ch <- e
			}
			return enumerator.FromChan(ch), nil
		})
	}
	first := func(a, _ int) int { return a }
	never := enumerator.Never[int]()
	later := func(e source) source { return after(time.Second, e) }
	corked := []string{"cork", "1", "2", "3", "uncork"}
	for name, c := range map[string]struct {
		e    source
		want []string
	}{
		"TakeUntil":      {enumerator.TakeUntil(burst(1, 2, 3), never), corked},
		"DropUntil":      {enumerator.DropUntil(later(burst(1, 2, 3)), enumerator.Empty[int]()), corked},
		"CombineLatest":  {enumerator.CombineLatest(later(burst(1, 2, 3)), enumerator.Of(0), first), corked},
		"WithLatestFrom": {enumerator.WithLatestFrom(later(burst(1, 2, 3)), burst(4, 5, 6), first), corked},
		"Race":           {enumerator.Race(later(burst(1, 2, 3)), never), corked},
		"ZipWith":        {enumerator.ZipWith(burst(1, 2, 3), burst(4, 5, 6), first), []string{"1", "2", "3"}},
		"ZipWith, one":   {enumerator.ZipWith(burst(1, 2, 3), enumerator.Of(4), first), []string{"1"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errBoom)
				defer cancel()
				var got []string
				_, err := enumerator.Run(ctx, c.e, probe.Corks[int](func(s string) {
					got = append(got, s)
					synctest.Wait()
				}))
				if name != "ZipWith, one" {
					assert.ErrorIs(t, err, errBoom)
				}
				assert.Equal(t, c.want, got)
			})
		})
	}
}
