package answers_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet/answers"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/iteratee"
)

// logs collects what is logged.
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
