package main

import (
	"embed"
	"go/scanner"
	"go/token"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/halley-go/halley/examples/chart"
	"github.com/halley-go/halley/examples/chat"
	"github.com/halley-go/halley/examples/comet/clock"
	"github.com/halley-go/halley/examples/comet/helper"
	"github.com/halley-go/halley/examples/comet/iframe"
	"github.com/halley-go/halley/examples/comet/manual"
	"github.com/halley-go/halley/examples/rx"
	"github.com/halley-go/halley/examples/upload"
	"github.com/halley-go/halley/examples/wschat"
)

// An example is one entry of the gallery.
type example struct {
	Path    string // where it is served, and its folder
	Title   string
	About   string
	Handler http.Handler // serves Path and what is below it
	Source  fs.FS        // the files of the folder that are worth reading
}

// examples returns all examples. Both chats are in one room.
func examples() []example {
	room := chat.NewRoom()
	return []example{
		{
			"comet/manual", "Script tags by hand",
			"Three script tags, written as text and sent one after the other. The page stays blank: its console shows kiki, foo and bar.",
			manual.Handler(), manual.Source,
		},
		{
			"comet/helper", "The Comet helper",
			"The same three messages, and comet.String writes the tags. The page stays blank: its console shows kiki, foo and bar.",
			helper.Handler(), helper.Source,
		},
		{
			"comet/iframe", "The forever iframe",
			"A page with a hidden iframe, whose script tags call a function of the page.",
			iframe.Handler(), iframe.Source,
		},
		{
			"comet/clock", "A live clock",
			"Ten ticks a second, for as long as the page is open. Open it twice: each page has a stream of its own.",
			clock.Handler(), clock.Source,
		},
		{
			"chart", "A live chart",
			"The load of the server, drawn as it comes: as scripts in an iframe, server-sent events or lines of JSON.",
			chart.Handler(), chart.Source,
		},
		{
			"chat", "A chat room",
			"Several browsers talk. Whoever comes late gets the last messages; whoever was cut off gets those in between.",
			chat.Handler(room), chat.Source,
		},
		{
			"wschat", "A chat over WebSocket",
			"Messages come and go over one connection, in the same room: what is said in one chat is heard in the other.",
			wschat.Handler(room), wschat.Source,
		},
		{
			"rx", "Live prices with RxGo",
			"A simulated market, and what operators of RxGo make of its trades: the price when it has settled, and the average of each second.",
			rx.Handler(), rx.Source,
		},
		{
			"upload", "An upload with progress",
			"The server hashes a file as it arrives, keeps nothing of it, and says over a second stream how much it has got.",
			upload.Handler(), upload.Source,
		},
	}
}

//go:embed index.html source.html style.css icon.svg
var files embed.FS

var pages = template.Must(template.ParseFS(files, "*.html"))

// gallery serves the index, the examples and their source. All links are
// relative, so it also works behind a proxy that adds a prefix.
func gallery() http.Handler {
	examples := examples()
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", page("index.html", examples))
	mux.Handle("GET /style.css", asset("style.css"))
	mux.Handle("GET /icon.svg", asset("icon.svg"))
	mux.Handle("GET /favicon.ico", asset("icon.svg")) // asked for by pages that name none
	for _, e := range examples {
		mux.Handle("/"+e.Path, e.Handler)
		mux.Handle("/"+e.Path+"/", e.Handler)
		mux.Handle("GET /source/"+e.Path, page("source.html", sourceOf(e)))
	}
	return mux
}

func asset(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, files, name)
	})
}

func page(name string, data any) http.Handler {
	var html strings.Builder
	if err := pages.ExecuteTemplate(&html, name, data); err != nil {
		panic(err) // the templates and what they show are part of the program
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, name, time.Time{}, strings.NewReader(html.String()))
	})
}

// source is what the page of an example's source shows.
type source struct {
	example
	Root  string // the way back to the index
	Files []file
}

type file struct {
	Name  string
	Parts []part
}

// A part of a file is a comment or what stands between two.
type part struct {
	Comment bool
	Text    string
}

func sourceOf(e example) source {
	s := source{example: e, Root: strings.Repeat("../", strings.Count(e.Path, "/")+1)}
	names, err := fs.Glob(e.Source, "*")
	if err != nil {
		panic(err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(e.Source, name)
		if err != nil {
			panic(err)
		}
		f := file{Name: path.Join(e.Path, name), Parts: []part{{Text: string(text)}}}
		if path.Ext(name) == ".go" {
			f.Parts = split(text)
		}
		s.Files = append(s.Files, f)
	}
	return s
}

// split cuts Go source into its comments and the rest.
func split(src []byte) []part {
	var (
		s     scanner.Scanner
		parts []part
		done  int
	)
	file := token.NewFileSet().AddFile("", -1, len(src))
	s.Init(file, src, nil, scanner.ScanComments)
	for {
		pos, tok, text := s.Scan()
		switch tok {
		case token.COMMENT:
			at := file.Offset(pos)
			parts = append(parts, part{Text: string(src[done:at])}, part{Comment: true, Text: text})
			done = at + len(text)
		case token.EOF:
			return append(parts, part{Text: string(src[done:])})
		}
	}
}
