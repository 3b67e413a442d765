package httpadapter_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/httpadapter"
)

func TestHeaders(t *testing.T) {
	for name, tt := range map[string]struct {
		set  http.Header
		opts []httpadapter.Option
		want http.Header
	}{
		"by default": {want: http.Header{
			"Content-Type":           {"application/octet-stream"},
			"X-Content-Type-Options": {"nosniff"},
			"Cache-Control":          {"no-store, no-transform"},
			"X-Accel-Buffering":      {"no"},
		}},
		"set before": {
			set: http.Header{
				"Content-Type":           {"text/html"},
				"X-Content-Type-Options": nil,
				"Cache-Control":          {"private"},
				"X-Accel-Buffering":      {"yes"},
			},
			want: http.Header{
				"Content-Type":           {"text/html"},
				"X-Content-Type-Options": nil,
				"Cache-Control":          {"private"},
				"X-Accel-Buffering":      {"yes"},
			},
		},
		"set by options": {
			set: http.Header{"Content-Type": {"text/html"}, "Vary": {"Cookie"}},
			opts: []httpadapter.Option{
				httpadapter.Header("content-type", "text/plain"),
				httpadapter.Header("X-Content-Type-Options", "other"),
				httpadapter.Header("Cache-Control", "public"),
				httpadapter.Header("Cache-Control", "private"),
			},
			want: http.Header{
				"Content-Type":           {"text/plain"},
				"X-Content-Type-Options": {"other"},
				"Cache-Control":          {"private"},
				"X-Accel-Buffering":      {"no"},
				"Vary":                   {"Cookie"},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newRecorder(t)
			if tt.set != nil {
				w.header = tt.set
			}
			// As they are when the head leaves.
			var got http.Header
			w.onHead = func() { got = w.header.Clone() }
			require.NoError(t, w.serve(t.Context(), of("a"), tt.opts...))
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestHeaderPanicsOnWhatIsNoName(t *testing.T) {
	for _, key := range []string{"", "Content Type", "X:", "a\r\nb", "ä", "X-\x00-A"} {
		assert.Panics(t, func() { httpadapter.Header(key, "x") }, "%q", key)
	}
	assert.PanicsWithValue(t, `httpadapter: Header: key must be the name of a header, got "a b"`,
		func() { httpadapter.Header("a b", "x") })
	for _, key := range []string{"X", "x-y_z", "!#$%&'*+-.^_`|~09AZaz"} {
		assert.NotPanics(t, func() { httpadapter.Header(key, "x") }, "%q", key)
	}
}

// net/http itself keeps a value on its line.
func TestHeaderValueStaysOnItsLine(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = httpadapter.Serve(w, r, of("a"), httpadapter.Header("X-A", "b\r\nX-Forged: c"))
	}))
	defer srv.Close()
	res, err := srv.Client().Get(srv.URL)
	require.NoError(t, err)
	defer res.Body.Close()
	assert.Empty(t, res.Header.Get("X-Forged"))
	assert.NotEmpty(t, res.Header.Get("X-A"))
}

func TestWriteTimeoutPanicsUnlessPositive(t *testing.T) {
	assert.PanicsWithValue(t, "httpadapter: WriteTimeout: d must be positive, got 0s",
		func() { httpadapter.WriteTimeout(0) })
	assert.PanicsWithValue(t, "httpadapter: WriteTimeout: d must be positive, got -1ns",
		func() { httpadapter.WriteTimeout(-1) })
}

func TestOptionsPanicOnMisuse(t *testing.T) {
	for want, f := range map[string]func(){
		"httpadapter: FlushInterval: d must be positive, got 0s":      func() { httpadapter.FlushInterval(0) },
		"httpadapter: FlushSize: n must be positive, got -1":          func() { httpadapter.FlushSize(-1) },
		"httpadapter: Heartbeat: every must not be negative, got -1s": func() { httpadapter.Heartbeat(-time.Second, nil) },
		"httpadapter: Heartbeat: chunk must not be empty":             func() { httpadapter.Heartbeat(time.Second, []byte{}) },
		"httpadapter: HeartbeatFunc: every must not be negative, got -1s": func() {
			httpadapter.HeartbeatFunc(-time.Second, func() []byte { return nil })
		},
		"httpadapter: HeartbeatFunc: f must not be nil":        func() { httpadapter.HeartbeatFunc(time.Second, nil) },
		"httpadapter: MaxDuration: d must be positive, got 0s": func() { httpadapter.MaxDuration(0) },
		"httpadapter: OnEnd: f must not be nil":                func() { httpadapter.OnEnd(nil) },
	} {
		assert.PanicsWithValue(t, want, f)
	}
}

func TestContent(t *testing.T) {
	for name, tt := range map[string]struct {
		opts []httpadapter.Option
		want map[string]string
	}{
		"events": {[]httpadapter.Option{httpadapter.EventStream()}, map[string]string{"Content-Type": "text/event-stream"}},
		"lines":  {[]httpadapter.Option{httpadapter.NDJSON()}, map[string]string{"Content-Type": "application/x-ndjson"}},
		"pages": {[]httpadapter.Option{httpadapter.Comet()}, map[string]string{
			"Content-Type":            "text/html; charset=utf-8",
			"X-Frame-Options":         "SAMEORIGIN",
			"Content-Security-Policy": "frame-ancestors 'self'",
			"X-Content-Type-Options":  "nosniff",
		}},
		"told otherwise": {
			[]httpadapter.Option{httpadapter.Header("Content-Security-Policy", "frame-ancestors *"), httpadapter.Comet(), httpadapter.Header("Content-Type", "text/html")},
			map[string]string{"Content-Type": "text/html", "Content-Security-Policy": "frame-ancestors *"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			require.NoError(t, httpadapter.Serve(w, httptest.NewRequest("GET", "/", nil), of("a"), tt.opts...))
			for key, value := range tt.want {
				assert.Equal(t, value, w.Header().Get(key))
			}
		})
	}
}
