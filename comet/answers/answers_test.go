package answers_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet/answers"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/httpadapter/parse"
	"github.com/halley-go/halley/iteratee"
)

// logs collects the lines of a log.
type logs struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logs) add(msg string, args []any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintln(&l.text, append([]any{msg}, args...)...)
}

func (l *logs) InfoContext(_ context.Context, msg string, args ...any)  { l.add(msg, args) }
func (l *logs) WarnContext(_ context.Context, msg string, args ...any)  { l.add(msg, args) }
func (l *logs) ErrorContext(_ context.Context, msg string, args ...any) { l.add(msg, args) }
func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// marked marks the last message of an answer that is not complete.
func marked(reason answers.Reason) string { return "(" + string(reason) + ")" }

// open returns Answers whose messages are texts. They are closed at the end of the test.
func open(t *testing.T, store topics.Store, opts ...answers.Option) (*answers.Answers[string], *logs) {
	l := &logs{}
	a := answers.New(store, marked, append([]answers.Option{answers.Logger(l)}, opts...)...)
	t.Cleanup(a.Close)
	return a, l
}

// slowly gives texts with a pause before each.
func slowly(pause time.Duration, texts ...string) enumerator.Enumerator[string] {
	return enumerator.Through(enumerator.Of(texts...), enumeratee.MapM(func(ctx context.Context, text string) (string, error) {
		timer := time.NewTimer(pause)
		defer timer.Stop()
		select {
		case <-timer.C:
			return text, nil
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}))
}

// read returns the messages of an answer, from the beginning to its end.
func read(t *testing.T, a *answers.Answers[string], id string) []string {
	t.Helper()
	got, err := enumerator.Run(t.Context(), enumerator.Values(a.From(id, enumerator.Position{}), nil), iteratee.Collect[string]())
	require.NoError(t, err)
	return got
}

// isForgotten tests that the store has no answer with this id.
func isForgotten(t *testing.T, a *answers.Answers[string], store topics.Store, id string) {
	t.Helper()
	_, err := enumerator.Run(t.Context(), a.From(id, enumerator.Position{}), iteratee.Ignore[enumerator.Item[string]]())
	assert.ErrorIs(t, err, answers.ErrUnknown)
	assert.ErrorIs(t, a.Stop(t.Context(), id), answers.ErrUnknown)
	entries, _, err := store.Read(t.Context(), "answers/"+id, topics.Place{}, 10)
	assert.NoError(t, err)
	assert.Empty(t, entries)
}

func TestAnAnswerIsKeptForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := topics.Memory(100)
		a, logs := open(t, store, answers.Keep(time.Hour))
		require.NoError(t, a.Start(t.Context(), "a", slowly(time.Second, "kiki", "foo", "bar")))
		for range 2 { // while it is generated, and when it is complete
			assert.Equal(t, []string{"kiki", "foo", "bar"}, read(t, a, "a"))
		}
		time.Sleep(time.Hour - time.Second)
		assert.Equal(t, []string{"kiki", "foo", "bar"}, read(t, a, "a"))
		time.Sleep(time.Second)
		synctest.Wait()
		isForgotten(t, a, store, "a")
		assert.Empty(t, logs.String())
	})
}

// Each answer is forgotten at its time, although one timer serves all of them.
func TestAnswersAreForgottenOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := topics.Memory(100)
		a, _ := open(t, store, answers.Keep(time.Minute))
		for round := range 3 {
			for n := range 5 {
				require.NoError(t, a.Start(t.Context(), fmt.Sprint(round, n), enumerator.Of("foo")))
				time.Sleep(time.Second)
			}
			time.Sleep(time.Minute - 5*time.Second + time.Millisecond)
			for n := range 5 {
				synctest.Wait()
				isForgotten(t, a, store, fmt.Sprint(round, n))
				if n < 4 {
					assert.Equal(t, []string{"foo"}, read(t, a, fmt.Sprint(round, n+1)))
				}
				time.Sleep(time.Second)
			}
		}
	})
}

// A reader that comes back at any position gets the rest.
func TestFromAnyPosition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, end := range []answers.Reason{answers.Complete, answers.Failed} {
			a, _ := open(t, topics.Memory(100))
			source, want := slowly(12*time.Second, "kiki", "foo", "bar"), []string{"kiki", "foo", "bar"} // with beats in between
			if end == answers.Failed {
				source = source.AndThen(enumerator.Throw[string](errors.New("ouch")))
				want = append(want, marked(end))
			}
			require.NoError(t, a.Start(t.Context(), "a", source))
			for round := range 2 { // while it is generated, and when it has ended
				items, err := enumerator.Run(t.Context(), a.From("a", enumerator.Position{}), iteratee.Collect[enumerator.Item[string]]())
				require.NoError(t, err)
				var before []string
				for _, item := range items {
					if item.IsMessage() {
						before = append(before, item.Value)
					} else {
						assert.True(t, item.Bookmark)
					}
					rest, err := enumerator.Run(t.Context(), enumerator.Values(a.From("a", item.Position), nil), iteratee.Collect[string]())
					require.NoError(t, err)
					assert.Equal(t, want, slices.Concat(before, rest), "%v in round %d", item, round)
				}
				assert.Equal(t, want, before)
			}
		}
	})
}

// Each way to end has its last message, and the texts of errors stay in the log.
func TestReasons(t *testing.T) {
	endless := slowly(time.Second, slices.Repeat([]string{"foo"}, 1000)...)
	foos := func(n int) []string { return slices.Repeat([]string{"foo"}, n) }
	for name, c := range map[string]struct {
		source enumerator.Enumerator[string]
		opts   []answers.Option
		want   []string
		log    string
	}{
		"complete": {slowly(time.Second, "foo"), nil, foos(1), ""},
		"empty":    {enumerator.Empty[string](), nil, nil, ""},
		"error": {
			enumerator.Of("foo").AndThen(enumerator.Throw[string](errors.New("a secret"))), nil,
			[]string{"foo", "(failed)"}, "a secret",
		},
		"panic": {
			enumerator.Through(enumerator.Of("foo"), enumeratee.Map(func(string) string { panic("a secret") })), nil,
			[]string{"(failed)"}, "a secret",
		},
		"Goexit": {
			enumerator.Through(enumerator.Of("foo"), enumeratee.Map(func(string) string { runtime.Goexit(); return "" })), nil,
			[]string{"(failed)"}, "runtime.Goexit",
		},
		"too many messages": {endless, []answers.Option{answers.MaxMessages(3)}, append(foos(3), "(limited)"), "MaxMessages"},
		"too many bytes":    {endless, []answers.Option{answers.MaxBytes(10)}, append(foos(2), "(limited)"), "MaxBytes"},
		"exactly the bytes": {enumerator.Of("foo", "bar"), []answers.Option{answers.MaxBytes(10), answers.MaxMessages(2)}, []string{"foo", "bar"}, ""},
		"too long": {
			endless, []answers.Option{answers.MaxDuration(3500 * time.Millisecond)},
			append(foos(3), "(limited)"), "MaxDuration",
		},
		"too large for the store": {
			enumerator.Of("foo", strings.Repeat("x", 20_000)), nil, []string{"foo", "(failed)"}, "too large",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := topics.Memory(100, topics.MaxBytes(20_000))
				a, logs := open(t, store, c.opts...)
				require.NoError(t, a.Start(t.Context(), "a", c.source))
				for range 2 {
					assert.Equal(t, c.want, read(t, a, "a"))
				}
				if c.log == "" {
					assert.Empty(t, logs.String())
				} else {
					assert.Contains(t, logs.String(), c.log)
				}
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				isForgotten(t, a, store, "a")
			})
		})
	}
}

// collect reads an answer in a goroutine. The function that it returns waits for the end.
func collect(t *testing.T, source enumerator.Enumerator[enumerator.Item[string]]) (wait func() ([]string, error)) {
	var texts []string
	done := make(chan error, 1)
	go func() {
		_, err := enumerator.Run(t.Context(), source, iteratee.ForEach(func(_ context.Context, item enumerator.Item[string]) error {
			switch {
			case item.Reset:
				texts = append(texts, "reset")
			case item.Gap.N > 0:
				texts = append(texts, "gap")
			case item.IsMessage():
				texts = append(texts, item.Value)
			}
			return nil
		}))
		done <- err
	}()
	return func() ([]string, error) {
		err := <-done
		return texts, err
	}
}

// ends returns a source that never gives an element, and a channel that gets the cause of the end of each run.
func silence() (source enumerator.Enumerator[string], ends chan error) {
	ends = make(chan error, 10)
	return enumerator.New(func(ctx context.Context, _ iteratee.Sink[string]) iteratee.Step {
		<-ctx.Done()
		ends <- context.Cause(ctx)
		return iteratee.Cancelled(ctx)
	}), ends
}

// Two Answers over one store are two processes.
func TestStopInAnyProcess(t *testing.T) {
	for name, remote := range map[string]bool{"the same": false, "another": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := topics.Memory(1000)
				a, logs := open(t, store)
				b := a
				if remote {
					b, _ = open(t, store)
				}
				source, ends := silence()
				require.NoError(t, a.Start(t.Context(), "a", enumerator.Of("foo").AndThen(source)))
				time.Sleep(12 * time.Second) // beats come
				readers := []func() ([]string, error){
					collect(t, a.From("a", enumerator.Position{})), collect(t, b.From("a", enumerator.Position{})),
				}
				synctest.Wait()
				began := time.Now()
				require.NoError(t, b.Stop(t.Context(), "a"))
				for _, wait := range readers {
					got, err := wait()
					require.NoError(t, err)
					assert.Equal(t, []string{"foo", "(stopped)"}, got)
				}
				assert.Equal(t, began, time.Now(), "readers do not wait for a beat")
				require.Error(t, <-ends)
				assert.LessOrEqual(t, time.Since(began), 5*time.Second)
				require.NoError(t, b.Stop(t.Context(), "a"), "no effect")
				require.NoError(t, a.Stop(t.Context(), "a"), "no effect")
				assert.Equal(t, []string{"foo", "(stopped)"}, read(t, b, "a"))
				assert.Empty(t, logs.String())
				time.Sleep(11 * time.Minute)
				synctest.Wait()
				isForgotten(t, b, store, "a")
			})
		})
	}
}

// Stop takes effect although elements come as fast as the store takes them.
func TestStopOfAFastSource(t *testing.T) {
	a, _ := open(t, topics.Memory(200_000), answers.MaxMessages(150_000))
	require.NoError(t, a.Start(t.Context(), "a", enumerator.Of(slices.Repeat([]string{"x"}, 140_000)...)))
	require.NoError(t, a.Stop(t.Context(), "a"))
	got := read(t, a, "a")
	assert.Equal(t, "(stopped)", got[len(got)-1])
	assert.Equal(t, slices.Repeat([]string{"x"}, len(got)-1), got[:len(got)-1])
}

// An answer with the id of another one takes its place, in any process, even while the other one is under way.
func TestAnAnswerIsReplaced(t *testing.T) {
	for _, remote := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			store := topics.Memory(1000)
			a, _ := open(t, store)
			b := a
			if remote {
				b, _ = open(t, store)
			}
			source, ends := silence()
			require.NoError(t, a.Start(t.Context(), "a", enumerator.Of("old").AndThen(source)))
			reader := collect(t, a.From("a", enumerator.Position{}))
			synctest.Wait()
			for range 2 {
				require.NoError(t, b.Start(t.Context(), "a", slowly(10*time.Second, "new", "newer")))
				if reader != nil {
					got, err := reader()
					require.NoError(t, err)
					assert.Equal(t, []string{"old", "reset", "new", "newer"}, got)
					require.Error(t, <-ends)
				}
				reader = nil
				assert.Equal(t, []string{"new", "newer"}, read(t, b, "a"))
				time.Sleep(9 * time.Minute)
			}
			// The time of the answers before is over.
			assert.Equal(t, []string{"new", "newer"}, read(t, a, "a"))
			time.Sleep(time.Minute)
			synctest.Wait()
			isForgotten(t, a, store, "a")
		})
	}
}

// fickle is a Store that fails for one process while down is set.
type fickle struct {
	topics.Store
	mu   sync.Mutex
	down bool
}

var errDown = errors.New("the store is down")

func (f *fickle) set(down bool) { f.mu.Lock(); defer f.mu.Unlock(); f.down = down }
func (f *fickle) err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down {
		return errDown
	}
	return nil
}

func (f *fickle) Append(ctx context.Context, name string, r topics.Record) (enumerator.Position, error) {
	if err := f.err(); err != nil {
		return enumerator.Position{}, err
	}
	return f.Store.Append(ctx, name, r)
}

func (f *fickle) Read(ctx context.Context, name string, from topics.Place, limit int) ([]topics.Entry, bool, error) {
	if err := f.err(); err != nil {
		return nil, false, err
	}
	return f.Store.Read(ctx, name, from, limit)
}

func (f *fickle) Watch(ctx context.Context, name string, next func(topics.Entry), lost func(error)) (enumerator.Position, func(), error) {
	if err := f.err(); err != nil {
		return enumerator.Position{}, nil, err
	}
	return f.Store.Watch(ctx, name, next, lost)
}

// If a process dies in the middle of an answer, all readers get an end, and later readers get it too.
func TestAProcessDies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := topics.Memory(1000)
		dying := &fickle{Store: store}
		a, _ := open(t, dying)
		b, logs := open(t, store)
		c, others := open(t, store)
		source, _ := silence()
		require.NoError(t, a.Start(t.Context(), "a", enumerator.Of("foo").AndThen(source)))
		var readers []func() ([]string, error)
		for range 100 {
			readers = append(readers, collect(t, b.From("a", enumerator.Position{})), collect(t, c.From("a", enumerator.Position{})))
		}
		time.Sleep(time.Hour - 52*time.Minute) // beats keep it alive
		synctest.Wait()
		died := time.Now()
		dying.set(true)
		for _, wait := range readers {
			got, err := wait()
			require.NoError(t, err)
			assert.Equal(t, []string{"foo", "(lost)"}, got)
		}
		assert.LessOrEqual(t, time.Since(died), 15*time.Second)
		said := []int{strings.Count(logs.String(), "silent"), strings.Count(others.String(), "silent")}
		assert.Contains(t, [][]int{{1, 0}, {0, 1}, {1, 1}}, said, "each process says so at most once")
		assert.Equal(t, []string{"foo", "(lost)"}, read(t, c, "a"))
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		isForgotten(t, b, store, "a")
	})
}

// An answer that nobody has read since its process died ends for the first reader.
func TestAReaderComesAfterTheDeath(t *testing.T) {
	for name, seen := range map[string]int{"from the beginning": 0, "from the last entry": 2} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := topics.Memory(1000)
				dying := &fickle{Store: store}
				a, _ := open(t, dying)
				require.NoError(t, a.Start(t.Context(), "a", slowly(time.Second, "foo", "bar")))
				time.Sleep(1500 * time.Millisecond)
				dying.set(true)
				time.Sleep(time.Hour)
				entries, _, err := store.Read(t.Context(), "answers/a", topics.Place{}, 10)
				require.NoError(t, err)
				require.Len(t, entries, 2) // the start and foo
				b, _ := open(t, store)
				var p enumerator.Position
				want := []string{"foo", "(lost)"}
				if seen > 0 {
					p, want = entries[seen-1].Position, want[1:]
				}
				began := time.Now()
				got, err := collect(t, b.From("a", p))()
				require.NoError(t, err)
				assert.Equal(t, want, got)
				assert.LessOrEqual(t, time.Since(began), 15*time.Second)
			})
		})
	}
}

// A store that is away for a while ends no answer.
func TestTheStoreIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &fickle{Store: topics.Memory(1000)}
		a, _ := open(t, store)
		require.NoError(t, a.Start(t.Context(), "a", slowly(time.Second, slices.Repeat([]string{"foo"}, 30)...)))
		wait := collect(t, a.From("a", enumerator.Position{}))
		for range 3 {
			time.Sleep(3500 * time.Millisecond)
			store.set(true)
			time.Sleep(40 * time.Second)
			store.set(false)
		}
		got, err := wait()
		require.NoError(t, err)
		assert.Equal(t, slices.Repeat([]string{"foo"}, 30), got)
	})
}

// Close ends answers under way, and returns when their sources have returned.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := topics.Memory(1000)
		a, logs := open(t, store)
		b, _ := open(t, store)
		returned := false
		require.NoError(t, a.Start(t.Context(), "a", enumerator.New(func(ctx context.Context, sink iteratee.Sink[string]) iteratee.Step {
			sink.Next("foo")
			<-ctx.Done()
			time.Sleep(time.Second)
			returned = true
			return iteratee.Cancelled(ctx)
		})))
		require.NoError(t, a.Start(t.Context(), "b", enumerator.Of("foo")))
		own, other := collect(t, a.From("a", enumerator.Position{})), collect(t, b.From("a", enumerator.Position{}))
		synctest.Wait()
		a.Close()
		assert.True(t, returned)
		got, err := other()
		require.NoError(t, err)
		assert.Equal(t, []string{"foo", "(lost)"}, got)
		got, err = own()
		assert.True(t, err == nil && len(got) == 2 || errors.Is(err, answers.ErrClosed), "%v %v", got, err)
		assert.Contains(t, logs.String(), "lost")
		assert.Equal(t, []string{"foo"}, read(t, b, "b"), "it is kept")

		a.Close()
		assert.ErrorIs(t, a.Start(t.Context(), "c", enumerator.Of("foo")), answers.ErrClosed)
		assert.ErrorIs(t, a.Stop(t.Context(), "b"), answers.ErrClosed)
		_, err = collect(t, a.From("b", enumerator.Position{}))()
		assert.ErrorIs(t, err, answers.ErrClosed)
	})
}

func TestCloseDoesNotWaitForTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &fickle{Store: topics.Memory(1000)}
		a, logs := open(t, store)
		source, _ := silence()
		require.NoError(t, a.Start(t.Context(), "a", source))
		store.set(true)
		began := time.Now()
		a.Close()
		assert.LessOrEqual(t, time.Since(began), 10*time.Second)
		assert.Contains(t, logs.String(), "not stored")
	})
}

func TestMaxRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := open(t, topics.Memory(1000), answers.MaxRunning(2))
		source, _ := silence()
		require.NoError(t, a.Start(t.Context(), "a", source))
		require.NoError(t, a.Start(t.Context(), "b", source))
		assert.ErrorIs(t, a.Start(t.Context(), "c", source), answers.ErrBusy)
		require.NoError(t, a.Stop(t.Context(), "a"))
		synctest.Wait()
		require.NoError(t, a.Start(t.Context(), "c", source))
		assert.ErrorIs(t, a.Start(t.Context(), "d", source), answers.ErrBusy)
	})
}

func TestIDs(t *testing.T) {
	a, _ := open(t, topics.Memory(10))
	for _, id := range []string{"", strings.Repeat("x", answers.MaxID+1)} {
		assert.ErrorIs(t, a.Start(t.Context(), id, enumerator.Of("foo")), answers.ErrID)
		assert.ErrorIs(t, a.Stop(t.Context(), id), answers.ErrID)
		_, err := collect(t, a.From(id, enumerator.Position{}))()
		assert.ErrorIs(t, err, answers.ErrID)
	}
	for _, id := range []string{"x", strings.Repeat("x", answers.MaxID), "../a", "*", ">", "\x00"} {
		require.NoError(t, a.Start(t.Context(), id, enumerator.Of("foo")))
		assert.Equal(t, []string{"foo"}, read(t, a, id))
	}
}

// The messages of an answer that the store has not kept are reported.
func TestTheStoreDropsTheBeginning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := open(t, topics.Memory(3))
		require.NoError(t, a.Start(t.Context(), "a", enumerator.Of("one", "two", "three", "four")))
		synctest.Wait()
		got, err := collect(t, a.From("a", enumerator.Position{}))()
		require.NoError(t, err)
		assert.Equal(t, []string{"reset", "three", "four"}, got)
	})
}

// A run whose answer is deleted meanwhile does not wait for ever.
func TestAnAnswerIsForgottenWhileItIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := topics.Memory(1000)
		a, _ := open(t, store)
		source, _ := silence()
		require.NoError(t, a.Start(t.Context(), "a", source))
		wait := collect(t, a.From("a", enumerator.Position{}))
		synctest.Wait()
		_, err := store.Append(t.Context(), "answers/a", topics.Record{Kind: topics.Deleted})
		require.NoError(t, err)
		got, err := wait()
		assert.ErrorIs(t, err, answers.ErrUnknown)
		assert.Equal(t, []string{"reset"}, got)
	})
}

// Zero values are messages too.
func TestAnyValue(t *testing.T) {
	a := answers.New(topics.Memory(100), func(answers.Reason) any { return nil }, answers.Logger(&logs{}))
	defer a.Close()
	values := []any{nil, "", 0.0, false, []any{}, map[string]any{}}
	require.NoError(t, a.Start(t.Context(), "a", enumerator.Of(values...).AndThen(enumerator.Of[any](func() {}))))
	got, err := enumerator.Run(t.Context(), enumerator.Values(a.From("a", enumerator.Position{}), nil), iteratee.Collect[any]())
	require.NoError(t, err)
	assert.Equal(t, append(values, nil), got) // the last one is that of Failed
}

// Forgotten answers leave nothing behind: no memory, no goroutine, no timer.
func TestForgottenAnswersCostNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := topics.Memory(100)
		a, _ := open(t, store)
		dead, _ := open(t, &fickle{Store: store, down: true})
		goroutines := runtime.NumGoroutine() + 1 // one that is ending
		var ids []string
		for n := range 100 {
			for _, source := range []enumerator.Enumerator[string]{
				enumerator.Of("foo"), slowly(time.Minute, "foo"), enumerator.Throw[string](errors.New("ouch")),
			} {
				ids = append(ids, fmt.Sprint(len(ids)))
				require.NoError(t, a.Start(t.Context(), ids[len(ids)-1], source))
			}
			if n%3 == 0 {
				require.NoError(t, a.Stop(t.Context(), ids[len(ids)-2]))
			}
		}
		_, err := store.Append(t.Context(), "answers/dead", topics.Record{Data: []byte(`{"start":true}`)})
		require.NoError(t, err)
		assert.Equal(t, []string{"(lost)"}, read(t, a, "dead"))
		assert.Error(t, func() error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			return dead.Start(ctx, "x", enumerator.Of("foo"))
		}())
		assert.Positive(t, a.Held())
		time.Sleep(12 * time.Minute)
		synctest.Wait()
		assert.Zero(t, a.Held())
		assert.Zero(t, dead.Held())
		assert.LessOrEqual(t, runtime.NumGoroutine(), goroutines)
		for _, id := range append(ids, "dead") {
			isForgotten(t, a, store, id)
		}
	})
}

func TestMisusePanics(t *testing.T) {
	for text, f := range map[string]func(){
		"comet/answers: New: store must not be nil":              func() { answers.New(nil, marked) },
		"comet/answers: New: last must not be nil":               func() { answers.New[string](topics.Memory(10), nil) },
		"comet/answers: MaxRunning: n must be positive, got 0":   func() { answers.MaxRunning(0) },
		"comet/answers: MaxDuration: d must be positive, got 0s": func() { answers.MaxDuration(0) },
		"comet/answers: MaxBytes: n must be positive, got -1":    func() { answers.MaxBytes(-1) },
		"comet/answers: MaxMessages: n must be positive, got 0":  func() { answers.MaxMessages(0) },
		"comet/answers: Keep: d must be positive, got 0s":        func() { answers.Keep(0) },
		"comet/answers: Beat: d must be positive, got 0s":        func() { answers.Beat(0) },
		"comet/answers: Logger: logger must not be nil":          func() { answers.Logger(nil) },
		"comet/answers: PerKey: n must be positive, got 0":       func() { answers.PerKey(0, nil) },
		"comet/answers: PerKey: key must not be nil":             func() { answers.PerKey(1, nil) },
		"comet/answers: Handler: a must not be nil":              func() { answers.Handler[question, string](nil, everyone, parse.JSON[question](100), begin) },
		"comet/answers: Handler: allow must not be nil":          func() { answers.Handler(&answers.Answers[string]{}, nil, parse.JSON[question](100), begin) },
		"comet/answers: Handler: start must not be nil": func() {
			answers.Handler[question](&answers.Answers[string]{}, everyone, parse.JSON[question](100), nil)
		},
		"comet/answers: Source: a must not be nil":     func() { answers.Source[string](nil, everyone) },
		"comet/answers: Source: allow must not be nil": func() { answers.Source(&answers.Answers[string]{}, nil) },
	} {
		assert.PanicsWithValue(t, text, f)
	}
}

// late is a Store whose first append returns after a function.
type late struct {
	topics.Store
	over atomic.Bool
	f    func()
}

func (s *late) Append(ctx context.Context, name string, r topics.Record) (enumerator.Position, error) {
	p, err := s.Store.Append(ctx, name, r)
	if !s.over.Swap(true) {
		s.f()
	}
	return p, err
}

// A Start that learns late that its answer has begun does not stop the answer that has replaced it meanwhile.
func TestAStartThatIsReplacedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &late{Store: topics.Memory(100)}
		a, logs := open(t, store)
		store.f = func() {
			assert.NoError(t, a.Start(t.Context(), "a", slowly(time.Second, "new")))
		}
		require.NoError(t, a.Start(t.Context(), "a", slowly(time.Second/2, "old")))
		assert.Equal(t, []string{"new"}, read(t, a, "a"))
		assert.Empty(t, logs.String())
		synctest.Wait()
		assert.NoError(t, a.Start(t.Context(), "a", slowly(time.Second, "newer")))
		assert.Equal(t, []string{"newer"}, read(t, a, "a"))
	})
}

// hooked is a Store that calls functions before and after each append. A nil function is not called.
type hooked struct {
	topics.Store
	before, after func(topics.Record)
}

func (s *hooked) Append(ctx context.Context, name string, r topics.Record) (enumerator.Position, error) {
	if s.before != nil {
		s.before(r)
	}
	p, err := s.Store.Append(ctx, name, r)
	if s.after != nil {
		s.after(r)
	}
	return p, err
}

func hasEnd(data []byte) bool { return strings.Contains(string(data), `"end":`) }

// Processes that end an answer at the same time store one end. A reader that comes back after the end gets nothing more.
func TestOneEnd(t *testing.T) {
	type process = *answers.Answers[string]
	for name, c := range map[string]struct {
		slow string // the end that is stored late
		then func(t *testing.T, a, b process)
		want []string
	}{
		"a stop comes after the end": {"stopped", func(t *testing.T, _, b process) {
			assert.NoError(t, b.Stop(t.Context(), "a"))
		}, []string{"foo"}},
		"a stop in the same process comes after the end": {"stopped", func(t *testing.T, a, _ process) {
			assert.NoError(t, a.Stop(t.Context(), "a"))
		}, []string{"foo"}},
		"the end comes after a stop": {"complete", func(t *testing.T, a, b process) {
			time.Sleep(time.Second)
			assert.NoError(t, b.Stop(t.Context(), "a"))
		}, []string{"foo", "(stopped)"}},
		"two stops": {"stopped", func(t *testing.T, a, b process) {
			done := make(chan bool)
			go func() { defer close(done); assert.NoError(t, b.Stop(t.Context(), "a")) }()
			assert.NoError(t, a.Stop(t.Context(), "a"))
			<-done
		}, []string{"foo"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := topics.Memory(100)
				delayed := &hooked{Store: store, before: func(r topics.Record) {
					if hasEnd(r.Data) && strings.Contains(string(r.Data), c.slow) {
						time.Sleep(time.Second)
					}
				}}
				a, logs := open(t, delayed, answers.Keep(time.Hour))
				b, _ := open(t, delayed, answers.Keep(time.Hour))
				require.NoError(t, a.Start(t.Context(), "a", slowly(8*time.Second, "foo")))
				time.Sleep(7500 * time.Millisecond)
				c.then(t, a, b)
				time.Sleep(time.Minute)
				assert.Equal(t, c.want, read(t, a, "a"))
				entries, _, err := store.Read(t.Context(), "answers/a", topics.Place{}, 100)
				require.NoError(t, err)
				ends := slices.IndexFunc(entries, func(e topics.Entry) bool { return hasEnd(e.Data) })
				assert.Equal(t, len(entries)-1, ends, "the only end is the last entry")
				rest, err := collect(t, b.From("a", entries[ends].Position))()
				assert.NoError(t, err)
				assert.Empty(t, rest)
				assert.Empty(t, logs.String())
				time.Sleep(time.Hour)
				synctest.Wait()
				isForgotten(t, a, store, "a")
			})
		})
	}
}

// A Stop whose answer is replaced meanwhile does not stop the source of the new answer.
func TestAStopThatIsOvertaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &hooked{Store: topics.Memory(100)}
		a, logs := open(t, store)
		source, _ := silence()
		require.NoError(t, a.Start(t.Context(), "a", source))
		store.after = func(r topics.Record) {
			if hasEnd(r.Data) {
				store.after = nil
				assert.NoError(t, a.Start(t.Context(), "a", slowly(time.Second, "new")))
			}
		}
		require.NoError(t, a.Stop(t.Context(), "a"))
		assert.Equal(t, []string{"new"}, read(t, a, "a"))
		assert.Empty(t, logs.String())
	})
}

// A Start goes on if an entry comes after its deletion of an earlier answer.
func TestAStartThatIsDisturbed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := topics.Memory(100)
		disturbed := 0
		store := &hooked{Store: memory, after: func(r topics.Record) {
			if r.Kind == topics.Deleted && disturbed < 3 {
				disturbed++
				_, err := memory.Append(t.Context(), "answers/a", topics.Record{Data: []byte(`{"end":"stopped"}`)})
				assert.NoError(t, err)
			}
		}}
		a, _ := open(t, store)
		require.NoError(t, a.Start(t.Context(), "a", slowly(time.Second, "old")))
		require.NoError(t, a.Start(t.Context(), "a", slowly(time.Second, "new")))
		assert.Equal(t, 3, disturbed)
		assert.Equal(t, []string{"new"}, read(t, a, "a"))
	})
}
