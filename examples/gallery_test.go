package main

import (
	"context"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var inMemory = sync.OnceValue(func() http.Handler { return gallery(context.Background()) })

// request returns the response of a gallery in memory. It does not return for a stream
// without an end.
func request(method, target string) *http.Response {
	w := httptest.NewRecorder()
	inMemory().ServeHTTP(w, httptest.NewRequest(method, target, nil))
	return w.Result()
}

func body(t *testing.T, target string) string {
	r := request(http.MethodGet, target)
	require.Equal(t, http.StatusOK, r.StatusCode, target)
	text, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return string(text)
}

func TestIndex(t *testing.T) {
	index := body(t, "/")
	for _, e := range examples(t.Context()) {
		assert.Contains(t, index, `<a href="`+e.Path+`">`+e.Title+`</a>`)
		assert.Contains(t, index, html.EscapeString(e.About))
		assert.Contains(t, index, `<a href="source/`+e.Path+`">`)
	}
	assert.NotContains(t, index, "<script")
}

// A source page shows the files unchanged.
func TestSource(t *testing.T) {
	for _, e := range examples(t.Context()) {
		t.Run(e.Path, func(t *testing.T) {
			page := body(t, "/source/"+e.Path)
			var shown []string
			for _, pre := range regexp.MustCompile(`(?s)<pre[^>]*><code>(.*?)</code></pre>`).FindAllStringSubmatch(page, -1) {
				text := strings.NewReplacer("<i>", "", "</i>", "").Replace(pre[1])
				shown = append(shown, html.UnescapeString(text))
			}
			name := path.Base(e.Path)
			var want []string
			for _, ext := range []string{".go", ".html"} {
				text, err := os.ReadFile(path.Join(e.Path, name+ext))
				if os.IsNotExist(err) && ext == ".html" {
					continue
				}
				require.NoError(t, err)
				want = append(want, string(text))
			}
			require.Equal(t, want, shown)
			assert.Contains(t, page, "<i>// Package "+name+" ")
		})
	}
}

// Every link of every page works, even below a prefix.
func TestLinks(t *testing.T) {
	const prefix = "/some/prefix"
	proxy := http.StripPrefix(prefix, gallery(t.Context()))
	link := regexp.MustCompile(`(?:href|src)="([^"]+)"`)
	seen := map[string]bool{}
	todo := []string{prefix + "/"}
	for len(todo) > 0 {
		target := todo[0]
		todo = todo[1:]
		if seen[target] || strings.HasSuffix(target, "/clock/stream") || strings.HasSuffix(target, "/rx/stream") { // streams without an end
			continue
		}
		seen[target] = true
		w := httptest.NewRecorder()
		proxy.ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
		if !assert.Equal(t, http.StatusOK, w.Code, target) || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
			continue
		}
		base, err := url.Parse(target)
		require.NoError(t, err)
		for _, m := range link.FindAllStringSubmatch(w.Body.String(), -1) {
			linked, err := base.Parse(m[1])
			require.NoError(t, err)
			if linked.Host == "" {
				todo = append(todo, linked.Path)
			}
		}
	}
	for _, e := range examples(t.Context()) {
		assert.True(t, seen[prefix+"/"+e.Path], e.Path)
		assert.True(t, seen[prefix+"/source/"+e.Path], e.Path)
	}
	assert.True(t, seen[prefix+"/comet/iframe/stream"])
	assert.True(t, seen[prefix+"/style.css"])
	assert.True(t, seen[prefix+"/icon.svg"])
}

func TestUnknownPaths(t *testing.T) {
	for _, target := range []string{
		"/nothing", "/comet", "/comet/", "/comet/nothing", "/comet/manual/", "/comet/manual/stream", "/comet/helper/x",
		"/comet/iframe/", "/comet/iframe/x", "/comet/clock/stream/", "/upload/", "/upload/x", "/source", "/source/", "/source/comet", "/source/comet/x",
		"/rx/", "/rx/x", "/rx/stream/", "/chart/", "/chart/x", "/chat/", "/chat/x", "/wschat/", "/wschat/x",
		"/tokens/", "/tokens/x", "/tokens/stream?id=x", "/job/", "/job/x", "/job/stream?id=x", "/dashboard/", "/dashboard/x", "/crowd/", "/crowd/x",
		"/index.html", "/gallery.go",
	} {
		assert.Equal(t, http.StatusNotFound, request(http.MethodGet, target).StatusCode, target)
	}
}

func TestMethods(t *testing.T) {
	for _, target := range []string{
		"/", "/style.css", "/icon.svg", "/favicon.ico", "/comet/manual", "/comet/helper", "/comet/iframe",
		"/comet/iframe/stream", "/comet/clock", "/comet/clock/stream", "/upload", "/upload/stream", "/source/comet/manual", "/source/upload", "/rx", "/rx/stream",
		"/chart", "/chart/halley.js", "/chart/stream", "/chat", "/chat/halley.js", "/chat/stream", "/wschat",
		"/tokens", "/tokens/halley.js", "/job", "/job/halley.js", "/dashboard", "/dashboard/halley.js", "/dashboard/stream",
	} {
		head := request(http.MethodHead, target)
		assert.Equal(t, http.StatusOK, head.StatusCode, target)
		assert.NotEmpty(t, head.Header.Get("Content-Type"), target)
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
			r := request(method, target)
			assert.Equal(t, http.StatusMethodNotAllowed, r.StatusCode, method+" "+target)
			assert.Equal(t, "GET, HEAD", r.Header.Get("Allow"), method+" "+target)
		}
	}
}
