package main

import (
	"html/template"
	"io/fs"
	"path"
	"regexp"
	"strings"

	"github.com/alecthomas/chroma/v2"
	"github.com/alecthomas/chroma/v2/formatters/html"
	"github.com/alecthomas/chroma/v2/lexers"
)

// source is the data of the page that shows the source of an example.
type source struct {
	example
	Root  string // the way back to the index
	Files []file
}

type file struct {
	Folder, Name string
	Code         template.HTML
}

func sourceOf(e example) source {
	s := source{example: e, Root: rootOf("/source/" + e.Path)}
	names, err := fs.Glob(e.Source, "*")
	if err != nil {
		panic(err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(e.Source, name)
		if err != nil {
			panic(err)
		}
		s.Files = append(s.Files, file{e.Path, name, highlight(withoutMarks(string(text)), path.Ext(name)[1:])})
	}
	return s
}

var marks = regexp.MustCompile(`(?m)^[ \t]*(?://|<!--) (?:end snippet|snippet: \S+)(?: -->)?\n+`)

// withoutMarks returns text without the marks of the code that the pages of docs show.
func withoutMarks(text string) string {
	return strings.TrimRight(marks.ReplaceAllString(text, ""), "\n") + "\n"
}

// The style sheet of the gallery has the colours.
var (
	formatter = html.New(html.WithClasses(true), html.PreventSurroundingPre(true))
	noColours = chroma.MustNewStyle("none", nil)
)

// highlight returns code as HTML. The classes of chroma tell the kinds of tokens. A language that chroma does not know
// stays plain text.
func highlight(code, language string) template.HTML {
	lexer := lexers.Get(language)
	if lexer == nil {
		lexer = lexers.Fallback
	}
	tokens, err := chroma.Coalesce(lexer).Tokenise(nil, code)
	if err != nil {
		panic(err) // the code is part of the program
	}
	var text strings.Builder
	if err := formatter.Format(&text, noColours, tokens); err != nil {
		panic(err)
	}
	return template.HTML(text.String())
}
