package main

import (
	"context"
	"go/format"
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

var (
	memory, endMemory = context.WithCancel(context.Background())
	inMemory          = sync.OnceValue(func() http.Handler { return gallery(memory) })
)

// shared serves a gallery. All galleries of the tests share their guides and sources, because the race detector makes it slow
// to render them.
func shared(ctx context.Context) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", gallery(ctx))
	mux.Handle("GET /docs/", inMemory())
	mux.Handle("GET /source/", inMemory())
	return mux
}

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
	assert.Contains(t, index, "<noscript>")
}

// Each page that runs scripts says so to a browser without JavaScript.
func TestWithoutJavaScript(t *testing.T) {
	for _, e := range examples(ended) {
		assert.Regexp(t, `<noscript><p class="notice">.*JavaScript.*</p></noscript>`, body(t, "/"+e.Path), e.Path)
	}
}

// A source page shows the files without the marks of snippets.
func TestSource(t *testing.T) {
	tags := regexp.MustCompile(`</?span[^>]*>`)
	mark := regexp.MustCompile(`^\s*(//|<!--) (end snippet|snippet: )`)
	lines := func(text string) (lines []string) {
		for line := range strings.Lines(text) {
			if !mark.MatchString(line) && strings.TrimSpace(line) != "" {
				lines = append(lines, line)
			}
		}
		return lines
	}
	for _, e := range examples(ended) {
		t.Run(e.Path, func(t *testing.T) {
			page := body(t, "/source/"+e.Path)
			shown := regexp.MustCompile(`(?s)<pre[^>]*><code>(.*?)</code></pre>`).FindAllStringSubmatch(page, -1)
			names := []string{path.Base(e.Path) + ".go", path.Base(e.Path) + ".html"}
			require.Len(t, shown, len(names))
			for i, name := range names {
				text := html.UnescapeString(tags.ReplaceAllString(shown[i][1], ""))
				file, err := os.ReadFile(path.Join(e.Path, name))
				require.NoError(t, err)
				assert.Equal(t, lines(string(file)), lines(text))
				assert.NotContains(t, text, "snippet")
				assert.NotContains(t, text, "\n\n\n")
				if path.Ext(name) == ".go" {
					formatted, err := format.Source([]byte(text))
					require.NoError(t, err)
					assert.Equal(t, string(formatted), text)
				}
			}
			assert.Contains(t, page, `<span class="kn">package</span>`)
			assert.Contains(t, page, `<span class="nt">body</span>`)
		})
	}
}

func TestWithoutMarks(t *testing.T) {
	for text, want := range map[string]string{
		"a\n": "a\n",
		"a\n\n// snippet: x\n\nb\n\n// end snippet\n":                "a\n\nb\n",
		"{\n\t// snippet: x\n\n\tb\n\n\t// end snippet\n\tc\n}\n":    "{\n\tb\n\n\tc\n}\n",
		"a\n  <!-- snippet: x -->\n  b\n  <!-- end snippet -->\nc\n": "a\n  b\nc\n",
		"a // snippet: x\n// the snippet: x\n":                       "a // snippet: x\n// the snippet: x\n",
	} {
		assert.Equal(t, want, withoutMarks(text))
	}
}

// Every link of every page works, even below a prefix. A fragment is the id of an element.
func TestLinks(t *testing.T) {
	const prefix = "/some/prefix"
	proxy := http.StripPrefix(prefix, shared(ended))
	link := regexp.MustCompile(`(?:href|src|data-page|data-stream)="([^"]+)"`)
	id := regexp.MustCompile(`\sid="([^"]+)"`)
	seen := map[string]bool{}
	ids := map[string]bool{}         // as path#id
	fragments := map[string]string{} // by path#id, the page with the link
	todo := []string{prefix + "/"}
	for len(todo) > 0 {
		target := todo[0]
		todo = todo[1:]
		if seen[target] || strings.HasSuffix(target, "/clock/stream") { // a stream without an end
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
		for _, m := range id.FindAllStringSubmatch(w.Body.String(), -1) {
			ids[target+"#"+m[1]] = true
		}
		for _, m := range link.FindAllStringSubmatch(w.Body.String(), -1) {
			linked, err := base.Parse(html.UnescapeString(m[1]))
			require.NoError(t, err)
			if file, ok := strings.CutPrefix(linked.String(), repository); ok {
				_, err := os.Stat(path.Join("..", strings.Split(file, "#")[0]))
				assert.NoError(t, err, "%s on %s", m[1], target)
			}
			if linked.Host == "" {
				todo = append(todo, linked.Path)
				if linked.Fragment != "" {
					fragments[linked.Path+"#"+linked.Fragment] = target
				}
			}
		}
	}
	for fragment, page := range fragments {
		assert.True(t, ids[fragment], "%s, to which %s links", fragment, page)
	}
	for _, e := range examples(ended) {
		assert.True(t, seen[prefix+"/"+e.Path], e.Path)
		assert.True(t, seen[prefix+"/source/"+e.Path], e.Path)
	}
	for _, name := range guideNames() {
		assert.True(t, seen[prefix+"/docs/"+name], name)
	}
	assert.True(t, seen[prefix+"/comet/iframe/stream"])
	assert.True(t, seen[prefix+"/style.css"])
	assert.True(t, seen[prefix+"/icon.svg"])
}

func TestUnknownPaths(t *testing.T) {
	for _, target := range []string{
		"/nothing", "/comet", "/comet/", "/comet/nothing", "/comet/manual/", "/comet/manual/x", "/comet/helper/x",
		"/comet/iframe/", "/comet/iframe/x", "/comet/clock/stream/", "/upload/", "/upload/x", "/source", "/source/", "/source/comet", "/source/comet/x",
		"/rx", "/chart/", "/chart/x", "/chat/", "/chat/x", "/wschat/", "/wschat/x", "/table/", "/table/x",
		"/tokens/", "/tokens/x", "/tokens/answers/x", "/job/", "/job/x", "/job/stream?id=x", "/dashboard/", "/dashboard/x",
		"/inside/", "/inside/x", "/crowd/", "/crowd/x", "/index.html", "/gallery.go", "/docs/x", "/docs/comet.md", "/docs/comet/", "/docs/docs.go", "/docs/testdata/ro.txt",
	} {
		r := request(http.MethodGet, target)
		assert.Equal(t, http.StatusNotFound, r.StatusCode, target)
		if !strings.Contains(target, "stream?") && !strings.Contains(target, "answers/") { // these are for a page, which shows the reason
			text, err := io.ReadAll(r.Body)
			require.NoError(t, err)
			assert.Contains(t, string(text), "<h1>", target)
			assert.Contains(t, string(text), "<code>"+target+"</code>", target)
			assert.Equal(t, "text/html; charset=utf-8", r.Header.Get("Content-Type"), target)
		}
	}
}

func TestMethods(t *testing.T) {
	for _, target := range []string{
		"/", "/style.css", "/icon.svg", "/favicon.ico", "/raw.js", "/previews.js", "/docs/", "/docs/comet",
		"/comet/manual", "/comet/manual/stream", "/comet/helper", "/comet/helper/stream", "/comet/iframe",
		"/comet/iframe/stream", "/comet/clock", "/comet/clock/stream", "/inside", "/upload", "/upload/stream", "/source/comet/manual", "/source/upload",
		"/chart", "/chart/halley.js", "/chart/stream", "/chat", "/chat/halley.js", "/chat/stream", "/chat/rooms", "/wschat",
		"/table", "/table/halley.js", "/table/table.js", "/table/here?id=x&name=x",
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
