package httpadapter_test

import (
	"context"
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
	"github.com/halley-go/halley/internal/probe"
)

func TestDrain(t *testing.T) {
	for _, proto := range protocols {
		t.Run(proto, func(t *testing.T) {
			src := newTap()
			ended := make(chan httpadapter.Outcome, 1)
			srv := unstarted(t, httpadapter.Handler(
				func(*http.Request) (enumerator.Enumerator[[]byte], error) { return src.enumerator(), nil },
				httpadapter.FlushInterval(time.Hour),
				httpadapter.OnEnd(func(_ *http.Request, o httpadapter.Outcome) { ended <- o }),
			))
			type key struct{}
			srv.Config.BaseContext = func(net.Listener) context.Context { return context.WithValue(context.Background(), key{}, "kept") }
			httpadapter.Drain(srv.Config)
			assert.Equal(t, "kept", srv.Config.BaseContext(nil).Value(key{}))
			startAs(srv, proto)

			go func() {
				src.chunks <- "a"
				src.chunks <- "b" // is taken when the one before was written; itself it may not be
				assert.NoError(t, srv.Config.Shutdown(context.Background()))
			}()
			res := get(t, srv, t.Context())
			body, err := io.ReadAll(res.Body)
			assert.NoError(t, err, "a complete response")
			assert.Regexp(t, "^ab?$", string(body), "and what was not flushed yet is in it")
			o := receive(t, ended, "the end")
			assert.NoError(t, o.Err)
			assert.Equal(t, httpadapter.Drained, o.Reason)
			assert.EqualValues(t, 1, src.closed.Load())
		})
	}
}

// A source that is told to end may take its time, and Shutdown's context may not.
func TestDrainWithinTheDeadlineOfShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var srv *http.Server
		release := make(chan struct{})
		p := listen(t, httpadapter.Handler(func(*http.Request) (enumerator.Enumerator[[]byte], error) {
			return enumerator.Generate(func(context.Context) ([]byte, bool, error) {
				<-release
				return nil, false, nil
			}), nil
		}), func(s *http.Server) { srv = s; httpadapter.Drain(s) })
		res, err := p.client(t, "HTTP/1.1").Get("http://halley/")
		require.NoError(t, err)
		defer res.Body.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		assert.Equal(t, context.DeadlineExceeded, srv.Shutdown(ctx))
		close(release)
		_, err = io.ReadAll(res.Body)
		assert.NoError(t, err)
	})
}

func TestDrainRefusesNewStreams(t *testing.T) {
	logged := probe.Logs(t)
	synctest.Test(t, func(t *testing.T) {
		var srv *http.Server
		slow := make(chan struct{})
		down := make(chan error, 1)
		p := listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			<-slow // what a middleware does, say
			httpadapter.Handler(func(*http.Request) (enumerator.Enumerator[[]byte], error) {
				t.Error("asked for a source")
				return of(), nil
			}).ServeHTTP(w, r)
		}), func(s *http.Server) { srv = s; s.ErrorLog = nil; httpadapter.Drain(s) })
		go func() {
			time.Sleep(time.Second)
			go func() { down <- srv.Shutdown(context.Background()) }()
			synctest.Wait()
			close(slow)
		}()
		res, err := p.client(t, "HTTP/1.1").Get("http://halley/")
		require.NoError(t, err)
		defer res.Body.Close()
		assert.Equal(t, 503, res.StatusCode)
		assert.NotEmpty(t, res.Header.Get("Retry-After"))
		assert.NoError(t, <-down)
	})
	assert.Empty(t, logged())
}

func TestDrainLeavesAStreamWithALength(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var srv *http.Server
		p := listen(t, httpadapter.Handler(func(*http.Request) (enumerator.Enumerator[[]byte], error) {
			return slowly(10), nil
		}, httpadapter.Header("Content-Length", "10")), func(s *http.Server) { srv = s; httpadapter.Drain(s) })
		res, err := p.client(t, "HTTP/1.1").Get("http://halley/")
		require.NoError(t, err)
		defer res.Body.Close()
		start := time.Now()
		down := make(chan error, 1)
		go func() { down <- srv.Shutdown(context.Background()) }()
		body, err := io.ReadAll(res.Body)
		assert.NoError(t, err)
		assert.Len(t, body, 10)
		assert.NoError(t, <-down)
		assert.Greater(t, time.Since(start), 9*time.Second)
	})
}
