package httpadapter_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
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
)

// pipes is a listener in memory.
type pipes struct{ probe.Pipes }

// listen serves h in the bubble. HTTP/2 is without TLS.
func listen(t *testing.T, h http.Handler, change func(*http.Server)) pipes {
	p := pipes{probe.NewPipes()}
	srv := &http.Server{Handler: h, ErrorLog: discardLog, Protocols: new(http.Protocols)}
	srv.Protocols.SetHTTP1(true)
	srv.Protocols.SetUnencryptedHTTP2(true)
	if change != nil {
		change(srv)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(p) }()
	t.Cleanup(func() { _ = srv.Close(); <-done })
	return p
}

func (p pipes) client(t *testing.T, proto string) *http.Client {
	transport := &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) { return p.Dial(), nil },
		Protocols:   new(http.Protocols),
	}
	transport.Protocols.SetHTTP1(proto == "HTTP/1.1")
	transport.Protocols.SetUnencryptedHTTP2(proto == "HTTP/2.0")
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

var plain = []string{"HTTP/1.1", "HTTP/2.0"}

// slowly emits n chunks, one each second.
func slowly(n int) enumerator.Enumerator[[]byte] {
	e := enumerator.Empty[[]byte]()
	for range n {
		e = e.AndThen(after(time.Second, nil, "x"))
	}
	return e
}

func TestServerWriteTimeoutDoesNotCutAStream(t *testing.T) {
	for _, proto := range plain {
		for name, tt := range map[string]struct {
			serve func(http.ResponseWriter, *http.Request)
			whole bool
		}{
			"served": {func(w http.ResponseWriter, r *http.Request) {
				assert.NoError(t, httpadapter.Serve(w, r, slowly(10)))
			}, true},
			"control": {func(w http.ResponseWriter, r *http.Request) {
				for chunk, err := range enumerator.All(r.Context(), slowly(10)) {
					if err != nil {
						return
					}
					_, _ = w.Write(chunk)
					_ = http.NewResponseController(w).Flush()
				}
			}, false},
		} {
			t.Run(proto+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := listen(t, http.HandlerFunc(tt.serve), func(srv *http.Server) {
						srv.WriteTimeout = 1500 * time.Millisecond
					})
					res, err := p.client(t, proto).Get("http://halley/")
					require.NoError(t, err)
					defer res.Body.Close()
					body, err := io.ReadAll(res.Body)
					if tt.whole {
						assert.NoError(t, err)
						assert.Equal(t, strings.Repeat("x", 10), string(body))
					} else {
						assert.Error(t, err)
					}
				})
			})
		}
	}
}

// On HTTP/2 a deadline that is left after a write resets the stream.
func TestSourceMayWaitLongerThanWriteTimeout(t *testing.T) {
	for _, proto := range plain {
		t.Run(proto, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					e := of("a").AndThen(after(time.Hour, nil, "b")).AndThen(after(time.Hour, nil))
					assert.NoError(t, httpadapter.Serve(w, r, e, httpadapter.WriteTimeout(time.Second)))
				}), nil)
				res, err := p.client(t, proto).Get("http://halley/")
				require.NoError(t, err)
				defer res.Body.Close()
				body, err := io.ReadAll(res.Body)
				assert.NoError(t, err)
				assert.Equal(t, "ab", string(body))
			})
		})
	}
}

func TestClientThatDoesNotReadIsGoneWithinWriteTimeout(t *testing.T) {
	for _, proto := range plain {
		t.Run(proto, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var closed atomic.Int32
				type end struct {
					err   error
					after time.Duration
				}
				ended := make(chan end, 1)
				p := listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					start := time.Now()
					err := httpadapter.Serve(w, r, endless(1<<20, &closed), httpadapter.WriteTimeout(3*time.Second))
					assert.EqualValues(t, 1, closed.Load())
					ended <- end{err, time.Since(start)}
				}), nil)
				res, err := p.client(t, proto).Get("http://halley/") // and no more than that
				require.NoError(t, err)
				got := <-ended
				assert.ErrorIs(t, got.err, httpadapter.ErrClientGone)
				assert.Equal(t, 3*time.Second, got.after)
				if proto == "HTTP/1.1" { // HTTP/2 says the same in an error of its own
					assert.ErrorIs(t, got.err, os.ErrDeadlineExceeded)
				}
				_, err = io.Copy(io.Discard, res.Body)
				assert.Error(t, err)
				_ = res.Body.Close()
			})
		})
	}
}

// The last bytes are written by net/http after the handler. A client that reads
// everything but those must not keep the connection for ever.
func TestEndOfTheResponseHasADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var state atomic.Value
		p := listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			assert.NoError(t, httpadapter.Serve(w, r, of("a"), httpadapter.WriteTimeout(3*time.Second)))
		}), func(srv *http.Server) {
			srv.ConnState = func(_ net.Conn, s http.ConnState) { state.Store(s) }
		})
		conn := p.Dial()
		defer conn.Close()
		_, err := io.WriteString(conn, rawGet)
		require.NoError(t, err)
		r := bufio.NewReader(conn)
		readHead(t, r)
		assert.Equal(t, "a", readChunk(t, r))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		assert.Equal(t, http.StateActive, state.Load())
		time.Sleep(2 * time.Second)
		synctest.Wait()
		assert.Equal(t, http.StateClosed, state.Load())
	})
}

// Neither the deadline of the stream nor its absence is left to the next request
// on the connection.
func TestNextRequestHasItsOwnDeadline(t *testing.T) {
	for name, tt := range map[string]struct {
		server time.Duration
		whole  bool
	}{
		"none":          {0, true},
		"of the server": {30 * time.Second, false},
	} {
		for _, proto := range plain {
			t.Run(name+"/"+proto, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					mux := http.NewServeMux()
					mux.HandleFunc("/stream", func(w http.ResponseWriter, r *http.Request) {
						assert.NoError(t, httpadapter.Serve(w, r, of("a"), httpadapter.WriteTimeout(time.Second)))
					})
					mux.HandleFunc("/next", func(w http.ResponseWriter, r *http.Request) {
						select {
						case <-r.Context().Done(): // HTTP/2 resets the stream
						case <-time.After(time.Minute):
							_, _ = io.WriteString(w, "b")
						}
					})
					p := listen(t, mux, func(srv *http.Server) { srv.WriteTimeout = tt.server })
					client := p.client(t, proto)
					dials := 0
					dial := client.Transport.(*http.Transport).DialContext
					client.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
						dials++
						return dial(ctx, network, addr)
					}
					get := func(path string) (string, error) {
						res, err := client.Post("http://halley"+path, "", nil) // which is not tried again
						if err != nil {
							return "", err
						}
						defer res.Body.Close()
						body, err := io.ReadAll(res.Body)
						return string(body), err
					}
					body, err := get("/stream")
					require.NoError(t, err)
					assert.Equal(t, "a", body)
					synctest.Wait() // until the HTTP/2 client has its connection back
					body, err = get("/next")
					assert.Equal(t, 1, dials)
					if tt.whole {
						assert.NoError(t, err)
						assert.Equal(t, "b", body)
					} else {
						assert.Error(t, err)
					}
				})
			})
		}
	}
}

// A write error or a client's leaving shows in the same way on HTTP/2, where the
// request's context may end later than the write fails.
func TestLateErrorIsNotTakenForAClientThatHasGone(t *testing.T) {
	for _, proto := range plain {
		t.Run(proto, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				returned := make(chan error, 1)
				p := listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					returned <- httpadapter.Serve(w, r, failing(errBoom, "a"))
				}), nil)
				res, err := p.client(t, proto).Get("http://halley/")
				require.NoError(t, err)
				_, err = io.ReadAll(res.Body)
				assert.Error(t, err)
				_ = res.Body.Close()
				err = <-returned
				assert.ErrorIs(t, err, errBoom)
				assert.False(t, errors.Is(err, httpadapter.ErrClientGone))
			})
		})
	}
}

func TestConnectionIsUsedAgainAfterAStream(t *testing.T) {
	for name, e := range map[string]enumerator.Enumerator[[]byte]{
		"of chunks": of("a", "b"), "of none": of(), "that failed early": failing(errBoom),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					_ = httpadapter.Serve(w, r, e)
				}), nil)
				client := p.client(t, "HTTP/1.1")
				for i := range 3 {
					var reused bool
					r, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
						GotConn: func(info httptrace.GotConnInfo) { reused = info.Reused },
					}), "GET", "http://halley/", nil)
					require.NoError(t, err)
					res, err := client.Do(r)
					require.NoError(t, err)
					_, err = io.ReadAll(res.Body)
					require.NoError(t, err)
					_ = res.Body.Close()
					assert.Equal(t, i > 0, reused)
				}
			})
		})
	}
}

func TestNothingBeforeTheHeadLooksLikeACompleteStream(t *testing.T) {
	for _, proto := range plain {
		for name, tt := range map[string]struct {
			fail     func(*tap)
			recovers bool
			answer   bool // or the connection is gone
		}{
			"error":            {fail: func(src *tap) { src.failures <- errBoom }, answer: true},
			"panic, recovered": {fail: func(src *tap) { src.panics <- errBoom }, recovers: true, answer: true},
			"panic":            {fail: func(src *tap) { src.panics <- errBoom }},
		} {
			t.Run(proto+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					src := newTap()
					h := httpadapter.Handler(func(*http.Request) (enumerator.Enumerator[[]byte], error) {
						return src.enumerator(), nil
					})
					if tt.recovers {
						h = recovering(h, make(chan any, 1))
					}
					go tt.fail(src)
					res, err := listen(t, h, nil).client(t, proto).Post("http://halley/", "", nil) // which is not tried again
					if !tt.answer {
						assert.Error(t, err)
						return
					}
					require.NoError(t, err)
					defer res.Body.Close()
					body, err := io.ReadAll(res.Body)
					assert.NoError(t, err)
					assert.Equal(t, 500, res.StatusCode)
					assert.Equal(t, "Internal Server Error\n", string(body))
				})
			})
		}
	}
}
