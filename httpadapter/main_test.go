package httpadapter_test

import (
	"context"
	"errors"
	"flag"
	"io"
	"log"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

func TestMain(m *testing.M) {
	flag.Parse()
	// Those tests that are parallel wait for net/http and for clocks, and not for a processor.
	if err := flag.Set("test.parallel", "8"); err != nil {
		log.Fatal(err)
	}
	goleak.VerifyTestMain(m)
}

// discardLog takes what net/http says about handlers that panic.
var discardLog = log.New(io.Discard, "", 0)

var errBoom = errors.New("boom: the password is 1234")

// tap is a source that the test opens: it emits what comes over chunks, ends when
// that is closed, fails with what comes over failures and panics with what comes
// over panics.
type tap struct {
	chunks   chan string
	failures chan error
	panics   chan any
	started  atomic.Int32
	closed   atomic.Int32 // how many runs have cleaned up
}

func newTap() *tap {
	return &tap{chunks: make(chan string), failures: make(chan error), panics: make(chan any)}
}

func (s *tap) enumerator() enumerator.Enumerator[[]byte] {
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[[]byte]) iteratee.Step {
		s.started.Add(1)
		defer s.closed.Add(1)
		for {
			select {
			case <-ctx.Done():
				return iteratee.StepError(context.Cause(ctx))
			case err := <-s.failures:
				return iteratee.StepError(err)
			case p := <-s.panics:
				tapPanics(p)
			case chunk, open := <-s.chunks:
				if !open {
					return iteratee.StepCont
				}
				if step := sink.Next([]byte(chunk)); !step.IsCont() {
					return step
				}
			}
		}
	})
}

// tapPanics has a name that a test can find in a stack.
func tapPanics(p any) { panic(p) }

// endless is a source that always has another chunk.
func endless(size int, closed *atomic.Int32) enumerator.Enumerator[[]byte] {
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[[]byte]) iteratee.Step {
		defer closed.Add(1)
		for {
			if step := sink.Next(make([]byte, size)); !step.IsCont() {
				return step
			}
		}
	})
}

// after is a source that waits, then emits the chunks, then fails if err is not nil.
func after(d time.Duration, err error, chunks ...string) enumerator.Enumerator[[]byte] {
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[[]byte]) iteratee.Step {
		select {
		case <-ctx.Done():
			return iteratee.StepError(context.Cause(ctx))
		case <-time.After(d):
		}
		for _, chunk := range chunks {
			if step := sink.Next([]byte(chunk)); !step.IsCont() {
				return step
			}
		}
		if err != nil {
			return iteratee.StepError(err)
		}
		return iteratee.StepCont
	})
}

func of(chunks ...string) enumerator.Enumerator[[]byte] { return after(0, nil, chunks...) }

func failing(err error, chunks ...string) enumerator.Enumerator[[]byte] {
	return after(0, err, chunks...)
}

// onlyUnwrap is the writer of a middleware that does it right: no Flush, no
// deadlines, only Unwrap.
type onlyUnwrap struct{ w http.ResponseWriter }

func (o onlyUnwrap) Header() http.Header         { return o.w.Header() }
func (o onlyUnwrap) Write(p []byte) (int, error) { return o.w.Write(p) }
func (o onlyUnwrap) WriteHeader(status int)      { o.w.WriteHeader(status) }
func (o onlyUnwrap) Unwrap() http.ResponseWriter { return o.w }

// noUnwrap is the writer of one that does not.
type noUnwrap struct{ http.ResponseWriter }

// flushOnly can flush, but knows no deadlines.
type flushOnly struct{ noUnwrap }

func (f flushOnly) FlushError() error {
	return http.NewResponseController(f.ResponseWriter).Flush()
}

// recovering is a middleware that turns a panic into a handler that returns.
func recovering(next http.Handler, panicked chan<- any) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { panicked <- recover() }()
		next.ServeHTTP(w, r)
	})
}
