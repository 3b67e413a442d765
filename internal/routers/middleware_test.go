package routers_test

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/CAFxX/httpcompression"
	"github.com/NYTimes/gziphandler"
	ginzip "github.com/gin-contrib/gzip"
	"github.com/gin-gonic/gin"
	chimiddleware "github.com/go-chi/chi/v5/middleware"
	"github.com/gorilla/handlers"
	"github.com/klauspost/compress/gzhttp"
	"github.com/labstack/echo/v4"
	echomiddleware "github.com/labstack/echo/v4/middleware"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
)

func inEchoWith(m echo.MiddlewareFunc) func(http.Handler) http.Handler {
	return func(h http.Handler) http.Handler {
		e := echo.New()
		e.Use(m)
		e.GET("/*", echo.WrapHandler(h))
		return e
	}
}

func inGinWith(m gin.HandlerFunc) func(http.Handler) http.Handler {
	return func(h http.Handler) http.Handler {
		r := gin.New()
		r.Use(m)
		r.GET("/*path", gin.WrapH(h))
		return r
	}
}

func httpcompressed(h http.Handler) http.Handler {
	adapter, err := httpcompression.DefaultAdapter()
	if err != nil {
		panic(err)
	}
	return adapter(h)
}

// effect is the effect of a middleware on a stream of events. docs/production.md lists it.
type effect struct {
	status      int  // 0 if the connection was broken
	late        bool // a small event waits for others, or for the end
	noDeadlines bool
	coding      string
}

var middleware = map[string]struct {
	wrap func(http.Handler) http.Handler
	want effect
}{
	"http.TimeoutHandler":      {func(h http.Handler) http.Handler { return http.TimeoutHandler(h, time.Minute, "") }, effect{status: 500}},
	"http.MaxBytesHandler":     {func(h http.Handler) http.Handler { return http.MaxBytesHandler(h, 1<<20) }, effect{status: 200}},
	"chi Logger":               {chimiddleware.Logger, effect{status: 200}},
	"chi Timeout":              {chimiddleware.Timeout(time.Minute), effect{status: 200}},
	"chi Throttle":             {chimiddleware.Throttle(10), effect{status: 200}},
	"chi Compress":             {chimiddleware.Compress(5), effect{status: 200}},
	"chi Compress of events":   {chimiddleware.Compress(5, "text/event-stream"), effect{status: 200, coding: "gzip"}},
	"echo Gzip":                {inEchoWith(echomiddleware.Gzip()), effect{status: 200, coding: "gzip"}},
	"echo Gzip with MinLength": {inEchoWith(echomiddleware.GzipWithConfig(echomiddleware.GzipConfig{MinLength: 1024})), effect{status: 200, coding: "gzip"}},
	"echo BodyDump":            {inEchoWith(echomiddleware.BodyDump(func(echo.Context, []byte, []byte) {})), effect{status: 200}},
	//lint:ignore SA1019 Programs use it still.
	"echo Timeout":            {inEchoWith(echomiddleware.TimeoutWithConfig(echomiddleware.TimeoutConfig{Timeout: time.Minute})), effect{noDeadlines: true}},
	"echo ContextTimeout":     {inEchoWith(echomiddleware.ContextTimeout(time.Minute)), effect{status: 200}},
	"gin-contrib gzip":        {inGinWith(ginzip.Gzip(ginzip.DefaultCompression)), effect{status: 200, noDeadlines: true, coding: "gzip"}},
	"gorilla CompressHandler": {handlers.CompressHandler, effect{status: 200, coding: "gzip"}},
	"gorilla LoggingHandler":  {func(h http.Handler) http.Handler { return handlers.CombinedLoggingHandler(io.Discard, h) }, effect{status: 200}},
	"klauspost gzhttp":        {func(h http.Handler) http.Handler { return gzhttp.GzipHandler(h) }, effect{status: 200, coding: "gzip"}},
	"NYTimes gziphandler":     {gziphandler.GzipHandler, effect{status: 200, late: true, noDeadlines: true}},
	"CAFxX httpcompression":   {httpcompressed, effect{status: 200, late: true, noDeadlines: true}},
	"promhttp": {func(h http.Handler) http.Handler {
		return promhttp.InstrumentHandlerCounter(prometheus.NewCounterVec(prometheus.CounterOpts{Name: "n"}, nil), h)
	}, effect{status: 200}},
	"otelhttp": {otelhttp.NewMiddleware("stream"), effect{status: 200}},
}

func TestEffectsOfMiddleware(t *testing.T) {
	chimiddleware.DefaultLogger = chimiddleware.RequestLogger(&chimiddleware.DefaultLogFormatter{Logger: discard})
	for name, m := range middleware {
		t.Run(name, func(t *testing.T) { assert.Equal(t, m.want, effectOf(t, m.wrap)) })
	}
}

func effectOf(t *testing.T, wrap func(http.Handler) http.Handler) (e effect) {
	arrived, ended := make(chan struct{}), make(chan httpadapter.Outcome, 1)
	first := true
	source := enumerator.Generate(func(ctx context.Context) ([]byte, bool, error) {
		if first {
			first = false
			return []byte("data: 1\n\n"), true, nil
		}
		select {
		case <-arrived:
		case <-ctx.Done():
		}
		return nil, false, nil
	})
	server := httptest.NewUnstartedServer(wrap(httpadapter.Handler(
		func(*http.Request) (enumerator.Enumerator[[]byte], error) { return source, nil },
		httpadapter.EventStream(), httpadapter.Logger(slog.New(slog.DiscardHandler)),
		httpadapter.OnEnd(func(_ *http.Request, o httpadapter.Outcome) { ended <- o }),
	)))
	server.Config.ErrorLog = discard
	server.Start()
	defer server.Close()

	line := make(chan string)
	go func() {
		defer close(line)
		request, _ := http.NewRequest(http.MethodGet, server.URL+"/", nil)
		response, err := server.Client().Do(request) // decompresses gzip
		if err != nil {
			line <- ""
			return
		}
		defer response.Body.Close()
		e.status = response.StatusCode
		if response.Uncompressed {
			e.coding = "gzip"
		}
		text, _ := bufio.NewReader(response.Body).ReadString('\n')
		line <- text
	}()
	select {
	case text := <-line:
		if e.status == http.StatusOK {
			require.Equal(t, "data: 1\n", text)
		}
		close(arrived)
	case <-time.After(500 * time.Millisecond):
		e.late = true
		close(arrived)
		require.Equal(t, "data: 1\n", <-line)
	}
	<-line
	e.noDeadlines = (<-ended).NoDeadlines
	return e
}
