// Package routers_test mounts handlers of httpadapter in popular routers, with the
// middleware of those routers.
package routers_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	chimiddleware "github.com/go-chi/chi/v5/middleware"
	"github.com/labstack/echo/v4"
	echomiddleware "github.com/labstack/echo/v4/middleware"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode)
	gin.DefaultErrorWriter = io.Discard
	goleak.VerifyTestMain(m)
}

var discard = log.New(io.Discard, "", 0)

func inChi(stream http.Handler) http.Handler {
	// snippet: chi

	r := chi.NewRouter()
	r.Use(chimiddleware.Logger, chimiddleware.Recoverer)
	r.Method(http.MethodGet, "/stream/{name}", stream)

	// end snippet
	return r
}

func inGin(stream http.Handler) http.Handler {
	// snippet: gin

	r := gin.New()
	r.Use(gin.Recovery())
	r.GET("/stream/:name", gin.WrapH(stream))

	// end snippet
	return r
}

func inEcho(stream http.Handler) http.Handler {
	// snippet: echo

	e := echo.New()
	e.Use(echomiddleware.Recover())
	e.GET("/stream/:name", echo.WrapHandler(stream))

	// end snippet
	e.Logger.SetOutput(io.Discard)
	return e
}

var routers = map[string]func(http.Handler) http.Handler{
	"chi":  inChi,
	"gin":  inGin,
	"echo": inEcho,
	"chi with Compress": func(stream http.Handler) http.Handler {
		r := chi.NewRouter()
		r.Use(chimiddleware.Compress(5))
		r.Method(http.MethodGet, "/stream/{name}", stream)
		return r
	},
	"echo with Gzip": func(stream http.Handler) http.Handler {
		e := echo.New()
		e.Use(echomiddleware.Gzip())
		e.GET("/stream/:name", echo.WrapHandler(stream))
		return e
	},
}

// serve mounts a stream of e on a server whose WriteTimeout is shorter than the stream.
func serve(t *testing.T, router func(http.Handler) http.Handler, e enumerator.Enumerator[[]byte]) (*httptest.Server, <-chan httpadapter.Outcome) {
	chimiddleware.DefaultLogger = chimiddleware.RequestLogger(&chimiddleware.DefaultLogFormatter{Logger: discard})
	ended := make(chan httpadapter.Outcome, 1)
	srv := httptest.NewUnstartedServer(router(httpadapter.Handler(
		func(*http.Request) (enumerator.Enumerator[[]byte], error) { return e, nil },
		httpadapter.NDJSON(), httpadapter.WriteTimeout(500*time.Millisecond),
		httpadapter.OnEnd(func(_ *http.Request, o httpadapter.Outcome) { ended <- o }),
	)))
	srv.Config.ErrorLog = discard
	srv.Config.WriteTimeout = 200 * time.Millisecond
	httpadapter.Drain(srv.Config)
	srv.Start()
	t.Cleanup(srv.Close)
	return srv, ended
}

func get(t *testing.T, srv *httptest.Server, ctx context.Context) *http.Response {
	r, err := http.NewRequestWithContext(ctx, "GET", srv.URL+"/stream/news", nil)
	require.NoError(t, err)
	res, err := srv.Client().Do(r)
	require.NoError(t, err)
	t.Cleanup(func() { _ = res.Body.Close() })
	require.Equal(t, 200, res.StatusCode)
	require.Equal(t, "application/x-ndjson", res.Header.Get("Content-Type"))
	return res
}

func each(t *testing.T, test func(*testing.T, func(http.Handler) http.Handler)) {
	for name, router := range routers {
		t.Run(name, func(t *testing.T) { test(t, router) })
	}
}

// Each element is made only after the one before has arrived. The stream lasts longer
// than the server's WriteTimeout.
func TestEachElementArrivesAtOnce(t *testing.T) {
	each(t, func(t *testing.T, router func(http.Handler) http.Handler) {
		arrived := make(chan struct{}, 1)
		lines := []string{"1\n", "2\n", "3\n"}
		left := lines
		srv, ended := serve(t, router, enumerator.Generate(func(ctx context.Context) ([]byte, bool, error) {
			if len(left) < len(lines) {
				select {
				case <-arrived:
				case <-ctx.Done():
					return nil, false, ctx.Err()
				}
				time.Sleep(150 * time.Millisecond) // not for synchronisation: it makes the stream last
			}
			if len(left) == 0 {
				return nil, false, nil
			}
			line := left[0]
			left = left[1:]
			return []byte(line), true, nil
		}))
		body := bufio.NewReader(get(t, srv, t.Context()).Body)
		for _, want := range lines {
			got, err := body.ReadString('\n')
			require.NoError(t, err)
			require.Equal(t, want, got)
			arrived <- struct{}{}
		}
		_, err := body.ReadByte()
		assert.Equal(t, io.EOF, err)
		o := <-ended
		assert.Equal(t, httpadapter.EndOfSource, o.Reason)
		assert.False(t, o.NoDeadlines)
	})
}

func forever(ctx context.Context) ([]byte, bool, error) {
	<-ctx.Done()
	return nil, false, context.Cause(ctx)
}

func TestClientThatLeavesEndsTheSource(t *testing.T) {
	each(t, func(t *testing.T, router func(http.Handler) http.Handler) {
		srv, ended := serve(t, router, enumerator.Generate(forever))
		ctx, leave := context.WithCancel(t.Context())
		get(t, srv, ctx)
		leave()
		assert.Equal(t, httpadapter.ClientGone, (<-ended).Reason)
	})
}

func TestClientThatStopsReadingIsGone(t *testing.T) {
	each(t, func(t *testing.T, router func(http.Handler) http.Handler) {
		chunk := make([]byte, 1<<20)
		_, _ = rand.Read(chunk) // so that compression does not help
		srv, ended := serve(t, router, enumerator.Generate(func(context.Context) ([]byte, bool, error) { return chunk, true, nil }))
		get(t, srv, t.Context())
		assert.Equal(t, httpadapter.ClientGone, (<-ended).Reason)
	})
}

// If a source panics under a Recoverer, the response does not look complete.
func TestPanicLeavesTheResponseIncomplete(t *testing.T) {
	each(t, func(t *testing.T, router func(http.Handler) http.Handler) {
		first := true
		srv, ended := serve(t, router, enumerator.Generate(func(context.Context) ([]byte, bool, error) {
			if first {
				first = false
				return []byte("1\n"), true, nil
			}
			panic("ouch")
		}))
		body, err := io.ReadAll(get(t, srv, t.Context()).Body)
		assert.Equal(t, "1\n", string(body))
		assert.Error(t, err)
		assert.Equal(t, httpadapter.Panicked, (<-ended).Reason)
	})
}

func TestShutdownEndsTheStream(t *testing.T) {
	each(t, func(t *testing.T, router func(http.Handler) http.Handler) {
		// The stream has an element, since echo's Gzip makes an invalid body of an empty one.
		srv, ended := serve(t, router, enumerator.Of([]byte("1\n")).AndThen(enumerator.Generate(forever)))
		body := bufio.NewReader(get(t, srv, t.Context()).Body)
		_, err := body.ReadString('\n')
		require.NoError(t, err)
		require.NoError(t, srv.Config.Shutdown(t.Context()))
		_, err = body.ReadByte()
		assert.Equal(t, io.EOF, err)
		assert.Equal(t, httpadapter.Drained, (<-ended).Reason)
	})
}
