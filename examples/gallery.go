package main

import (
	"context"
	"embed"
	"go/scanner"
	"go/token"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/examples/chart"
	"github.com/halley-go/halley/examples/chat"
	"github.com/halley-go/halley/examples/comet/clock"
	"github.com/halley-go/halley/examples/comet/helper"
	"github.com/halley-go/halley/examples/comet/iframe"
	"github.com/halley-go/halley/examples/comet/manual"
	"github.com/halley-go/halley/examples/crowd"
	"github.com/halley-go/halley/examples/dashboard"
	"github.com/halley-go/halley/examples/job"
	"github.com/halley-go/halley/examples/rx"
	"github.com/halley-go/halley/examples/style"
	"github.com/halley-go/halley/examples/tokens"
	"github.com/halley-go/halley/examples/upload"
	"github.com/halley-go/halley/examples/wschat"
)

// An example is one entry of the gallery.
type example struct {
	Path    string // its path in the URL, and its folder
	Title   string
	About   string
	Handler http.Handler // serves Path and what is below it
	Source  fs.FS        // the files of the folder that are worth reading
}

// examples returns all examples. Both chats have the same rooms. The work that they do apart from requests ends with ctx.
func examples(ctx context.Context) []example {
	// The store keeps the last 100 messages of each room for a day. examples/cluster runs the same handlers on disk and on
	// several nodes.
	store := topics.Memory(100, topics.MaxAge(24*time.Hour), topics.MaxBytes(64<<20))
	rooms := chat.New(topics.New[chat.Message](store))
	return []example{
		{
			"comet/manual", "Script tags by hand",
			"Three script tags, written as text and sent one after the other. The page stays blank: its console shows kiki, foo and bar.",
			manual.Handler(), manual.Source,
		},
		{
			"comet/helper", "The Comet helper",
			"The same three messages, in tags that comet.String writes. The page stays blank: its console shows kiki, foo and bar.",
			helper.Handler(), helper.Source,
		},
		{
			"comet/iframe", "The forever iframe",
			"A page with a hidden iframe. The script tags in the iframe call a function of the page.",
			iframe.Handler(), iframe.Source,
		},
		{
			"comet/clock", "A live clock",
			"Ten ticks a second while a page is open. Open it twice: all pages get the same ticks.",
			clock.Handler(), clock.Source,
		},
		{
			"chart", "A live chart",
			"The load of the server, drawn live. It arrives as scripts in an iframe, server-sent events or lines of JSON.",
			chart.Handler(), chart.Source,
		},
		{
			"chat", "A chat room",
			"Several browsers talk, in rooms by name. One that joins late gets the last messages, and one that lost its connection gets the messages it missed.",
			chat.Handler(rooms), chat.Source,
		},
		{
			"wschat", "A chat over WebSocket",
			"Messages come and go over one connection. Both chats have the same rooms.",
			wschat.Handler(rooms), wschat.Source,
		},
		{
			"tokens", "Tokens of a model",
			"A made-up language model answers. The answer survives a reload, a lost connection, and cuts between the server and the model.",
			tokens.Handler(ctx), tokens.Source,
		},
		{
			"job", "A job with progress",
			"A job that runs on the server, whether or not a page is open. All pages that watch it show the same, also after a reload.",
			job.Handler(ctx), job.Source,
		},
		{
			"dashboard", "A dashboard",
			"Load, temperature and log lines over one connection, which all tabs share. A tab takes over when the one before is closed.",
			dashboard.Handler(), dashboard.Source,
		},
		{
			"crowd", "A crowd",
			"One stream for thousands of clients, and what each of them costs the server. A button adds a thousand.",
			crowd.Handler(ctx), crowd.Source,
		},
		{
			"rx", "Live prices with RxGo",
			"A simulated market, and two lines that RxGo operators compute from its trades: the settled price, and the average of each second.",
			rx.Handler(), rx.Source,
		},
		{
			"upload", "An upload with progress",
			"The server hashes a file as it arrives and does not store it. A second stream reports how much the server has received.",
			upload.Handler(), upload.Source,
		},
	}
}

//go:embed index.html source.html
var files embed.FS

var pages = template.Must(template.ParseFS(files, "*.html"))

// gallery serves the index, the examples and their source. All links are relative, so it
// also works behind a proxy that adds a prefix. The work that examples do apart from requests ends with ctx.
func gallery(ctx context.Context) http.Handler {
	examples := examples(ctx)
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", page("index.html", examples))
	mux.Handle("GET /style.css", asset("style.css"))
	mux.Handle("GET /icon.svg", asset("icon.svg"))
	mux.Handle("GET /favicon.ico", asset("icon.svg")) // for pages without an icon link
	for _, e := range examples {
		mux.Handle("/"+e.Path, e.Handler)
		mux.Handle("/"+e.Path+"/", e.Handler)
		mux.Handle("GET /source/"+e.Path, page("source.html", sourceOf(e)))
	}
	return mux
}

func asset(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, style.Files, name)
	})
}

func page(name string, data any) http.Handler {
	var html strings.Builder
	if err := pages.ExecuteTemplate(&html, name, data); err != nil {
		panic(err) // the templates and their data are part of the program
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, name, time.Time{}, strings.NewReader(html.String()))
	})
}

// source is the data of the page that shows the source of an example.
type source struct {
	example
	Root  string // the way back to the index
	Files []file
}

type file struct {
	Name  string
	Parts []part
}

// A part of a file is a comment, or the text between two comments.
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

// split splits Go source into comments and the text between them.
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
			start := file.Offset(pos)
			parts = append(parts, part{Text: string(src[done:start])}, part{Comment: true, Text: text})
			done = start + len(text)
		case token.EOF:
			return append(parts, part{Text: string(src[done:])})
		}
	}
}
