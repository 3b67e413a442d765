package httpadapter_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

// recorder is a ResponseWriter that notes each call and when it came. It has no
// lock: the race detector sees whoever touches it at the wrong time.
type recorder struct {
	t      *testing.T
	start  time.Time
	header http.Header
	events []string
	over   bool // Serve has returned

	onHead  func()
	onWrite func() error
	onFlush func() error
}

func newRecorder(t *testing.T) *recorder {
	return &recorder{t: t, start: time.Now(), header: http.Header{}}
}

func (r *recorder) note(format string, args ...any) {
	if r.over {
		r.t.Errorf("touched after Serve: "+format, args...)
	}
	r.events = append(r.events, fmt.Sprintf("%v ", time.Since(r.start))+fmt.Sprintf(format, args...))
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) {
	r.note("head %d", status)
	if r.onHead != nil {
		r.onHead()
	}
}

func (r *recorder) Write(p []byte) (int, error) {
	r.note("write %s", p)
	if r.onWrite != nil {
		if err := r.onWrite(); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

func (r *recorder) FlushError() error {
	r.note("flush")
	if r.onFlush != nil {
		return r.onFlush()
	}
	return nil
}

func (r *recorder) SetWriteDeadline(d time.Time) error {
	switch {
	case d.IsZero():
		r.note("deadline none")
	case d.Before(r.start):
		r.note("deadline past")
	default:
		r.note("deadline %v", d.Sub(r.start))
	}
	return nil
}

func (r *recorder) serve(ctx context.Context, e enumerator.Enumerator[[]byte], opts ...httpadapter.Option) error {
	defer func() { r.over = true }()
	return httpadapter.Serve(r, httptest.NewRequestWithContext(ctx, "GET", "/", nil), e, opts...)
}

var answered500 = []string{"head 500", "write Internal Server Error\n"}

// calls returns what was noted without the times.
func (r *recorder) calls() (calls []string) {
	for _, event := range r.events {
		_, call, _ := strings.Cut(event, " ")
		if !strings.HasPrefix(call, "deadline") || call == "deadline past" {
			calls = append(calls, call)
		}
	}
	return calls
}

func TestServeWritesAndFlushesEachChunkWithADeadlineOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRecorder(t)
		e := of("a").AndThen(after(time.Hour, nil, "b")).AndThen(after(time.Second, nil))
		require.NoError(t, w.serve(t.Context(), e, httpadapter.WriteTimeout(3*time.Second)))
		assert.Equal(t, []string{
			"0s deadline 3s", "0s head 200", "0s write a", "0s flush",
			"1h0m0s deadline 1h0m3s", "1h0m0s write b", "1h0m0s flush",
			"1h0m1s deadline 1h0m4s", // for the end, which net/http writes
		}, w.events)
	})
}

func TestServeSetsTheDeadlineAgainWhenAQuarterOfItHasPassed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRecorder(t)
		e := of("a", "b").AndThen(after(time.Second, nil, "c")).AndThen(after(time.Millisecond, nil, "d"))
		require.NoError(t, w.serve(t.Context(), e, httpadapter.WriteTimeout(4*time.Second)))
		assert.Equal(t, []string{
			"0s deadline 4s", "0s head 200", "0s write a", "0s flush", "0s write b", "0s flush",
			"1s write c", "1s flush",
			"1.001s deadline 5.001s", "1.001s write d", "1.001s flush",
		}, w.events)
	})
}

func TestServeLeavesNoDeadlineOnHTTP2(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRecorder(t)
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		r.ProtoMajor, r.ProtoMinor = 2, 0
		require.NoError(t, httpadapter.Serve(w, r, of("a").AndThen(after(time.Hour, nil, "b")), httpadapter.WriteTimeout(3*time.Second)))
		assert.Equal(t, []string{
			"0s deadline 3s", "0s head 200", "0s write a", "0s flush", "0s deadline none",
			"1h0m0s deadline 1h0m3s", "1h0m0s write b", "1h0m0s flush", "1h0m0s deadline none",
			"1h0m0s deadline 1h0m3s",
		}, w.events)
	})
}

func TestServeSkipsEmptyChunks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRecorder(t)
		require.NoError(t, w.serve(t.Context(), of("", "foo", "", "bar", "")))
		assert.Equal(t, []string{"head 200", "write foo", "flush", "write bar", "flush"}, w.calls())
	})
}

func TestServeSendsTheHeadByItselfWhenTheSourceWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRecorder(t)
		require.NoError(t, w.serve(t.Context(), after(time.Minute, nil, "a")))
		assert.Equal(t, []string{
			"50ms deadline 10.05s", "50ms head 200", "50ms flush",
			"1m0s deadline 1m10s", "1m0s write a", "1m0s flush",
		}, w.events)
	})
}

func TestServeSendsTheHeadOfAnEmptyStream(t *testing.T) {
	for name, e := range map[string]enumerator.Enumerator[[]byte]{
		"empty":             enumerator.Empty[[]byte](),
		"empty chunks only": of("", ""),
		"after the grace":   after(time.Minute, nil),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newRecorder(t)
				require.NoError(t, w.serve(t.Context(), e))
				assert.Equal(t, []string{"head 200", "flush"}, w.calls())
			})
		})
	}
}

func TestServeAnswersAnErrorBeforeTheHeadWith500(t *testing.T) {
	for name, e := range map[string]enumerator.Enumerator[[]byte]{
		"at once":            failing(errBoom),
		"within the grace":   after(49*time.Millisecond, errBoom),
		"after empty chunks": failing(errBoom, "", ""),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newRecorder(t)
				err := w.serve(t.Context(), e, httpadapter.Header("Content-Encoding", "br"))
				assert.Equal(t, errBoom, err)
				assert.Equal(t, answered500, w.calls())
				assert.Equal(t, http.Header{
					"Content-Type":           {"text/plain; charset=utf-8"},
					"X-Content-Type-Options": {"nosniff"},
				}, w.header, "the headers of a stream do not belong to an error")
				time.Sleep(time.Minute) // a timer that is left would write the head now
			})
		})
	}
}

func TestServeBreaksTheConnectionOnAnErrorAfterTheHead(t *testing.T) {
	for name, tt := range map[string]struct {
		e    enumerator.Enumerator[[]byte]
		want []string
	}{
		"after a chunk":   {failing(errBoom, "a"), []string{"head 200", "write a", "flush", "deadline past"}},
		"after the grace": {after(51*time.Millisecond, errBoom), []string{"head 200", "flush", "deadline past"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newRecorder(t)
				assert.Equal(t, errBoom, w.serve(t.Context(), tt.e))
				assert.Equal(t, tt.want, w.calls())
				last := w.events[len(w.events)-1]
				assert.Contains(t, last, "deadline past", "no later deadline may undo it")
			})
		})
	}
}

// The timer is writing the head when the source fails: Serve waits for it.
func TestServeWaitsForAHeadThatIsBeingWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRecorder(t)
		release := make(chan struct{})
		w.onFlush = func() error { <-release; return nil }
		src := newTap()
		returned := make(chan error, 1)
		go func() { returned <- w.serve(t.Context(), src.enumerator()) }()

		time.Sleep(time.Second) // the head is being flushed
		src.failures <- errBoom
		synctest.Wait()
		assert.EqualValues(t, 1, src.closed.Load())
		assert.Empty(t, returned, "Serve has returned while another goroutine writes")

		close(release)
		assert.Equal(t, errBoom, <-returned)
		assert.Equal(t, []string{"head 200", "flush", "deadline past"}, w.calls(), "the head has left: no 500")
	})
}

// A chunk that comes while the timer is writing the head waits for that.
func TestServeChunkWaitsForTheHead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, src := newRecorder(t), newTap()
		w.onFlush = func() error {
			w.onFlush = nil
			src.chunks <- "a" // the run has it, and goes on while this does
			close(src.chunks)
			w.note("flushed")
			return nil
		}
		require.NoError(t, w.serve(t.Context(), src.enumerator()))
		assert.Equal(t, []string{"head 200", "flush", "flushed", "write a", "flush"}, w.calls())
	})
}

func TestServeEndsWhenTheHeadCannotBeWritten(t *testing.T) {
	errPipe := errors.New("broken pipe")
	t.Run("while the source waits", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newRecorder(t)
			w.onFlush = func() error { return errPipe }
			src := newTap()
			err := w.serve(t.Context(), src.enumerator())
			assert.ErrorIs(t, err, errPipe)
			assert.ErrorIs(t, err, httpadapter.ErrClientGone)
			assert.EqualValues(t, 1, src.closed.Load())
			assert.Equal(t, 50*time.Millisecond, time.Since(w.start))
		})
	})
	t.Run("while the source ends", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newRecorder(t)
			src := newTap()
			w.onFlush = func() error {
				close(src.chunks)
				synctest.Wait() // the run is over, and Serve waits for the timer
				return errPipe
			}
			assert.ErrorIs(t, w.serve(t.Context(), src.enumerator()), errPipe)
			assert.Equal(t, []string{"head 200", "flush", "deadline past"}, w.calls())
		})
	})
	t.Run("while a chunk comes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, src := newRecorder(t), newTap()
			w.onFlush = func() error {
				src.chunks <- "a"
				synctest.Wait() // the chunk waits for the timer
				return errPipe
			}
			assert.ErrorIs(t, w.serve(t.Context(), src.enumerator()), errPipe)
			assert.Equal(t, []string{"head 200", "flush", "deadline past"}, w.calls(), "nothing is written after the error")
		})
	})
}

// A middleware's writer that panics in the timer's goroutine would end the process.
func TestServeHandsOnAPanicOfTheHead(t *testing.T) {
	for what, panics := range map[string]func(){
		"middleware": func() { panic("middleware") },
		"httpadapter: the ResponseWriter has called runtime.Goexit": runtime.Goexit,
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newRecorder(t)
			w.onHead = panics
			src := newTap()
			func() {
				defer func() { assert.Equal(t, what, fmt.Sprint(recover())) }()
				_ = w.serve(t.Context(), src.enumerator())
			}()
			assert.EqualValues(t, 1, src.closed.Load())
			assert.Equal(t, []string{"head 200", "deadline past"}, w.calls())
		})
	}
}

func TestServeEndsOnAWriteError(t *testing.T) {
	for name, tt := range map[string]struct {
		cause error
		gone  bool
	}{
		"broken pipe":      {errors.New("broken pipe"), true},
		"too slow":         {os.ErrDeadlineExceeded, true},
		"too much":         {http.ErrContentLength, false},
		"cannot after all": {http.ErrNotSupported, false},
	} {
		for _, op := range []string{"write", "flush"} {
			t.Run(name+" in "+op, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newRecorder(t)
					calls := 0
					fail := func() error {
						if calls++; calls == 2 {
							return tt.cause
						}
						return nil
					}
					want := []string{"head 200", "write x", "flush", "write x"}
					if op == "write" {
						w.onWrite = fail
					} else {
						w.onFlush = fail
						want = append(want, "flush")
					}
					var closed atomic.Int32
					err := w.serve(t.Context(), endlessly("x", &closed))
					assert.ErrorIs(t, err, tt.cause)
					assert.Equal(t, tt.gone, errors.Is(err, httpadapter.ErrClientGone))
					assert.EqualValues(t, 1, closed.Load())
					assert.Equal(t, append(want, "deadline past"), w.calls())
				})
			})
		}
	}
}

// endlessly ignores what the sink answers to the first refusals, as no source
// should: nothing may be written after a write that failed.
func endlessly(chunk string, closed *atomic.Int32) enumerator.Enumerator[[]byte] {
	return enumerator.New(func(_ context.Context, sink iteratee.Sink[[]byte]) iteratee.Step {
		defer closed.Add(1)
		for refused := 0; ; {
			if step := sink.Next([]byte(chunk)); !step.IsCont() {
				if refused++; refused == 3 {
					return step
				}
			}
		}
	})
}

func TestServeEndsWithTheContext(t *testing.T) {
	errShutdown := errors.New("shutdown")
	for name, tt := range map[string]struct {
		cause error
		gone  bool
	}{
		"client":  {context.Canceled, true},
		"timeout": {context.DeadlineExceeded, false},
		"own":     {errShutdown, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Minute, func() { cancel(tt.cause) })
				w, src := newRecorder(t), newTap()
				err := w.serve(ctx, src.enumerator())
				assert.ErrorIs(t, err, tt.cause)
				assert.Equal(t, tt.gone, errors.Is(err, httpadapter.ErrClientGone))
				assert.EqualValues(t, 1, src.closed.Load())
				assert.Equal(t, []string{"head 200", "flush", "deadline past"}, w.calls())
			})
		})
	}
}

func TestServeOfAPanickingSource(t *testing.T) {
	for name, tt := range map[string]struct {
		wait  time.Duration
		chunk string
		want  []string
	}{
		"before the head": {want: answered500},
		"after the grace": {wait: time.Minute, want: []string{"head 200", "flush", "deadline past"}},
		"after a chunk":   {chunk: "a", want: []string{"head 200", "write a", "flush", "deadline past"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, src := newRecorder(t), newTap()
				go func() {
					time.Sleep(tt.wait)
					if tt.chunk != "" {
						src.chunks <- tt.chunk
					}
					src.panics <- errBoom
				}()
				defer func() {
					assert.Equal(t, errBoom, recover())
					assert.Contains(t, string(debug.Stack()), "tapPanics", "the stack where it happened")
					assert.EqualValues(t, 1, src.closed.Load())
					assert.Equal(t, tt.want, w.calls())
				}()
				_ = w.serve(t.Context(), src.enumerator())
			})
		})
	}
}

func TestServeOfASourceThatExitsTheGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newRecorder(t)
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = w.serve(t.Context(), of("a").AndThen(enumerator.Generate(func(context.Context) ([]byte, bool, error) {
				runtime.Goexit() // as t.FailNow does
				return nil, false, nil
			})))
		}()
		<-done
		assert.Equal(t, []string{"head 200", "write a", "flush", "deadline past"}, w.calls())
	})
}

func TestServeWithoutDeadlines(t *testing.T) {
	serve := func(e enumerator.Enumerator[[]byte]) (*httptest.ResponseRecorder, error) {
		w := httptest.NewRecorder()
		err := httpadapter.Serve(flushOnly{noUnwrap{w}}, httptest.NewRequest("GET", "/", nil), e)
		return w, err
	}
	t.Run("goes on", func(t *testing.T) {
		w, err := serve(of("a", "b"))
		require.NoError(t, err)
		assert.Equal(t, "ab", w.Body.String())
	})
	t.Run("an early error is a 500", func(t *testing.T) {
		w, err := serve(failing(errBoom))
		assert.Equal(t, errBoom, err)
		assert.Equal(t, 500, w.Code)
	})
	t.Run("a late error aborts the handler and is logged", func(t *testing.T) {
		logged := probe.Logs(t)
		assert.PanicsWithValue(t, http.ErrAbortHandler, func() { _, _ = serve(failing(errBoom, "a")) })
		assert.Contains(t, logged(), errBoom.Error())
	})
	t.Run("a panic of the source stays what it is", func(t *testing.T) {
		src := newTap()
		go func() { src.chunks <- "a"; src.panics <- "ouch" }()
		assert.PanicsWithValue(t, "ouch", func() { _, _ = serve(src.enumerator()) })
	})
}

func TestServeRefusesAWriterThatCannotFlush(t *testing.T) {
	for name, wrap := range map[string]func(http.ResponseWriter) http.ResponseWriter{
		"at once":         func(w http.ResponseWriter) http.ResponseWriter { return noUnwrap{w} },
		"further inwards": func(w http.ResponseWriter) http.ResponseWriter { return onlyUnwrap{noUnwrap{w}} },
	} {
		t.Run(name, func(t *testing.T) {
			w, src := httptest.NewRecorder(), newTap()
			err := httpadapter.Serve(wrap(w), httptest.NewRequest("GET", "/", nil), src.enumerator())
			assert.ErrorIs(t, err, http.ErrNotSupported)
			assert.ErrorContains(t, err, "httpadapter_test.noUnwrap cannot flush")
			assert.ErrorContains(t, err, "needs a method Unwrap() http.ResponseWriter")
			assert.Zero(t, src.started.Load())
			assert.Equal(t, 500, w.Code)
			assert.Equal(t, "Internal Server Error\n", w.Body.String())
		})
	}
}

func TestServeOnHEADSendsTheHeadersOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, src := newRecorder(t), newTap()
		r := httptest.NewRequestWithContext(t.Context(), "HEAD", "/", nil)
		require.NoError(t, httpadapter.Serve(w, r, src.enumerator(), httpadapter.Header("X-A", "b")))
		assert.Zero(t, src.started.Load())
		assert.Equal(t, []string{"head 200"}, w.calls())
		assert.Equal(t, "b", w.header.Get("X-A"))
		assert.Equal(t, "no", w.header.Get("X-Accel-Buffering"))
	})
}

func TestHandlerServesWhatTheSourceMakesOfTheRequest(t *testing.T) {
	h := httpadapter.Handler(func(r *http.Request) (enumerator.Enumerator[[]byte], error) {
		return of("hello ", r.FormValue("name")), nil
	}, httpadapter.Header("Content-Type", "text/plain"))
	for _, name := range []string{"ann", "bob"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/?name="+name, nil))
		assert.Equal(t, 200, w.Code)
		assert.Equal(t, "hello "+name, w.Body.String())
		assert.Equal(t, "text/plain", w.Header().Get("Content-Type"))
	}
}

func TestHandlerLogsErrorsAndHidesThem(t *testing.T) {
	var logged strings.Builder
	logger := httpadapter.Logger(slog.New(slog.NewTextHandler(&logged, nil)))
	for name, tt := range map[string]struct {
		e     enumerator.Enumerator[[]byte]
		err   error
		calls []string
	}{
		"of source":              {err: errBoom, calls: answered500},
		"of the stream, early":   {e: failing(errBoom), calls: answered500},
		"of the stream, halfway": {e: failing(errBoom, "a"), calls: []string{"head 200", "write a", "flush", "deadline past"}},
	} {
		t.Run(name, func(t *testing.T) {
			logged.Reset()
			w := newRecorder(t)
			httpadapter.Handler(func(*http.Request) (enumerator.Enumerator[[]byte], error) {
				return tt.e, tt.err
			}, logger).ServeHTTP(w, httptest.NewRequest("PUT", "/some/path?secret=1", nil))
			assert.Equal(t, tt.calls, w.calls())
			assert.Regexp(t, `level=ERROR .*method=PUT path=/some/path status=500 error="boom: the password is 1234"`, logged.String())
			assert.Equal(t, 1, strings.Count(logged.String(), "\n"))
		})
	}
	t.Run("with a status of its own", func(t *testing.T) {
		notFound := &httpadapter.StatusError{Status: 404, Text: "no such room", Err: errBoom}
		for when, h := range map[string]http.Handler{
			"of source": httpadapter.Handler(func(*http.Request) (enumerator.Enumerator[[]byte], error) {
				return enumerator.Empty[[]byte](), fmt.Errorf("join: %w", notFound)
			}, logger),
			"of the stream": httpadapter.Handler(func(*http.Request) (enumerator.Enumerator[[]byte], error) { return failing(notFound), nil }, logger),
		} {
			logged.Reset()
			w := newRecorder(t)
			h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
			assert.Equal(t, []string{"head 404", "write Not Found: no such room\n"}, w.calls(), when)
			assert.Regexp(t, `level=INFO .*status=404 error=".*the password is 1234"`, logged.String())
		}
	})
	t.Run("a writer that cannot flush", func(t *testing.T) {
		logged := probe.Logs(t)
		w := httptest.NewRecorder()
		httpadapter.Handler(func(*http.Request) (enumerator.Enumerator[[]byte], error) {
			return of("a"), nil
		}).ServeHTTP(noUnwrap{w}, httptest.NewRequest("GET", "/", nil))
		assert.Equal(t, 500, w.Code)
		assert.Contains(t, logged(), "Unwrap")
	})
}

func TestHandlerDoesNotLogThatTheClientHasGone(t *testing.T) {
	for name, source := range map[string]func(context.CancelFunc) (enumerator.Enumerator[[]byte], error){
		"during source": func(cancel context.CancelFunc) (enumerator.Enumerator[[]byte], error) {
			cancel()
			return of(), errBoom // of a driver, say, which does not wrap context.Canceled
		},
		"during the stream": func(cancel context.CancelFunc) (enumerator.Enumerator[[]byte], error) {
			return enumerator.Generate(func(context.Context) ([]byte, bool, error) {
				cancel()
				return nil, false, errBoom
			}), nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			logged := probe.Logs(t)
			ctx, cancel := context.WithCancel(t.Context())
			w := newRecorder(t)
			httpadapter.Handler(func(*http.Request) (enumerator.Enumerator[[]byte], error) {
				return source(cancel)
			}).ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", "/", nil))
			assert.Empty(t, logged())
			assert.Equal(t, []string{"head 499", "write Client Closed Request\n"}, w.calls())
		})
	}
}

func TestHandlerOfASourceThatPanics(t *testing.T) {
	w := newRecorder(t)
	h := httpadapter.Handler(func(*http.Request) (enumerator.Enumerator[[]byte], error) { panic("ouch") })
	assert.PanicsWithValue(t, "ouch", func() { h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil)) })
	assert.Equal(t, answered500, w.calls())
}

func TestHandlerCallsSourceOnHEADAndRunsNothing(t *testing.T) {
	src := newTap()
	called := 0
	h := httpadapter.Handler(func(*http.Request) (enumerator.Enumerator[[]byte], error) {
		called++
		return src.enumerator(), nil
	})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("HEAD", "/", nil))
	assert.Equal(t, 200, w.Code)
	assert.Equal(t, 1, called)
	assert.Zero(t, src.started.Load())
}

func TestHandlerPanicsWithoutASource(t *testing.T) {
	assert.PanicsWithValue(t, "httpadapter: Handler: source must not be nil", func() { httpadapter.Handler(nil) })
}

func TestWhatIsNoStatusOfAnAnswerIsA500(t *testing.T) {
	logged := probe.Logs(t)
	for _, status := range []int{0, -1, 100, 101, 103, 199, 600, 999, 1000} {
		w := httptest.NewRecorder()
		httpadapter.Error(w, httptest.NewRequest("GET", "/", nil), &httpadapter.StatusError{Status: status, Text: "hello", Err: errBoom})
		assert.Equal(t, 500, w.Code, status)
		assert.Equal(t, "Internal Server Error\n", w.Body.String(), status)
	}
	assert.Equal(t, 9, strings.Count(logged(), `status="500" error=`), logged())
}
