package httpadapter_test

import (
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/internal/probe"
)

// The log of the server is its ErrorLog, or package log if it has none.
func TestErrorsGoToTheLogOfTheServer(t *testing.T) {
	for name, tt := range map[string]struct {
		h    http.Handler
		want string
	}{
		"Handler": {
			httpadapter.Handler(func(*http.Request) (enumerator.Enumerator[[]byte], error) { return of(), errBoom }),
			`httpadapter: stream failed method="GET" path="/a b" status="500" error="boom: the password is 1234"` + "\n",
		},
		"Error": {
			http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { httpadapter.Error(w, r, errBoom) }),
			`httpadapter: request failed method="GET" path="/a b" status="500" error="boom: the password is 1234"` + "\n",
		},
		"LoggerOf": {
			http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				l := httpadapter.LoggerOf(httpadapter.EventStream())
				l.InfoContext(r.Context(), "for information")
				l.WarnContext(r.Context(), "a warning", "n", 1)
				l.ErrorContext(r.Context(), "an error", "n", 2, "error", errBoom)
			}),
			"for information\na warning n=\"1\"\nan error n=\"2\" error=\"boom: the password is 1234\"\n",
		},
	} {
		for _, proto := range protocols {
			for _, own := range []bool{true, false} {
				t.Run(name+"/"+proto+"/own "+strconv.FormatBool(own), func(t *testing.T) {
					elsewhere := probe.Logs(t)
					var logged strings.Builder
					srv := unstarted(t, tt.h)
					srv.Config.ErrorLog = nil
					if own {
						srv.Config.ErrorLog = log.New(&logged, "", 0)
					}
					startAs(srv, proto)
					res, err := srv.Client().Get(srv.URL + "/a%20b?secret=1")
					require.NoError(t, err)
					_, _ = io.Copy(io.Discard, res.Body)
					_ = res.Body.Close()
					srv.Client().CloseIdleConnections()
					srv.Close()
					if own {
						assert.Equal(t, tt.want, logged.String())
						assert.Empty(t, elsewhere())
					} else {
						assert.Equal(t, tt.want, elsewhere())
					}
				})
			}
		}
	}
}

// slog.SetDefault makes package log write to the handler of slog.
func TestErrorsGoToTheDefaultOfSlog(t *testing.T) {
	before, w, flags := slog.Default(), log.Writer(), log.Flags()
	t.Cleanup(func() { slog.SetDefault(before); log.SetOutput(w); log.SetFlags(flags) })
	var logged strings.Builder
	slog.SetDefault(slog.New(slog.NewTextHandler(&logged, nil)))
	httpadapter.Error(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil), errBoom)
	assert.Regexp(t, `^time=\S+ level=INFO msg="httpadapter: request failed method=\\"GET\\" path=\\"/\\" status=\\"500\\" error=\\"boom: the password is 1234\\""\n$`, logged.String())
}

// logOf returns the line that Error logs for a path and the text of an error.
func logOf(path, text string) string {
	var logged strings.Builder
	server := &http.Server{ErrorLog: log.New(&logged, "", 0)}
	r := httptest.NewRequest("GET", "/", nil)
	r.URL = &url.URL{Path: path}
	httpadapter.Error(httptest.NewRecorder(), r.WithContext(context.WithValue(r.Context(), http.ServerContextKey, server)), errors.New(text))
	return logged.String()
}

func TestLogOfPathsAndErrorsThatForge(t *testing.T) {
	for text, quoted := range map[string]string{
		"/":                             `"/"`,
		"/bär":                          `"/bär"`,
		"/a b":                          `"/a b"`,
		"":                              `""`,
		"/\n2026/01/01 00:00:00 forged": `"/\n2026/01/01 00:00:00 forged"`,
		"/\r\x00\t":                     `"/\r\x00\t"`,
		`/" status="200`:                `"/\" status=\"200"`,
		`/\" status="200`:               `"/\\\" status=\"200"`,
		"/\x1b[2J":                      `"/\x1b[2J"`,
		"/\xff\xc3":                     `"/\xff\xc3"`,
		"/\u2028\u202e\u0085\ufeff":     `"/\u2028\u202e\u0085\ufeff"`,
		"/%s%!d(MISSING)":               `"/%s%!d(MISSING)"`,
	} {
		assert.Equal(t, `httpadapter: request failed method="GET" path=`+quoted+` status="500" error=`+quoted+"\n", logOf(text, text))
	}
}

// A line has four keys and their values, and only characters that are printed, for all paths and errors.
func FuzzLog(f *testing.F) {
	f.Add("/", "boom")
	f.Add("/\n\" error=\"forged\" \x1b[2J", "\xff\r\u2028\\")
	f.Add(`\`, `\"`)
	f.Fuzz(func(t *testing.T, path, text string) {
		line := logOf(path, text)
		rest, found := strings.CutPrefix(line, "httpadapter: request failed")
		require.True(t, found, line)
		for _, kv := range [][2]string{{"method", "GET"}, {"path", path}, {"status", "500"}, {"error", text}} {
			rest, found = strings.CutPrefix(rest, " "+kv[0]+"=")
			require.True(t, found, line)
			quoted, err := strconv.QuotedPrefix(rest)
			require.NoError(t, err, line)
			value, err := strconv.Unquote(quoted)
			require.NoError(t, err, line)
			require.Equal(t, kv[1], value)
			rest = rest[len(quoted):]
		}
		require.Equal(t, "\n", rest)
		require.True(t, utf8.ValidString(line))
		require.Equal(t, len(line)-1, strings.IndexFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }), "%q", line)
	})
}

func TestLogger(t *testing.T) {
	elsewhere := probe.Logs(t)
	var text strings.Builder
	l := slog.New(slog.NewTextHandler(&text, nil))
	httpadapter.Handler(func(*http.Request) (enumerator.Enumerator[[]byte], error) { return of(), errBoom }, httpadapter.Logger(l)).
		ServeHTTP(newRecorder(t), httptest.NewRequest("GET", "/", nil))
	assert.Contains(t, text.String(), errBoom.Error())
	assert.Empty(t, elsewhere())
}

func TestLoggerMustNotBeNil(t *testing.T) {
	for _, logger := range []httpadapter.ErrorLogger{nil, (*slog.Logger)(nil)} {
		assert.PanicsWithValue(t, "httpadapter: Logger: logger must not be nil", func() { httpadapter.Logger(logger) })
	}
}

func TestLoggerOf(t *testing.T) {
	first, second := slog.New(slog.DiscardHandler), slog.New(slog.DiscardHandler)
	assert.Same(t, second, httpadapter.LoggerOf(httpadapter.Logger(first), httpadapter.NDJSON(), httpadapter.Logger(second)))
	// TestErrorsGoToTheLogOfTheServer has the default.
}
