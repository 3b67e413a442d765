package httpadapter_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/compress"
	"github.com/halley-go/halley/iteratee"
)

// silent is a source that says nothing until its context ends.
var silent = enumerator.New(func(ctx context.Context, _ iteratee.Sink[[]byte]) iteratee.Step {
	<-ctx.Done()
	return iteratee.Cancelled(ctx)
})

// Each client leaves something that nobody reads, and closes its connection. Another finds a place.
func TestLimitIsFreeAfterAClientThatLeftWithBytesUnread(t *testing.T) {
	const post = "POST / HTTP/1.1\r\nHost: halley\r\n"
	requests := map[string]string{
		"nothing":                  rawGet,
		"a body that is not sent":  post + "Content-Length: 10\r\n\r\n",
		"a half of a body":         post + "Content-Length: 10\r\n\r\nhello",
		"a whole body":             post + "Content-Length: 5\r\n\r\nhello",
		"chunks that are not sent": post + "Transfer-Encoding: chunked\r\n\r\n",
		"a half of a chunk":        post + "Transfer-Encoding: chunked\r\n\r\n5\r\nhe",
		"a large body":             post + "Content-Length: 1000000\r\n\r\n" + strings.Repeat("x", 300<<10),
		"a body after a go-ahead":  post + "Content-Length: 10\r\nExpect: 100-continue\r\n\r\n",
		"a stray byte":             rawGet + "x",
		"a second request":         rawGet + rawGet,
		"a body and a stray byte":  post + "Content-Length: 5\r\n\r\nhellox",
		"HTTP/1.0":                 "GET / HTTP/1.0\r\n\r\nx",
	}
	const every = 20 * time.Millisecond
	for name, opts := range map[string][]httpadapter.Option{
		"bytes":             {httpadapter.Heartbeat(every, nil)},
		"a length":          {httpadapter.Heartbeat(every, nil), httpadapter.Header("Content-Length", "5")},
		"events, a length":  {httpadapter.EventStream(), httpadapter.Heartbeat(every, nil), httpadapter.Header("Content-Length", "5")},
		"events":            {httpadapter.EventStream(), httpadapter.Heartbeat(every, nil)},
		"lines":             {httpadapter.NDJSON(), httpadapter.Heartbeat(every, nil)},
		"compressed":        {compress.Option(), httpadapter.Heartbeat(every, nil)},
		"compressed events": {httpadapter.EventStream(), compress.Option(), httpadapter.Heartbeat(every, nil)},
		"for a time":        {httpadapter.MaxDuration(time.Hour), httpadapter.Heartbeat(every, nil)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ended := make(chan httpadapter.Outcome, 100)
			srv := start(t, "HTTP/1.1", httpadapter.Handler(func(*http.Request) (enumerator.Enumerator[[]byte], error) {
				return of("a").AndThen(enumerator.Generate(func(ctx context.Context) ([]byte, bool, error) {
					select {
					case <-ctx.Done():
					case <-t.Context().Done(): // the test has failed
					}
					return nil, false, context.Cause(ctx)
				})), nil
			}, append(opts, httpadapter.Limit(len(requests)), httpadapter.OnEnd(func(_ *http.Request, o httpadapter.Outcome) { ended <- o }))...))
			for _, request := range requests {
				conn, r := dial(t, srv, request)
				readHead(t, r)
				require.NoError(t, conn.Close())
			}
			for range requests {
				o := receive(t, ended, "the end of a stream")
				assert.Equal(t, httpadapter.ClientGone, o.Reason, "%v", o.Err)
				assert.ErrorIs(t, o.Err, httpadapter.ErrClientGone)
			}
			for range requests {
				_, r := dial(t, srv, rawGet)
				assert.Contains(t, readHead(t, r), "200 OK")
			}
		})
	}
}

// How long a stream may be quiet, on the clock of the bubble.
func TestQuietStreams(t *testing.T) {
	ticks := func(n int, pause time.Duration) enumerator.Enumerator[[]byte] {
		e := enumerator.Empty[[]byte]()
		for range n {
			e = e.AndThen(after(pause, nil, "x"))
		}
		return e
	}
	limit := httpadapter.Limit(1)
	for name, tt := range map[string]struct {
		proto string
		e     enumerator.Enumerator[[]byte]
		opts  []httpadapter.Option
		ends  time.Duration // zero if the client gets the whole
	}{
		"without a limit":         {"HTTP/1.1", after(time.Hour, nil), nil, 0},
		"on HTTP/2":               {"HTTP/2.0", after(time.Hour, nil), []httpadapter.Option{limit}, 0},
		"with a heartbeat":        {"HTTP/1.1", after(time.Hour, nil), []httpadapter.Option{limit, httpadapter.EventStream()}, 0},
		"quiet":                   {"HTTP/1.1", after(time.Hour, nil), []httpadapter.Option{limit}, 50*time.Millisecond + time.Minute},
		"quiet after a chunk":     {"HTTP/1.1", after(10*time.Second, nil, "x").AndThen(after(time.Hour, nil)), []httpadapter.Option{limit}, 70 * time.Second},
		"a chunk now and then":    {"HTTP/1.1", ticks(100, 59*time.Second), []httpadapter.Option{limit}, 0},
		"by its heartbeat":        {"HTTP/1.1", after(time.Hour, nil), []httpadapter.Option{limit, httpadapter.Heartbeat(time.Minute, nil)}, 50*time.Millisecond + 4*time.Minute},
		"without its heartbeat":   {"HTTP/1.1", after(time.Hour, nil), []httpadapter.Option{limit, httpadapter.EventStream(), httpadapter.Heartbeat(0, nil)}, 50*time.Millisecond + time.Minute},
		"a very long heartbeat":   {"HTTP/1.1", after(time.Hour, nil), []httpadapter.Option{limit, httpadapter.Heartbeat(1<<62, nil)}, 0},
		"with a length":           {"HTTP/1.1", after(10*time.Second, nil, "x").AndThen(after(time.Hour, nil, "y")), []httpadapter.Option{limit, httpadapter.EventStream(), httpadapter.Header("Content-Length", "2")}, 70 * time.Second},
		"told to end before":      {"HTTP/1.1", after(time.Hour, nil), []httpadapter.Option{limit, httpadapter.MaxDuration(50 * time.Second)}, 0},
		"a limit for each client": {"HTTP/1.1", after(time.Hour, nil), []httpadapter.Option{httpadapter.LimitPerKey(1, func(*http.Request) string { return "" })}, 50*time.Millisecond + time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var outcome httpadapter.Outcome
				over := make(chan struct{})
				p := listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					_ = httpadapter.Serve(w, r, tt.e, append(tt.opts, httpadapter.OnEnd(func(_ *http.Request, o httpadapter.Outcome) { outcome = o }))...)
					close(over)
				}), nil)
				res, err := p.client(t, tt.proto).Get("http://halley/")
				require.NoError(t, err)
				defer res.Body.Close()
				_, err = io.Copy(io.Discard, res.Body)
				<-over
				if tt.ends == 0 {
					assert.NoError(t, err)
					assert.NoError(t, outcome.Err)
					return
				}
				assert.Equal(t, io.ErrUnexpectedEOF, err)
				assert.Equal(t, httpadapter.ClientGone, outcome.Reason)
				assert.Equal(t, tt.ends, outcome.Duration)
			})
		})
	}
}

// While the source reads the body, or works on it, the stream is not quiet: a client that leaves is noticed.
func TestUploadThroughAQuietStream(t *testing.T) {
	count := iteratee.Fold(0, func(n int, chunk []byte) int { return n + len(chunk) })
	answer := func(body enumerator.Enumerator[[]byte]) enumerator.Enumerator[[]byte] {
		return enumerator.Defer(func(ctx context.Context) (enumerator.Enumerator[[]byte], error) {
			n, err := enumerator.Run(ctx, body, count)
			return of(strings.Repeat("x", n)), err
		})
	}
	limit := httpadapter.Limit(1)
	for name, h := range map[string]http.Handler{
		"Serve and Body": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = httpadapter.Serve(w, r, answer(httpadapter.Body(r, httpadapter.Writer(w), httpadapter.ReadTimeout(time.Hour))), limit)
		}),
		"Handler and Body": httpadapter.Handler(func(r *http.Request) (enumerator.Enumerator[[]byte], error) {
			return answer(httpadapter.Body(r)), nil
		}, limit),
		"Handler and a Reader": httpadapter.Handler(func(r *http.Request) (enumerator.Enumerator[[]byte], error) {
			return answer(enumerator.FromReader(r.Body, 100)), nil
		}, limit),
	} {
		for pause, parts := range map[time.Duration]int{30 * time.Second: 20, 10 * time.Minute: 3} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := listen(t, h, nil)
					body, w := io.Pipe()
					go func() {
						for range parts {
							time.Sleep(pause)
							_, _ = io.WriteString(w, "x")
						}
						_ = w.Close()
					}()
					r, err := http.NewRequestWithContext(t.Context(), "POST", "http://halley/", body)
					require.NoError(t, err)
					res, err := p.client(t, "HTTP/1.1").Do(r)
					require.NoError(t, err)
					defer res.Body.Close()
					got, err := io.ReadAll(res.Body)
					assert.NoError(t, err)
					assert.Len(t, got, parts)
				})
			})
		}
	}
	t.Run("then it is quiet", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var ended atomic.Int64
			start := time.Now()
			h := httpadapter.Handler(func(r *http.Request) (enumerator.Enumerator[[]byte], error) {
				return answer(httpadapter.Body(r)).AndThen(silent), nil
			}, limit, httpadapter.OnEnd(func(*http.Request, httpadapter.Outcome) { ended.Store(int64(time.Since(start))) }))
			body, w := io.Pipe()
			go func() { time.Sleep(5 * time.Minute); _ = w.Close() }()
			res, err := listen(t, h, nil).client(t, "HTTP/1.1").Post("http://halley/", "", body)
			require.NoError(t, err)
			defer res.Body.Close()
			_, err = io.Copy(io.Discard, res.Body)
			assert.Equal(t, io.ErrUnexpectedEOF, err)
			synctest.Wait()
			assert.Equal(t, 6*time.Minute, time.Duration(ended.Load()))
		})
	})
}
