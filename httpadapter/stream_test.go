package httpadapter_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/iteratee"
)

// script is a source that emits each chunk at its time.
func script(at ...any) enumerator.Enumerator[[]byte] {
	e := enumerator.Empty[[]byte]()
	var now time.Duration
	for i := 0; i < len(at); i += 2 {
		then := at[i].(time.Duration)
		e = e.AndThen(after(then-now, nil, at[i+1].(string)))
		now = then
	}
	return e
}

// timed returns what was noted without the deadlines.
func (r *recorder) timed() (events []string) {
	for _, event := range r.events {
		if !strings.Contains(event, "deadline") {
			events = append(events, event)
		}
	}
	return events
}

func TestFlush(t *testing.T) {
	const ms = time.Millisecond
	for name, tt := range map[string]struct {
		e    enumerator.Enumerator[[]byte]
		opts []httpadapter.Option
		want []string
	}{
		"interval": {
			script(0*ms, "a", 10*ms, "b", 25*ms, "c", 100*ms, "d", 500*ms, ""),
			[]httpadapter.Option{httpadapter.FlushInterval(20 * ms)},
			[]string{"0s head 200", "0s write a", "10ms write b", "20ms flush", "25ms write c", "45ms flush", "100ms write d", "120ms flush"},
		},
		"interval longer than the head waits": {
			script(0*ms, "a", 300*ms, "b", 2000*ms, ""),
			[]httpadapter.Option{httpadapter.FlushInterval(time.Second)},
			[]string{"0s head 200", "0s write a", "300ms write b", "1s flush"},
		},
		"size": {
			script(0*ms, "a", 10*ms, "bc", 20*ms, "defg", 30*ms, "h", 500*ms, ""),
			[]httpadapter.Option{httpadapter.FlushSize(3)},
			[]string{"0s head 200", "0s write a", "10ms write bc", "10ms flush", "20ms write defg", "20ms flush", "30ms write h", "130ms flush"},
		},
		"whichever is first": {
			script(0*ms, "a", 10*ms, "b", 20*ms, "c", 500*ms, ""),
			[]httpadapter.Option{httpadapter.FlushSize(2), httpadapter.FlushInterval(time.Hour)},
			[]string{"0s head 200", "0s write a", "10ms write b", "10ms flush", "20ms write c", "500ms flush"},
		},
		"nothing for now": {
			script(0*ms, "a", 1*ms, "b", 2*ms, "", 3*ms, "", 4*ms, "c"),
			[]httpadapter.Option{httpadapter.FlushInterval(time.Second)},
			[]string{"0s head 200", "0s write a", "1ms write b", "2ms flush", "4ms write c", "4ms flush"},
		},
		"the end": {
			script(0*ms, "a", 1*ms, "b"),
			[]httpadapter.Option{httpadapter.FlushInterval(time.Second)},
			[]string{"0s head 200", "0s write a", "1ms write b", "1ms flush"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newRecorder(t)
				require.NoError(t, w.serve(t.Context(), tt.e, tt.opts...))
				assert.Equal(t, tt.want, w.timed())
			})
		})
	}
}

// bursts is a source that emits several chunks at each time, and says so.
func bursts(at ...any) enumerator.Enumerator[[]byte] {
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[[]byte]) iteratee.Step {
		cork := iteratee.Cork(ctx)
		defer cork(false)
		start := time.Now()
		for i := 0; i < len(at); i += 2 {
			cork(false)
			select {
			case <-ctx.Done():
				return iteratee.StepError(context.Cause(ctx))
			case <-time.After(at[i].(time.Duration) - time.Since(start)):
			}
			chunks := strings.Fields(at[i+1].(string))
			for i, chunk := range chunks {
				if i+1 < len(chunks) {
					cork(true)
				}
				if step := sink.Next([]byte(chunk)); !step.IsCont() {
					return step
				}
			}
		}
		return iteratee.StepCont
	})
}

func TestBursts(t *testing.T) {
	const (
		ms = time.Millisecond
		s  = time.Second
	)
	slow := func(d time.Duration) enumeratee.Enumeratee[[]byte, []byte] {
		return enumeratee.Map(func(chunk []byte) []byte { time.Sleep(d); return chunk })
	}
	for name, tt := range map[string]struct {
		e    enumerator.Enumerator[[]byte]
		opts []httpadapter.Option
		want []string
	}{
		"leave together": {
			bursts(0*s, "a", 1*s, "b c d", 2*s, "e", 3*s, "f g"), nil,
			[]string{"0s head 200", "0s write a", "0s flush", "1s write b", "1s write c", "1s write d", "1s flush", "2s write e", "2s flush", "3s write f", "3s write g", "3s flush"},
		},
		"the first chunk leaves with the head": {
			bursts(0*s, "a b c", 1*s, ""), nil,
			[]string{"0s head 200", "0s write a", "0s flush", "0s write b", "0s write c", "0s flush"},
		},
		"one that is held up leaves soon": {
			enumerator.Through(bursts(0*s, "a b c d"), slow(s)), nil,
			[]string{"50ms head 200", "50ms flush", "1s write a", "1.01s flush", "2s write b", "2.01s flush", "3s write c", "3.01s flush", "4s write d", "4s flush"},
		},
		"a long one leaves in parts": {
			enumerator.Through(bursts(0*s, "a b c d e f g"), slow(3*ms)), nil,
			[]string{"3ms head 200", "3ms write a", "3ms flush", "6ms write b", "9ms write c", "12ms write d", "15ms write e", "16ms flush", "18ms write f", "21ms write g", "21ms flush"},
		},
		"a consumer that needs no more": {
			enumerator.Through(bursts(0*s, "a b c d"), enumeratee.Take[[]byte](3)).AndThen(after(s, nil, "e")), nil,
			[]string{"0s head 200", "0s write a", "0s flush", "0s write b", "0s write c", "0s flush", "1s write e", "1s flush"},
		},
		"with a trailer": {
			bursts(0*s, "a", 1*s, "b c"),
			[]httpadapter.Option{httpadapter.Trailer("Chunks", iteratee.Map(iteratee.Collect[[]byte](), func(chunks [][]byte) string { return fmt.Sprint(len(chunks)) }))},
			[]string{"0s head 200", "0s write a", "0s flush", "1s write b", "1s write c", "1s flush"},
		},
		"FlushSize(1)": {
			bursts(0*s, "a b c", 1*s, "d e"), []httpadapter.Option{httpadapter.FlushSize(1)},
			[]string{"0s head 200", "0s write a", "0s flush", "0s write b", "0s flush", "0s write c", "0s flush", "1s write d", "1s flush", "1s write e", "1s flush"},
		},
		"FlushInterval": {
			bursts(0*s, "a b c", 1*s, "d e"), []httpadapter.Option{httpadapter.FlushInterval(2 * s)},
			[]string{"0s head 200", "0s write a", "0s write b", "0s write c", "1s write d", "1s write e", "1s flush"},
		},
		"heartbeats count from the last": {
			bursts(1*s, "a b c", 20*s, ""), []httpadapter.Option{httpadapter.EventStream()},
			[]string{"50ms head 200", "50ms flush", "1s write a", "1s write b", "1s write c", "1s flush", "16s write :\n", "16s flush"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newRecorder(t)
				require.NoError(t, w.serve(t.Context(), tt.e, tt.opts...))
				assert.Equal(t, tt.want, w.timed())
				time.Sleep(time.Hour) // a timer that is left would write
			})
		})
	}
	t.Run("what came before a failure leaves", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			fail := enumeratee.MapM(func(_ context.Context, chunk []byte) ([]byte, error) {
				if string(chunk) == "c" {
					return nil, errBoom
				}
				return chunk, nil
			})
			for _, opts := range [][]httpadapter.Option{nil, {httpadapter.FlushInterval(time.Minute)}} {
				w := newRecorder(t)
				assert.Equal(t, errBoom, w.serve(t.Context(), enumerator.Through(bursts(s, "a b c d"), fail), opts...))
				assert.Equal(t, []string{"head 200", "flush", "write a", "write b", "flush", "deadline past"}, w.calls())
			}
		})
	})
	t.Run("a client that is gone when the burst leaves ends the run", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newRecorder(t)
			w.onFlush = func() error {
				w.onFlush = func() error { return errors.New("broken pipe") }
				return nil
			}
			err := w.serve(t.Context(), bursts(s, "a b c", time.Hour, "d"))
			assert.ErrorIs(t, err, httpadapter.ErrClientGone)
			assert.Equal(t, s, time.Since(w.start))
			assert.Equal(t, []string{"head 200", "flush", "write a", "write b", "write c", "flush", "deadline past"}, w.calls())
		})
	})
	t.Run("one that takes long to write leaves in parts", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newRecorder(t)
			w.onWrite = func() error { time.Sleep(4 * ms); return nil }
			require.NoError(t, w.serve(t.Context(), bursts(1*s, "a b c d e f g")))
			var flushes []string
			for _, event := range w.timed() {
				if at, ok := strings.CutSuffix(event, " flush"); ok {
					flushes = append(flushes, at)
				}
			}
			assert.Equal(t, []string{"50ms", "1.012s", "1.024s", "1.028s"}, flushes)
		})
	})
	t.Run("of a hub", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newRecorder(t)
			hub := enumerator.Broadcast[[]byte]()
			for _, chunk := range []string{"a", "b", "c"} {
				require.NoError(t, hub.Push(t.Context(), []byte(chunk)))
			}
			time.AfterFunc(s, hub.End)
			require.NoError(t, w.serve(t.Context(), enumerator.Values(hub.Last(3), nil)))
			assert.Equal(t, []string{"0s head 200", "0s write a", "0s flush", "0s write b", "0s write c", "0s flush"}, w.timed())
		})
	})
}

func TestHeartbeat(t *testing.T) {
	const s = time.Second
	for name, tt := range map[string]struct {
		e    enumerator.Enumerator[[]byte]
		opts []httpadapter.Option
		want []string
	}{
		"of the content": {
			script(20*s, "a", 30*s, "b", 46*s, ""),
			[]httpadapter.Option{httpadapter.EventStream()},
			[]string{"50ms head 200", "50ms flush", "15.05s write :\n", "15.05s flush", "20s write a", "20s flush", "30s write b", "30s flush", "45s write :\n", "45s flush"},
		},
		"none without": {script(100*s, "a"), nil, []string{"50ms head 200", "50ms flush", "1m40s write a", "1m40s flush"}},
		"own": {
			script(3*s, "a"),
			[]httpadapter.Option{httpadapter.Heartbeat(2*s, []byte("-"))},
			[]string{"50ms head 200", "50ms flush", "2.05s write -", "2.05s flush", "3s write a", "3s flush"},
		},
		"own, before the content": {
			script(3*s, "a"),
			[]httpadapter.Option{httpadapter.Heartbeat(2*s, []byte("-")), httpadapter.Comet()},
			[]string{"50ms head 200", "50ms flush", "2.05s write -", "2.05s flush", "3s write a", "3s flush"},
		},
		"own interval": {
			script(3*s, "a"),
			[]httpadapter.Option{httpadapter.NDJSON(), httpadapter.Heartbeat(2*s, nil)},
			[]string{"50ms head 200", "50ms flush", "2.05s write \n", "2.05s flush", "3s write a", "3s flush"},
		},
		"own, with an interval after it": {
			script(3*s, "a"),
			[]httpadapter.Option{httpadapter.Heartbeat(9*s, []byte("-")), httpadapter.Heartbeat(2*s, nil)},
			[]string{"50ms head 200", "50ms flush", "2.05s write -", "2.05s flush", "3s write a", "3s flush"},
		},
		"turned off": {
			script(100*s, "a"),
			[]httpadapter.Option{httpadapter.Heartbeat(0, nil), httpadapter.EventStream()},
			[]string{"50ms head 200", "50ms flush", "1m40s write a", "1m40s flush"},
		},
		"shorter than the head waits": {
			script(120*time.Millisecond, "a"),
			[]httpadapter.Option{httpadapter.Heartbeat(30*time.Millisecond, []byte("-"))},
			[]string{"50ms head 200", "50ms flush", "80ms write -", "80ms flush", "110ms write -", "110ms flush", "120ms write a", "120ms flush"},
		},
		"not while chunks wait": {
			script(0*s, "a", 2500*time.Millisecond, ""),
			[]httpadapter.Option{httpadapter.Heartbeat(2*s, []byte("-")), httpadapter.FlushInterval(1 * s)},
			[]string{"0s head 200", "0s write a", "1s flush"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newRecorder(t)
				require.NoError(t, w.serve(t.Context(), tt.e, tt.opts...))
				assert.Equal(t, tt.want, w.timed())
				time.Sleep(time.Hour) // a timer that is left would write
			})
		})
	}
}

func TestHeartbeatFunc(t *testing.T) {
	const s = time.Second
	for name, tt := range map[string]struct {
		opts   func(httpadapter.Option) []httpadapter.Option
		chunks []string
		want   []string
	}{
		"a chunk each": {
			func(f httpadapter.Option) []httpadapter.Option { return []httpadapter.Option{f, httpadapter.NDJSON()} },
			[]string{"1", "2"},
			[]string{"0s head 200", "0s write a", "0s flush", "2s write 1", "2s flush", "4s write 2", "4s flush", "5s write b", "5s flush"},
		},
		"an empty chunk": {
			func(f httpadapter.Option) []httpadapter.Option { return []httpadapter.Option{f} },
			[]string{"", "2"},
			[]string{"0s head 200", "0s write a", "0s flush", "2s flush", "4s write 2", "4s flush", "5s write b", "5s flush"},
		},
		"another interval": {
			func(f httpadapter.Option) []httpadapter.Option {
				return []httpadapter.Option{f, httpadapter.Heartbeat(3*s, nil)}
			},
			[]string{"1"},
			[]string{"0s head 200", "0s write a", "0s flush", "3s write 1", "3s flush", "5s write b", "5s flush"},
		},
		"replaced": {
			func(f httpadapter.Option) []httpadapter.Option {
				return []httpadapter.Option{f, httpadapter.Heartbeat(3*s, []byte("-"))}
			},
			nil,
			[]string{"0s head 200", "0s write a", "0s flush", "3s write -", "3s flush", "5s write b", "5s flush"},
		},
		"turned off": {
			func(f httpadapter.Option) []httpadapter.Option {
				return []httpadapter.Option{f, httpadapter.Heartbeat(0, nil)}
			},
			nil,
			[]string{"0s head 200", "0s write a", "0s flush", "5s write b", "5s flush"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, chunks := newRecorder(t), tt.chunks
				beat := httpadapter.HeartbeatFunc(2*s, func() []byte {
					chunk := chunks[0]
					chunks = chunks[1:]
					return []byte(chunk)
				})
				require.NoError(t, w.serve(t.Context(), script(0*s, "a", 5*s, "b"), tt.opts(beat)...))
				assert.Equal(t, tt.want, w.timed())
				assert.Empty(t, chunks)
				time.Sleep(time.Hour) // a call that comes late would panic
			})
		})
	}
}

// A panic of the function ends the stream and reaches the caller.
func TestHeartbeatFuncThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, src := newRecorder(t), newTap()
		beat := httpadapter.HeartbeatFunc(time.Second, func() []byte { panic("the function") })
		assert.PanicsWithValue(t, "the function", func() { _ = w.serve(t.Context(), src.enumerator(), beat) })
		assert.EqualValues(t, 1, src.closed.Load())
		assert.Equal(t, []string{"head 200", "flush", "deadline past"}, w.calls())
	})
}

func TestHeartbeatOf(t *testing.T) {
	for want, opts := range map[time.Duration][]httpadapter.Option{
		0:                {},
		15 * time.Second: {httpadapter.EventStream()},
		time.Second:      {httpadapter.Heartbeat(time.Second, nil), httpadapter.NDJSON()},
		time.Minute:      {httpadapter.Heartbeat(time.Second, nil), httpadapter.HeartbeatFunc(time.Minute, func() []byte { return nil })},
	} {
		assert.Equal(t, want, httpadapter.HeartbeatOf(opts...))
	}
	assert.Zero(t, httpadapter.HeartbeatOf(httpadapter.Comet(), httpadapter.Heartbeat(0, nil)))
	assert.Zero(t, httpadapter.HeartbeatOf(httpadapter.Heartbeat(time.Second, nil)), "bytes have no heartbeat")
}

// The source waits for ever; the heartbeat finds out that the client has gone.
// It would be taken for a part of the content, and the end of that would find no room.
func TestNoHeartbeatInAStreamWithALength(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRecorder(t)
		e := script(0*time.Second, "ab", time.Minute, "c")
		require.NoError(t, w.serve(t.Context(), e, httpadapter.NDJSON(), httpadapter.Header("Content-Length", "3")))
		assert.Equal(t, []string{"head 200", "write ab", "flush", "write c", "flush"}, w.calls())
	})
}

func TestHeartbeatThatFailsEndsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, src := newRecorder(t), newTap()
		w.onWrite = func() error { return errors.New("broken pipe") }
		err := w.serve(t.Context(), src.enumerator(), httpadapter.EventStream())
		assert.ErrorIs(t, err, httpadapter.ErrClientGone)
		assert.EqualValues(t, 1, src.closed.Load())
		assert.Equal(t, []string{"head 200", "flush", "write :\n", "deadline past"}, w.calls())
	})
}

// A heartbeat is being written when a chunk comes, and when the source ends.
func TestHeartbeatAndChunkTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRecorder(t)
		w.onWrite = func() error { time.Sleep(time.Second); w.note("written"); return nil }
		e := script(15*time.Second+100*time.Millisecond, "a", 31*time.Second+200*time.Millisecond, "")
		require.NoError(t, w.serve(t.Context(), e, httpadapter.EventStream(), httpadapter.Heartbeat(15*time.Second, nil)))
		assert.Equal(t, []string{
			"head 200", "flush",
			"write :\n", "written", "flush",
			"write a", "written", "flush",
			"write :\n", "written", "flush",
		}, w.calls())
	})
}

func TestMaxDuration(t *testing.T) {
	t.Run("ends the stream as if the source had run out", func(t *testing.T) {
		seen := map[time.Duration]bool{}
		for range 20 {
			synctest.Test(t, func(t *testing.T) {
				w, src := newRecorder(t), newTap()
				var got httpadapter.Outcome
				require.NoError(t, w.serve(t.Context(), src.enumerator(), httpadapter.MaxDuration(time.Minute),
					httpadapter.OnEnd(func(_ *http.Request, o httpadapter.Outcome) { got = o })))
				took := time.Since(w.start)
				assert.GreaterOrEqual(t, took, 48*time.Second)
				assert.LessOrEqual(t, took, time.Minute)
				assert.EqualValues(t, 1, src.closed.Load())
				assert.Equal(t, []string{"head 200", "flush"}, w.calls())
				assert.Equal(t, httpadapter.Outcome{Reason: httpadapter.Expired, Started: true, Duration: took}, got)
				seen[took] = true
			})
		}
		assert.Greater(t, len(seen), 10, "at random")
	})
	t.Run("of a source that always has another chunk", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var closed atomic.Int32
			w := newRecorder(t)
			w.onWrite = func() error { time.Sleep(time.Second); return nil }
			require.NoError(t, w.serve(t.Context(), endless(1, &closed), httpadapter.MaxDuration(time.Minute)))
			assert.LessOrEqual(t, time.Since(w.start), time.Minute+2*time.Second)
			assert.EqualValues(t, 1, closed.Load())
		})
	})
	t.Run("flushes what waits", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newRecorder(t)
			e := script(0*time.Second, "a", time.Hour, "b")
			require.NoError(t, w.serve(t.Context(), e, httpadapter.MaxDuration(time.Minute), httpadapter.FlushInterval(10*time.Minute)))
			assert.Equal(t, []string{"head 200", "write a", "flush"}, w.calls())
		})
	})
	t.Run("a source that fails meanwhile has failed", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newRecorder(t)
			e := enumerator.Generate(func(ctx context.Context) ([]byte, bool, error) {
				<-ctx.Done()
				return nil, false, errBoom
			})
			assert.Equal(t, errBoom, w.serve(t.Context(), e, httpadapter.MaxDuration(time.Minute)))
			assert.Equal(t, []string{"head 200", "flush", "deadline past"}, w.calls())
		})
	})
	t.Run("not of a stream with a length", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newRecorder(t)
			require.NoError(t, w.serve(t.Context(), after(time.Hour, nil, "ab"), httpadapter.MaxDuration(time.Minute),
				httpadapter.Header("Content-Length", "2")))
			assert.Equal(t, []string{"head 200", "flush", "write ab", "flush"}, w.calls())
		})
	})
}

func TestContentLength(t *testing.T) {
	for name, tt := range map[string]struct {
		e    enumerator.Enumerator[[]byte]
		want error
		call []string
	}{
		"right":     {of("ab", "", "c"), nil, []string{"head 200", "write ab", "flush", "write c", "flush"}},
		"too long":  {of("ab", "cd"), http.ErrContentLength, []string{"head 200", "write ab", "flush", "deadline past"}},
		"too short": {of("ab"), nil, []string{"head 200", "write ab", "flush", "deadline past"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newRecorder(t)
				err := w.serve(t.Context(), tt.e, httpadapter.Header("content-length", "3"))
				if name == "right" {
					require.NoError(t, err)
				} else {
					assert.ErrorContains(t, err, "Content-Length")
				}
				if tt.want != nil {
					assert.ErrorIs(t, err, tt.want)
				}
				assert.Equal(t, tt.call, w.calls())
			})
		})
	}
	t.Run("HEAD", func(t *testing.T) {
		w := newRecorder(t)
		w.header.Set("Content-Length", "3")
		r := httptest.NewRequestWithContext(t.Context(), "HEAD", "/", nil)
		require.NoError(t, httpadapter.Serve(w, r, of("abc")))
		assert.Equal(t, "3", w.header.Get("Content-Length"))
	})
}

func TestOutcome(t *testing.T) {
	errPipe := errors.New("broken pipe")
	for name, tt := range map[string]struct {
		e    enumerator.Enumerator[[]byte]
		opts []httpadapter.Option
		bad  bool // the writer
		want httpadapter.Outcome
	}{
		"end":         {e: script(0*time.Second, "ab", time.Second, "", 2*time.Second, "c"), want: httpadapter.Outcome{Started: true, Reason: httpadapter.EndOfSource, Chunks: 2, Bytes: 3, Duration: 2 * time.Second}},
		"heartbeats":  {e: script(time.Minute, "ab"), opts: []httpadapter.Option{httpadapter.EventStream()}, want: httpadapter.Outcome{Started: true, Reason: httpadapter.EndOfSource, Chunks: 1, Bytes: 2, Duration: time.Minute}},
		"error":       {e: failing(errBoom, "a"), want: httpadapter.Outcome{Started: true, Reason: httpadapter.Failed, Err: errBoom, Chunks: 1, Bytes: 1}},
		"early error": {e: failing(errBoom), want: httpadapter.Outcome{Started: true, Reason: httpadapter.Failed, Err: errBoom}},
		"client gone": {e: of("a", "b"), bad: true, want: httpadapter.Outcome{Started: true, Reason: httpadapter.ClientGone, Err: errPipe, Chunks: 1, Bytes: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newRecorder(t)
				if tt.bad {
					w.onFlush = func() error { return errPipe }
				}
				var got []httpadapter.Outcome
				hook := httpadapter.OnEnd(func(r *http.Request, o httpadapter.Outcome) {
					assert.Equal(t, "/", r.URL.Path)
					got = append(got, o)
				})
				err := w.serve(t.Context(), tt.e, append(tt.opts, hook, hook)...)
				require.Len(t, got, 2)
				assert.Equal(t, got[0], got[1])
				assert.Equal(t, err, got[0].Err)
				assert.ErrorIs(t, err, tt.want.Err)
				tt.want.Err = err
				assert.Equal(t, tt.want, got[0])
			})
		})
	}
	t.Run("panic", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, src := newRecorder(t), newTap()
			go func() { src.chunks <- "a"; src.panics <- "ouch" }()
			var got httpadapter.Outcome
			assert.PanicsWithValue(t, "ouch", func() {
				_ = w.serve(t.Context(), src.enumerator(), httpadapter.OnEnd(func(_ *http.Request, o httpadapter.Outcome) { got = o }))
			})
			assert.Equal(t, httpadapter.Outcome{Started: true, Reason: httpadapter.Panicked, Chunks: 1, Bytes: 1}, got)
		})
	})
}

// deaf hides deadlines.
type deaf struct{ flushOnly }

func TestHiddenDeadlinesAreNamedOnceInTheLogAndAlwaysInTheOutcome(t *testing.T) {
	httpadapter.ForgetWarnings()
	var logged strings.Builder
	logger := httpadapter.Logger(slog.New(slog.NewTextHandler(&logged, nil)))
	for range 3 {
		var got httpadapter.Outcome
		w := deaf{flushOnly{noUnwrap{httptest.NewRecorder()}}}
		require.NoError(t, httpadapter.Serve(w, httptest.NewRequest("GET", "/some/path", nil), of("a"), logger,
			httpadapter.OnEnd(func(_ *http.Request, o httpadapter.Outcome) { got = o })))
		assert.True(t, got.NoDeadlines)
	}
	assert.Equal(t, 1, strings.Count(logged.String(), "level=WARN"), logged.String())
	assert.Contains(t, logged.String(), "type=httpadapter_test.deaf")
	assert.Contains(t, logged.String(), "Unwrap() http.ResponseWriter")
	assert.Contains(t, logged.String(), "path=/some/path")
}

func TestHiddenFlushIsAnErrorInTheOutcome(t *testing.T) {
	var got httpadapter.Outcome
	err := httpadapter.Serve(noUnwrap{httptest.NewRecorder()}, httptest.NewRequest("GET", "/", nil), of("a"),
		httpadapter.OnEnd(func(_ *http.Request, o httpadapter.Outcome) { got = o }))
	assert.ErrorIs(t, err, http.ErrNotSupported)
	assert.Equal(t, httpadapter.Failed, got.Reason)
	assert.Equal(t, err, got.Err)
}
