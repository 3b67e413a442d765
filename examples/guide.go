package main

import (
	"bytes"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"

	"github.com/halley-go/halley/docs"
)

// repository is the address of the files that the gallery does not serve.
const repository = "https://github.com/halley-go/halley/blob/main/"

// A guide is a page of docs.
type guide struct {
	Root     string // the way back to the index
	Title    string
	Language string
	Parts    []section
	Blocks   []block
}

// japanese has the words of guide.html in Japanese.
var japanese = map[string]string{
	"All examples": "すべての例",
	"All guides":   "すべてのガイド",
	"Diagram":      "図",
	"Gallery":      "ギャラリー",
	"On this page": "このページの内容",
	"Source":       "ソース",
	"Table":        "表",
}

// Word returns an English word of guide.html in the language of g, or in English if it has no translation.
func (g guide) Word(english string) string {
	if word, ok := japanese[english]; ok && g.Language == "ja" {
		return word
	}
	return english
}

// A section is a heading of a guide.
type section struct{ ID, Title string }

// A block is a heading, a paragraph, a table and so on.
type block struct {
	Examples []*example // those that no earlier block names
	Wide     string     // the name of a block that scrolls on a narrow screen, or ""
	HTML     template.HTML
}

// handleDocs serves the pages of docs, and their pictures.
func handleDocs(mux *http.ServeMux, examples []example) {
	err := fs.WalkDir(docs.Files, ".", func(name string, _ fs.DirEntry, err error) error {
		switch target, ok := servedAt(name); {
		case err != nil:
			return err
		case path.Ext(name) == ".md":
			mux.Handle("GET /docs/"+target, page("guide.html", func() any { return guideOf(name, examples) }))
		case ok:
			mux.Handle("GET /docs/"+target, asset(docs.Files, name))
		}
		return nil
	})
	if err != nil {
		panic(err) // the pages are part of the program
	}
}

// servedAt returns the path below /docs/ at which the gallery serves a file, and whether it does. The pattern of a folder
// ends with {$}.
func servedAt(name string) (string, bool) {
	switch path.Ext(name) {
	case ".md":
		if folder, ok := strings.CutSuffix(name, "README.md"); ok {
			return folder + "{$}", true
		}
		return strings.TrimSuffix(name, ".md"), true
	case ".svg", ".png", ".gif", ".jpg", ".webp", ".webm", ".mp4":
		return name, true
	}
	return "", false
}

// markdown is the Markdown of GitHub. HTML in pages is kept, because they are a part of the program.
var markdown = goldmark.New(
	goldmark.WithExtensions(extension.GFM),
	goldmark.WithParserOptions(parser.WithAutoHeadingID()),
	goldmark.WithRendererOptions(html.WithUnsafe(), renderer.WithNodeRenderers(util.Prioritized(code{}, 1))),
)

// attribute is an address in HTML.
var attribute = regexp.MustCompile(`(href|src|srcset)="([^"]+)"`)

// emptyHeader is the empty corner of a table. It must not be a header for screen readers.
var emptyHeader = regexp.MustCompile(`<th[^>]*></th>`)

// lineEnd is the end of a line within a Japanese text. Such a text has spaces neither between words nor behind punctuation.
// It has a space between a word and code, where the CJK extension of goldmark would remove the line end too.
var lineEnd = regexp.MustCompile(`([\p{Hiragana}\p{Katakana}\p{Han}ー])\n([\p{Hiragana}\p{Katakana}\p{Han}])|([、。])\n`)

// inline is code within a text, and hyphened is a part of it that a browser would break behind a hyphen.
var (
	inline   = regexp.MustCompile(`<code>[^<]*</code>`)
	hyphened = regexp.MustCompile(`[^\s<>]*-[^\s<>]*`)
)

// snippet is the comment before code that a page cuts from a file.
var snippet = regexp.MustCompile(`<!-- snippet: (\S+)#`)

func guideOf(name string, examples []example) guide {
	source, err := fs.ReadFile(docs.Files, name)
	if err != nil {
		panic(err)
	}
	g := guide{Root: rootOf("/docs/" + name), Title: name, Language: "en"}
	if folder := path.Dir(name); folder != "." {
		g.Language = folder
	}
	shown := map[*example]bool{nil: true}
	var named *example // the example that the comment before the code names
	document := markdown.Parser().Parse(text.NewReader(source), parser.WithContext(parser.NewContext(parser.WithIDs(ids{}))))
	for n := document.FirstChild(); n != nil; n = n.NextSibling() {
		var out bytes.Buffer
		if err := markdown.Renderer().Render(&out, source, n); err != nil {
			panic(err)
		}
		if m := snippet.FindSubmatch(out.Bytes()); m != nil {
			named = exampleWith(string(m[1]), examples)
			continue
		}
		b := block{Wide: wide(n, path.Dir(name))}
		show := func(e *example) {
			if !shown[e] {
				shown[e] = true
				b.Examples = append(b.Examples, e)
			}
		}
		show(named)
		named = nil
		text := emptyHeader.ReplaceAllString(out.String(), "<td></td>")
		if n.Kind() != ast.KindFencedCodeBlock && n.Kind() != ast.KindCodeBlock {
			text = lineEnd.ReplaceAllString(text, "$1$2$3")
			text = inline.ReplaceAllStringFunc(text, func(s string) string {
				return hyphened.ReplaceAllStringFunc(s, func(part string) string {
					if len(part) > 32 { // too long for a phone
						return part
					}
					return `<span class="whole">` + part + `</span>`
				})
			})
		}
		b.HTML = template.HTML(attribute.ReplaceAllStringFunc(text, func(s string) string {
			m := attribute.FindStringSubmatch(s)
			target, e := resolve(m[2], name, g.Root, examples)
			show(e)
			return m[1] + `="` + target + `"`
		}))
		g.Blocks = append(g.Blocks, b)

		if h, ok := n.(*ast.Heading); ok {
			title := string(titleOf(h, source))
			switch h.Level {
			case 1:
				g.Title = title
			case 2:
				id, _ := h.AttributeString("id")
				g.Parts = append(g.Parts, section{string(id.([]byte)), title})
			}
		}
	}
	return g
}

// svgWidth is the width of a picture, in pixels.
var svgWidth = regexp.MustCompile(`<svg[^>]* width="(\d+)"`)

// wide returns the name of n for screen readers if n must scroll on a narrow screen, and "" otherwise. A diagram must if
// its labels would be too small to read on a phone. folder is that of the page.
func wide(n ast.Node, folder string) string {
	if n.Kind() == extast.KindTable {
		return "Table"
	}
	picture, ok := n.FirstChild().(*ast.Image)
	if !ok || n.ChildCount() > 1 {
		return ""
	}
	svg, _ := fs.ReadFile(docs.Files, path.Join(folder, string(picture.Destination))) // an error means that it is elsewhere
	if m := svgWidth.FindSubmatch(svg); m != nil {
		if width, _ := strconv.Atoi(string(m[1])); width > 440 {
			return "Diagram"
		}
	}
	return ""
}

// titleOf returns the text of n without its markup.
func titleOf(n ast.Node, source []byte) (all []byte) {
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		if t, ok := c.(*ast.Text); ok {
			all = append(all, t.Value(source)...)
		} else {
			all = append(all, titleOf(c, source)...)
		}
	}
	return all
}

// resolve returns the address in the gallery for an address in the page name of docs, and the example to which the
// address belongs.
func resolve(address, name, root string, examples []example) (string, *example) {
	u, err := url.Parse(address)
	if err != nil || u.IsAbs() || u.Host != "" || u.Path == "" {
		return address, nil
	}
	file := path.Join("docs", path.Dir(name), u.Path)
	fragment := ""
	if u.Fragment != "" {
		fragment = "#" + u.EscapedFragment()
	}
	if e := exampleWith(file, examples); e != nil {
		target := root + "source/" + e.Path
		if _, err := fs.Stat(e.Source, path.Base(file)); err == nil {
			target += "#" + path.Base(file)
		}
		return target, e
	}
	if page, ok := strings.CutPrefix(file, "docs/"); ok {
		target, ok := servedAt(page)
		if _, err := fs.Stat(docs.Files, page); ok && err == nil {
			return root + "docs/" + strings.TrimSuffix(target, "{$}") + fragment, nil
		}
	}
	return repository + file + fragment, nil
}

// exampleWith returns the example whose folder has the file, or nil.
func exampleWith(file string, examples []example) *example {
	for i := range examples {
		if strings.HasPrefix(file+"/", "examples/"+examples[i].Path+"/") {
			return &examples[i]
		}
	}
	return nil
}

// ids makes the ids of headings as GitHub does.
type ids map[string]bool

func (s ids) Generate(title []byte, _ ast.NodeKind) []byte {
	base := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r), unicode.IsMark(r), r == '-', r == '_':
			return unicode.ToLower(r)
		case r == ' ':
			return '-'
		}
		return -1
	}, strings.TrimSpace(string(title)))
	id := base
	for n := 1; s[id]; n++ {
		id = base + "-" + strconv.Itoa(n)
	}
	s[id] = true
	return []byte(id)
}

func (s ids) Put(id []byte) { s[string(id)] = true }

// code renders code in colours.
type code struct{}

func (code) RegisterFuncs(r renderer.NodeRendererFuncRegisterer) {
	render := func(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
		if entering {
			language := ""
			if fenced, ok := n.(*ast.FencedCodeBlock); ok {
				language = string(fenced.Language(source))
			}
			w.WriteString(`<pre tabindex="0"><code>` + string(highlight(string(n.Lines().Value(source)), language)) + "</code></pre>\n")
		}
		return ast.WalkSkipChildren, nil
	}
	r.Register(ast.KindFencedCodeBlock, render)
	r.Register(ast.KindCodeBlock, render)
}
