package httpadapter_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
)

// BenchmarkServe sends chunks of 64 bytes through a connection, and so does a loop
// written by hand, in turns; "ratio" is the time of the one to that of the other.
// One loop sets no deadlines, the other sets one before each write, which is what a
// hand-written server needs to be rid of a client that has stopped reading.
func BenchmarkServe(b *testing.B) {
	chunk := make([]byte, 64)
	for name, deadlines := range map[string]bool{"bare loop": false, "loop with deadlines": true} {
		b.Run(name, func(b *testing.B) {
			const round = 2000
			var took [2]atomic.Int64
			serve := func(w http.ResponseWriter, r *http.Request, n int) {
				left := n
				_ = httpadapter.Serve(w, r, enumerator.Generate(func(context.Context) ([]byte, bool, error) {
					left--
					return chunk, left >= 0, nil
				}))
			}
			loop := func(w http.ResponseWriter, _ *http.Request, n int) {
				rc := http.NewResponseController(w)
				for range n {
					if deadlines {
						_ = rc.SetWriteDeadline(time.Now().Add(10 * time.Second))
					}
					if _, err := w.Write(chunk); err != nil {
						return
					}
					if err := rc.Flush(); err != nil {
						return
					}
				}
			}
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				for i, way := range []func(http.ResponseWriter, *http.Request, int){serve, loop} {
					if r.URL.Path == [...]string{"/serve", "/loop"}[i] {
						start := time.Now()
						way(w, r, round)
						took[i].Add(int64(time.Since(start)))
					}
				}
			}))
			defer srv.Close()
			rounds := 0
			for b.Loop() {
				for _, path := range []string{"/serve", "/loop"} {
					res, err := srv.Client().Get(srv.URL + path)
					require.NoError(b, err)
					n, err := io.Copy(io.Discard, res.Body)
					require.NoError(b, err)
					require.EqualValues(b, round*len(chunk), n)
					_ = res.Body.Close()
				}
				rounds++
			}
			b.ReportMetric(float64(took[0].Load())/float64(rounds*round), "ns/chunk")
			b.ReportMetric(float64(took[0].Load())/float64(took[1].Load()), "ratio")
		})
	}
}
