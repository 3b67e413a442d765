package httpadapter_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/compress"
	"github.com/halley-go/halley/iteratee"
)

// wire is a ResponseWriter that knows what a client has got, and how long what was written has waited
// for that. It has no lock: the race detector sees whoever touches it at the wrong time.
type wire struct {
	httptest.ResponseRecorder
	over    bool // Serve has returned
	late    bool // something is touched after that
	held    bytes.Buffer
	arrived bytes.Buffer
	since   time.Time     // when the first byte was written that is held
	longest time.Duration // that one was held
	takes   time.Duration // a write or flush
	fails   int           // the call that fails, 0 for none
	panics  bool          // instead
	calls   int
	gone    bool
	after   int // calls after the failure
}

func (w *wire) call() error {
	w.late = w.late || w.over
	if w.gone {
		w.after++
	}
	time.Sleep(w.takes)
	if w.calls++; w.calls == w.fails {
		w.gone = true
		if w.panics {
			panic("middleware")
		}
		return errors.New("broken pipe")
	}
	return nil
}

func (w *wire) Write(p []byte) (int, error) {
	now := time.Now()
	if err := w.call(); err != nil {
		return 0, err
	}
	if w.held.Len() == 0 {
		w.since = now
	}
	return w.held.Write(p)
}

func (w *wire) FlushError() error {
	held := time.Since(w.since)
	if err := w.call(); err != nil {
		return err
	}
	if w.held.Len() > 0 {
		w.longest = max(w.longest, held)
	}
	_, err := w.held.WriteTo(&w.arrived)
	return err
}

func (w *wire) SetWriteDeadline(time.Time) error {
	w.late = w.late || w.over
	return nil
}

// An act is what a source does next, when it has waited: it says whether more chunks come at once,
// and gives a chunk of so many bytes.
type act struct {
	uncork bool // before it waits, which it should
	wait   time.Duration
	cork   bool
	size   int
}

// Whatever a source says about bursts, and however slow an adapter or the writer is: no chunk waits
// for longer than 10 ms and the write that is in its way, none is lost or comes in another order, and
// nothing is left of the stream.
func TestStreamIsItsModel(t *testing.T) {
	const ms = time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(struct{ rapid.TB }{t}, func(t *rapid.T) { // a bubble has no Deadline, for which rapid asks a *testing.T
			acts := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) act {
				return act{
					rapid.Bool().Draw(t, "uncork"),
					rapid.SampledFrom([]time.Duration{0, 0, 0, ms, 4 * ms, 10 * ms, 70 * ms, 3 * time.Second}).Draw(t, "wait"),
					rapid.Bool().Draw(t, "cork"),
					rapid.IntRange(0, 3).Draw(t, "size"),
				}
			}), 0, 30).Draw(t, "acts")
			end := rapid.SampledFrom([]string{"end", "error", "panic", "the client goes", "Drain", "MaxDuration"}).Draw(t, "end")
			slow := rapid.SampledFrom([]time.Duration{0, 0, ms, 25 * ms}).Draw(t, "adapter")
			w := &wire{
				ResponseRecorder: *httptest.NewRecorder(),
				takes:            rapid.SampledFrom([]time.Duration{0, 0, ms, 15 * ms}).Draw(t, "writer"),
				fails:            max(0, rapid.IntRange(-9, 20).Draw(t, "fails")),
				panics:           rapid.Bool().Draw(t, "writer panics"),
			}

			total := 0
			for _, a := range acts {
				total += a.size
			}
			var opts []httpadapter.Option
			var outcome httpadapter.Outcome
			opts = append(opts, httpadapter.OnEnd(func(_ *http.Request, o httpadapter.Outcome) { outcome = o }))
			compressed, beats := false, false
			switch rapid.SampledFrom([]string{"plain", "length", "compressed", "heartbeat", "trailer"}).Draw(t, "option") {
			case "length":
				opts = append(opts, httpadapter.Header("Content-Length", strconv.Itoa(total)))
			case "compressed":
				compressed = true
				opts = append(opts, compress.Option())
			case "heartbeat":
				beats = true
				opts = append(opts, httpadapter.Heartbeat(time.Second, []byte("-")))
			case "trailer":
				opts = append(opts, httpadapter.Trailer("Chunks", iteratee.Map(iteratee.Ignore[[]byte](), func(struct{}) string { return "" })))
			}
			if end == "MaxDuration" {
				opts = append(opts, httpadapter.MaxDuration(time.Second))
			}

			var written []byte // by the source
			open := 0
			source := enumerator.New(func(ctx context.Context, sink iteratee.Sink[[]byte]) iteratee.Step {
				open++
				defer func() { open-- }()
				cork := iteratee.Cork(ctx)
				defer cork(false)
				buffer := make([]byte, 3) // is used again
				for _, a := range acts {
					if a.uncork {
						cork(false)
					}
					select {
					case <-ctx.Done():
						return iteratee.Cancelled(ctx)
					case <-time.After(a.wait):
					}
					cork(a.cork)
					for i := range a.size {
						buffer[i] = 'a' + byte((len(written)+i)%26)
					}
					written = append(written, buffer[:a.size]...)
					if step := sink.Next(buffer[:a.size]); !step.IsCont() {
						return step
					}
				}
				switch end {
				case "error":
					return iteratee.StepError(errBoom)
				case "panic":
					panic(errBoom)
				case "end":
					return iteratee.StepCont
				}
				<-ctx.Done()
				return iteratee.Cancelled(ctx)
			})
			e := enumerator.Through(source, enumeratee.Map(func(chunk []byte) []byte { time.Sleep(slow); return chunk }))

			ctx, leave := context.WithTimeout(context.Background(), time.Minute)
			defer leave()
			if end == "the client goes" {
				ctx, leave = context.WithTimeout(ctx, 5*time.Second)
				defer leave()
			}
			if end == "Drain" {
				drain, now := context.WithCancel(context.Background())
				time.AfterFunc(time.Second, now)
				ctx = httpadapter.WithDraining(ctx, drain)
			}
			r := httptest.NewRequestWithContext(ctx, "GET", "/", nil)
			r.Header.Set("Accept-Encoding", "gzip")
			start := time.Now()
			var err error
			func() {
				defer func() { w.over = true; _ = recover() }()
				err = httpadapter.Serve(w, r, e, opts...)
			}()
			took := time.Since(start)
			time.Sleep(2 * time.Second) // a timer that is left would write
			assert.False(t, w.late, "touched after Serve")
			assert.Zero(t, open, "the source")
			busy := slow + 3*(w.takes+slow) // what may be on its way
			if !compressed {
				assert.LessOrEqual(t, w.longest, 10*ms+4*w.takes, "a chunk was held")
			}
			if end == "the client goes" {
				assert.LessOrEqual(t, took, 5*time.Second+busy+16*w.takes)
			}
			if w.gone {
				assert.Zero(t, w.after, "calls after a failure")
				assert.Contains(t, []httpadapter.Reason{httpadapter.ClientGone, httpadapter.Panicked, httpadapter.Failed}, outcome.Reason)
				return
			}
			whole := outcome.Reason == httpadapter.EndOfSource || outcome.Reason == httpadapter.Drained || outcome.Reason == httpadapter.Expired
			assert.Equal(t, whole, err == nil && outcome.Reason != httpadapter.Panicked)
			if end == "end" {
				assert.Equal(t, httpadapter.EndOfSource, outcome.Reason, "%v", err)
			}
			if w.Code == 500 {
				assert.Zero(t, outcome.Bytes)
				return
			}
			all := append(bytes.Clone(w.arrived.Bytes()), w.held.Bytes()...) // net/http flushes at the end
			if !compressed {
				assert.Empty(t, w.held.String(), "what is left to be flushed")
			} else if whole {
				unzip, err := gzip.NewReader(bytes.NewReader(all))
				require.NoError(t, err)
				all, err = io.ReadAll(unzip)
				require.NoError(t, err)
			} else {
				return
			}
			if beats {
				all = bytes.ReplaceAll(all, []byte("-"), nil)
			}
			assert.Equal(t, string(written[:outcome.Bytes]), string(all))
			if end == "end" {
				assert.Len(t, all, total)
			}
		})
	})
}
