package main

import (
	"io/fs"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/docs"
)

// guideNames returns the paths of all guides below /docs/.
func guideNames() (names []string) {
	err := fs.WalkDir(docs.Files, ".", func(name string, _ fs.DirEntry, err error) error {
		if path.Ext(name) == ".md" {
			target, _ := servedAt(name)
			names = append(names, strings.TrimSuffix(target, "{$}"))
		}
		return err
	})
	if err != nil {
		panic(err)
	}
	return names
}

// A guide has its title, its headings with the ids that GitHub gives them, its code in colours, and the examples that it
// names.
func TestGuide(t *testing.T) {
	page := body(t, "/docs/comet")
	assert.Contains(t, page, "<title>Comet: messages into a page · Halley</title>")
	assert.Contains(t, page, `<li><a href="#by-hand">By hand</a></li>`)
	assert.Contains(t, page, `<h2 id="by-hand">By hand</h2>`)
	assert.Contains(t, page, `<span class="kd">var</span>`)
	assert.NotContains(t, page, "snippet:")
	for _, e := range []string{"comet/manual", "comet/helper", "comet/iframe", "comet/clock", "chart", "chat", "wschat", "tokens", "job", "dashboard"} {
		assert.Equal(t, 1, strings.Count(page, `data-page="../`+e+`"`), e)
	}
	assert.Contains(t, page, `<a href="../source/chat#chat.html">chat.html</a>`)
	assert.Contains(t, page, `<a href="`+repository+`examples/cluster/main.go">`)
	assert.Contains(t, body(t, "/docs/performance"), `<div class="scroll" role="group" aria-label="Table" tabindex="0"><table>`)
}

// A diagram that is much wider than a phone scrolls, as its labels could not be read otherwise.
func TestWide(t *testing.T) {
	const wide = `<div class="scroll" role="group" aria-label="(Diagram|図)" tabindex="0"><p><img src="[./]+docs/marbles/`
	for _, page := range []string{"/docs/guide", "/docs/ja/guide"} {
		text := body(t, page)
		assert.Regexp(t, wide+"guide.broadcast.svg", text)
		assert.Regexp(t, wide+"enumeratee.Conflate.svg", text)
		assert.NotRegexp(t, wide+"enumeratee.Map.svg", text)
	}
	assert.NotContains(t, body(t, "/docs/tutorial"), `tabindex="0"><p><img src="../docs/tutorial/`)
}

// A browser breaks no line within a flag or the name of a header.
func TestHyphens(t *testing.T) {
	page := body(t, "/docs/production")
	assert.Contains(t, page, `<code><span class="whole">Content-Security-Policy</span></code>`)
	assert.Contains(t, page, `<code>nginx <span class="whole">-s</span> reload</code>`)
	assert.NotRegexp(t, `<pre[^>]*><code>[^<]*<span class="whole">`, page)
}

// A Japanese page has no English words around its text.
func TestWord(t *testing.T) {
	code := regexp.MustCompile(`(?s)<pre.*?</pre>`)
	for _, name := range guideNames() {
		page := code.ReplaceAllString(body(t, "/docs/"+name), "")
		for english, word := range japanese {
			if strings.HasPrefix(name, "ja/") {
				assert.NotRegexp(t, `[>"] ?`+english+`["<]`, page, name)
			} else {
				assert.NotRegexp(t, `[>"] ?`+word+`["<]`, page, name)
			}
		}
	}
	assert.Contains(t, body(t, "/docs/ja/comet"), "このページの内容</summary>")
}

// A page has no line end between two Japanese words, and none behind Japanese punctuation. It keeps all other line ends.
func TestLinesOfJapanese(t *testing.T) {
	for _, page := range []string{"/docs/ja/", "/docs/ja/guide", "/docs/ja/comet"} {
		assert.NotRegexp(t, `[\p{Hiragana}\p{Katakana}\p{Han}ー]\n[\p{Hiragana}\p{Katakana}\p{Han}]|[、。]\n`, body(t, page), page)
	}
	assert.Contains(t, body(t, "/docs/comet"), "and\n<code>enumerator.Through</code>")
	assert.Regexp(t, `\p{Hiragana}\n<code>`, body(t, "/docs/ja/comet"))
}

func TestResolve(t *testing.T) {
	all := examples(ended)
	for _, c := range []struct{ address, page, want, example string }{
		{"http.md", "comet.md", "../docs/http", ""},
		{"http.md#limits-and-more", "comet.md", "../docs/http#limits-and-more", ""},
		{"#here", "comet.md", "#here", ""},
		{"../comet.md", "ja/comet.md", "../../docs/comet", ""},
		{"../examples/chat/chat.go", "comet.md", "../source/chat#chat.go", "chat"},
		{"../examples/chat/limit.go", "comet.md", "../source/chat", "chat"},
		{"../examples/comet/clock", "comet.md", "../source/comet/clock", "comet/clock"},
		{"../examples/comet", "comet.md", repository + "examples/comet", ""},
		{"../examples/chatter/x.go", "comet.md", repository + "examples/chatter/x.go", ""},
		{"../README.md#x", "comet.md", repository + "README.md#x", ""},
		{"comet_test.go", "comet.md", repository + "docs/comet_test.go", ""},
		{"missing.md", "comet.md", repository + "docs/missing.md", ""},
		{"https://example.com/a.md", "comet.md", "https://example.com/a.md", ""},
		{"//example.com/a.md", "comet.md", "//example.com/a.md", ""},
	} {
		target, e := resolve(c.address, c.page, rootOf("/docs/"+c.page), all)
		assert.Equal(t, c.want, target, c.address)
		if c.example == "" {
			assert.Nil(t, e, c.address)
		} else if assert.NotNil(t, e, c.address) {
			assert.Equal(t, c.example, e.Path)
		}
	}
}

func TestServedAt(t *testing.T) {
	for name, want := range map[string]string{
		"README.md": "{$}", "ja/README.md": "ja/{$}", "comet.md": "comet", "ja/comet.md": "ja/comet",
		"marbles/map.svg": "marbles/map.svg", "comet_test.go": "", "testdata/ro.txt": "",
	} {
		got, ok := servedAt(name)
		assert.Equal(t, want, got)
		assert.Equal(t, want != "", ok, name)
	}
}

func TestIDs(t *testing.T) {
	ids := ids{}
	for _, c := range []struct{ title, want string }{
		{"By hand", "by-hand"}, {"By hand", "by-hand-1"}, {"By hand", "by-hand-2"}, {"What is `a_b`, or c/d?", "what-is-a_b-or-cd"},
		{"日本語のページ", "日本語のページ"}, {"A — b", "a--b"},
	} {
		assert.Equal(t, c.want, string(ids.Generate([]byte(c.title), 0)))
	}
	require.Len(t, ids, 6)
}
