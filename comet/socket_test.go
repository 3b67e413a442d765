package comet_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// all runs source and returns its chunks.
func all(ctx context.Context, source enumerator.Enumerator[[]byte]) (chunks []string, err error) {
	_, err = enumerator.Run(ctx, source, iteratee.ForEach(func(_ context.Context, chunk []byte) error {
		chunks = append(chunks, string(chunk))
		return nil
	}))
	return chunks, err
}

func TestSocket(t *testing.T) {
	type move struct{ To string }
	stream := comet.NewSocket("parent.cometMessage", func(s *comet.Socket) error {
		defer s.Close()
		assert.NoError(t, s.SendMessage("it's </script>"))
		assert.NoError(t, s.SendJSON(move{"f3"}))
		assert.NoError(t, s.SendJSON(square{3}))
		assert.NoError(t, s.SendMessage(""))
		assert.EqualError(t, s.SendJSON(math.NaN()), "comet: SendJSON: json: unsupported value: NaN")
		assert.ErrorContains(t, s.SendJSON(evil{}), "must not hold")
		assert.ErrorIs(t, s.SendJSON(square{-1}), errBroken)
		return nil
	})
	for range 2 { // a source can run several times
		chunks, err := all(t.Context(), stream)
		require.NoError(t, err)
		assert.Equal(t, []string{
			first,
			`<script>parent.cometMessage('it\'s \u003c\/script\u003e');</script>`,
			`<script>parent.cometMessage({"To":"f3"});</script>`,
			`<script>parent.cometMessage(3*3);</script>`,
			`<script>parent.cometMessage('');</script>`,
		}, chunks)
	}
	chunks, err := all(t.Context(), comet.NewSocket("f", func(s *comet.Socket) error {
		defer s.Close()
		return s.SendMessage("kiki")
	}, comet.Preamble("<p>"), comet.Nonce("a"), comet.RemoveScripts()))
	require.NoError(t, err)
	assert.Equal(t, []string{"<p>", `<script nonce="a">document.currentScript.remove();f('kiki');</script>`}, chunks)

	assert.PanicsWithValue(t, "comet: NewSocket: connected must not be nil", func() { comet.NewSocket("f", nil) })
	assert.PanicsWithValue(t, "comet: NewSocket: callback must be a dotted path of JavaScript identifiers, "+
		`such as parent.cometMessage, got "f()"`, func() { comet.NewSocket("f()", func(*comet.Socket) error { return nil }) })
}

// Other goroutines can use a Socket after the function has returned.
func TestSocketStaysOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const senders = 3
		stream := comet.NewSocket("f", func(s *comet.Socket) error {
			var sending sync.WaitGroup
			for n := range senders {
				sending.Go(func() {
					for i := range 3 {
						time.Sleep(time.Second)
						assert.NoError(t, s.SendMessage(fmt.Sprint(n, i)))
					}
				})
			}
			go func() { sending.Wait(); s.Close(); s.Close() }()
			return nil
		})
		chunks, err := all(t.Context(), stream)
		require.NoError(t, err)
		assert.Len(t, chunks, 1+3*senders)
		assert.Contains(t, chunks, "<script>f('2 1');</script>")
	})
}

func TestSourceAfterSocket(t *testing.T) {
	one := comet.NewSocket("f", func(s *comet.Socket) error { defer s.Close(); return s.SendMessage("1") }, comet.Preamble(""))
	chunks, err := all(t.Context(), one.AndThen(one))
	require.NoError(t, err)
	assert.Equal(t, []string{"<script>f('1');</script>", "<script>f('1');</script>"}, chunks)
}

func TestSocketFails(t *testing.T) {
	calls := 0
	stream := comet.NewSocket("f", func(s *comet.Socket) error {
		s.OnDisconnected(func() { calls++ })
		assert.NoError(t, s.SendMessage("before"))
		return errBroken
	})
	chunks, err := all(t.Context(), stream)
	assert.Equal(t, errBroken, err)
	assert.Equal(t, []string{first, "<script>f('before');</script>"}, chunks)
	assert.Equal(t, 1, calls)
}

func TestSocketAfterClose(t *testing.T) {
	var kept *comet.Socket
	_, err := all(t.Context(), comet.NewSocket("f", func(s *comet.Socket) error {
		kept = s
		s.Close()
		assert.Error(t, s.SendMessage("late"))
		return nil
	}))
	require.NoError(t, err)
	assert.Error(t, kept.SendMessage("later"))
	assert.Error(t, kept.SendJSON(1))
	assert.Error(t, kept.Context().Err())
	kept.Close()
	called := false
	kept.OnDisconnected(func() { called = true })
	assert.True(t, called, "the stream has already ended")
}

// However a run ends, functions are called once and in order before the run ends, and sending
// fails.
func TestOnDisconnected(t *testing.T) {
	cancelled := errors.New("cancelled")
	for name, run := range map[string]func(context.Context, enumerator.Enumerator[[]byte]) error{
		"the consumer is done": func(ctx context.Context, source enumerator.Enumerator[[]byte]) error {
			got, err := enumerator.Run(ctx, source, iteratee.TakeUpTo[[]byte](2))
			assert.Len(t, got, 2)
			return err
		},
		"the consumer fails": func(ctx context.Context, source enumerator.Enumerator[[]byte]) error {
			n := 0
			_, err := enumerator.Run(ctx, source, iteratee.ForEach(func(context.Context, []byte) error {
				if n++; n == 2 {
					return errBroken
				}
				return nil
			}))
			assert.ErrorIs(t, err, errBroken)
			return nil
		},
		"the context ends": func(ctx context.Context, source enumerator.Enumerator[[]byte]) error {
			ctx, cancel := context.WithCancelCause(ctx)
			go func() { time.Sleep(time.Minute); cancel(cancelled) }()
			_, err := all(ctx, source)
			assert.ErrorIs(t, err, cancelled)
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var calls []int
				var failed error
				// connected waits for a function of OnDisconnected, as if it read from a queue.
				err := run(t.Context(), comet.NewSocket("f", func(s *comet.Socket) error {
					gone := make(chan struct{})
					s.OnDisconnected(func() { calls = append(calls, 1) })
					s.OnDisconnected(func() { calls = append(calls, 2); close(gone) })
					assert.NoError(t, s.SendMessage("a"))
					<-gone
					failed = s.SendMessage("b")
					return failed
				}))
				assert.NoError(t, err)
				assert.Equal(t, []int{1, 2}, calls)
				assert.Error(t, failed)
			})
		})
	}
}

// A function that only sends waits for the consumer, and gets an error when it has gone.
func TestSocketWaitsForConsumer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := 0
		stream := comet.NewSocket("f", func(s *comet.Socket) error {
			for {
				if err := s.SendMessage("x"); err != nil {
					return err
				}
				sent++
			}
		})
		taken := 0
		_, err := enumerator.Run(t.Context(), stream, iteratee.ForEach(func(context.Context, []byte) error {
			time.Sleep(time.Second)
			synctest.Wait() // until the sender cannot go on
			if taken++; taken == 1000 {
				return errBroken
			}
			assert.LessOrEqual(t, sent-taken, 256)
			return nil
		}))
		assert.ErrorIs(t, err, errBroken)
		assert.GreaterOrEqual(t, sent, 1000)
	})
}

func TestPanicsOfASocket(t *testing.T) {
	calls := 0
	assert.PanicsWithValue(t, "connected", func() {
		all(t.Context(), comet.NewSocket("f", func(s *comet.Socket) error {
			s.OnDisconnected(func() { calls++ })
			panic("connected")
		}))
	})
	assert.Equal(t, 1, calls)
	assert.PanicsWithValue(t, "callback", func() {
		all(t.Context(), comet.NewSocket("f", func(s *comet.Socket) error {
			s.OnDisconnected(func() { panic("callback") })
			s.OnDisconnected(func() { calls++ })
			s.Close()
			return nil
		}))
	})
	assert.Equal(t, 2, calls, "the other function is called too")
}
