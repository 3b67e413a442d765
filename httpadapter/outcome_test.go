package httpadapter_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/internal/probe"
)

// Each call of OnStart is followed by one of OnEnd with Started.
func TestOnStart(t *testing.T) {
	probe.Logs(t)
	var calls []string
	note := func(call string) { calls = append(calls, call) }
	source := enumerator.Defer(func(context.Context) (enumerator.Enumerator[[]byte], error) {
		note("run")
		return of("a"), nil
	})
	hooks := []httpadapter.Option{
		httpadapter.OnStart(func(r *http.Request) { note("start " + r.URL.Path) }),
		httpadapter.OnStart(func(*http.Request) { note("second") }),
		httpadapter.OnEnd(func(_ *http.Request, o httpadapter.Outcome) {
			if o.Started {
				note("end of " + string(o.Reason))
			} else {
				note(string(o.Reason))
			}
		}),
	}
	full := httpadapter.Limit(1)
	for name, c := range map[string]struct {
		method string
		source enumerator.Enumerator[[]byte]
		err    error
		opt    httpadapter.Option
		calls  []string
	}{
		"a stream":                  {"GET", source, nil, nil, []string{"make", "start /", "second", "run", "end of end"}},
		"a source that fails":       {"GET", failing(errBoom), nil, nil, []string{"make", "start /", "second", "end of error"}},
		"a source that panics":      {"GET", enumerator.Generate(func(context.Context) ([]byte, bool, error) { panic("ouch") }), nil, nil, []string{"make", "start /", "second", "end of panic"}},
		"an OnStart that panics":    {"GET", source, nil, httpadapter.OnStart(func(*http.Request) { panic("ouch") }), []string{"make", "start /", "second", "end of panic"}},
		"a source that is not made": {"GET", source, errBoom, nil, []string{"make", "error"}},
		"an answer":                 {"GET", source, &httpadapter.StatusError{Status: 204}, nil, []string{"make", "answered"}},
		"a refusal":                 {"GET", source, nil, full, []string{"refused"}},
		"HEAD":                      {"HEAD", source, nil, nil, []string{"make", "end"}},
		"OPTIONS":                   {"OPTIONS", source, nil, nil, []string{"answered"}},
		"another method":            {"TRACE", source, nil, nil, []string{"error"}},
	} {
		t.Run(name, func(t *testing.T) {
			opts := hooks
			if c.opt != nil {
				opts = append(opts[:len(opts):len(opts)], c.opt)
			}
			h := httpadapter.Handler(func(*http.Request) (enumerator.Enumerator[[]byte], error) {
				note("make")
				return c.source, c.err
			}, opts...)
			place := enumerator.Generate(func(context.Context) ([]byte, bool, error) { // while the only place is taken
				calls = nil
				defer func() { _ = recover() }()
				h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(c.method, "/", nil))
				return nil, false, nil
			})
			require.NoError(t, httpadapter.Serve(newRecorder(t), httptest.NewRequest("GET", "/", nil), place, full))
			assert.Equal(t, c.calls, calls)
		})
	}
	assert.PanicsWithValue(t, "httpadapter: OnStart: f must not be nil", func() { httpadapter.OnStart(nil) })
}

// The source finds its own Counts, and only if somebody wants them.
func TestCounts(t *testing.T) {
	var outcomes []httpadapter.Outcome
	onEnd := httpadapter.OnEnd(func(_ *http.Request, o httpadapter.Outcome) { outcomes = append(outcomes, o) })
	want := httpadapter.Counts{Messages: 2, Lost: 1 << 40, Resets: 1, Resumed: true}
	counting := enumerator.Defer(func(ctx context.Context) (enumerator.Enumerator[[]byte], error) {
		if counts := httpadapter.CountsOf(ctx); counts != nil {
			assert.Zero(t, *counts)
			*counts = want
		}
		return of("a", "b"), nil
	})
	for name, opts := range map[string][]httpadapter.Option{
		"alone":                   {onEnd},
		"twice":                   {onEnd, onEnd},
		"under a limit":           {onEnd, httpadapter.Limit(1)},
		"with an end of its own":  {onEnd, httpadapter.MaxDuration(1 << 40)},
		"several options as one":  {httpadapter.Options(httpadapter.EventStream(), onEnd)},
		"over a real connection":  {onEnd, httpadapter.Options()},
		"nobody wants the counts": {},
	} {
		t.Run(name, func(t *testing.T) {
			outcomes = nil
			server := httptest.NewServer(serveAll(counting, opts...))
			res, err := server.Client().Get(server.URL)
			require.NoError(t, err)
			_, err = io.Copy(io.Discard, res.Body)
			require.NoError(t, err)
			require.NoError(t, res.Body.Close())
			server.Close() // waits for the handler
			for _, o := range outcomes {
				assert.Equal(t, want, o.Counts)
				assert.Equal(t, 2, o.Chunks)
			}
			if len(opts) > 0 {
				assert.NotEmpty(t, outcomes)
			}
		})
	}
	assert.Nil(t, httpadapter.CountsOf(t.Context()))
	unused := enumerator.Defer(func(ctx context.Context) (enumerator.Enumerator[[]byte], error) {
		assert.Nil(t, httpadapter.CountsOf(ctx))
		return of("a"), nil
	})
	show(serveAll(unused))
}
