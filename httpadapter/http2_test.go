package httpadapter_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/parse"
	"github.com/halley-go/halley/iteratee"
)

// recommended has the settings of Example_server and docs/production.md.
var recommended = &http.HTTP2Config{
	MaxReceiveBufferPerConnection: 16 << 20,
	MaxReceiveBufferPerStream:     256 << 10,
	MaxReadFrameSize:              16 << 10,
}

// zeros is a body of so many bytes.
func zeros(n int64) io.Reader { return io.LimitReader(zero{}, n) }

type zero struct{}

func (zero) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// Some uploads have handlers that do not read them. What happens to another upload of the same connection?
func TestSlowUploadsOfOneConnection(t *testing.T) {
	for name, tt := range map[string]struct {
		config *http.HTTP2Config
		slow   int
		status int
	}{
		"default, none":     {nil, 0, 200},
		"default, one":      {nil, 1, 408},
		"recommended, one":  {recommended, 1, 200},
		"recommended, many": {recommended, 60, 200},
		"recommended, all":  {recommended, 64, 408},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				t.Cleanup(wake)
				release := make(chan struct{})
				mux := http.NewServeMux()
				mux.Handle("/slow", parse.Action(
					iteratee.ForEach(func(context.Context, []byte) error { <-release; return nil }),
					func(http.ResponseWriter, *http.Request, struct{}) error { return nil }))
				mux.Handle("/other", counted(nil))
				client := listen(t, mux, func(srv *http.Server) { srv.HTTP2 = tt.config }).client(t, "HTTP/2.0")
				client.Transport.(*http.Transport).HTTP2 = &http.HTTP2Config{StrictMaxConcurrentRequests: true}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				defer close(release)
				for range tt.slow {
					go func() {
						r, err := http.NewRequestWithContext(ctx, "POST", "http://halley/slow", zeros(8<<20))
						assert.NoError(t, err)
						if res, err := client.Do(r); err == nil {
							_ = res.Body.Close()
						}
					}()
				}
				synctest.Wait() // the windows are full
				res, err := client.Post("http://halley/other", "", zeros(2<<20))
				require.NoError(t, err)
				defer res.Body.Close()
				body, err := io.ReadAll(res.Body)
				require.NoError(t, err)
				assert.Equal(t, tt.status, res.StatusCode, "%s", body)
				if tt.status == 200 {
					assert.Equal(t, fmt.Sprint(2<<20), string(body))
				}
			})
		})
	}
}

// A slow link brings in a frame as slowly as its size says: a read waits for the whole of it.
func TestUploadOverASlowLink(t *testing.T) {
	for name, tt := range map[string]struct {
		proto  string
		config *http.HTTP2Config
		status int
	}{
		"HTTP/1.1":              {"HTTP/1.1", nil, 200},
		"HTTP/2.0":              {"HTTP/2.0 cleartext", nil, 408},
		"HTTP/2.0, recommended": {"HTTP/2.0 cleartext", recommended, 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := unstarted(t, counted(nil, httpadapter.ReadTimeout(time.Second)))
			srv.Listener = slowListener{srv.Listener}
			srv.Config.HTTP2 = tt.config
			startAs(srv, tt.proto)
			for _, size := range []int{1, 512 << 10} { // by the first, the client learns how large frames may be
				status := 200
				if size > 1 {
					status = tt.status
				}
				res, err := srv.Client().Post(srv.URL, "", bytes.NewReader(make([]byte, size)))
				require.NoError(t, err)
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
				assert.Equal(t, status, res.StatusCode)
			}
		})
	}
}

// slowListener has connections that bring 256 KiB in a second.
type slowListener struct{ net.Listener }

func (l slowListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return readSlowly(conn, 256<<10, time.Time{}), nil
}

// An upload of any size may take as long as it needs, for a stream and for an action.
func TestLongUploadMakesProgress(t *testing.T) {
	for _, proto := range plain {
		for name, h := range map[string]http.Handler{
			"action": counted(nil),
			"stream": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				n, err := enumerator.Run(r.Context(), httpadapter.Body(r, httpadapter.Writer(w), httpadapter.FullDuplex()),
					iteratee.Fold(0, func(n int, chunk []byte) int { return n + len(chunk) }))
				assert.NoError(t, err)
				_ = httpadapter.Serve(w, r, of(fmt.Sprint(n)))
			}),
		} {
			t.Run(proto+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := listen(t, h, func(srv *http.Server) { srv.ReadTimeout = time.Second })
					pr, pw := io.Pipe()
					go func() {
						for range 100 {
							time.Sleep(9 * time.Second) // less than ReadTimeout
							_, _ = io.CopyN(pw, zero{}, 100<<10)
						}
						_ = pw.Close()
					}()
					res, err := p.client(t, proto).Post("http://halley/", "", pr)
					require.NoError(t, err)
					defer res.Body.Close()
					body, err := io.ReadAll(res.Body)
					assert.NoError(t, err)
					assert.Equal(t, fmt.Sprint(100*100<<10), string(body))
				})
			})
		}
	}
}
