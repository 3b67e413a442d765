package main

import (
	"context"
	"io/fs"
	"net/http"
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
	"github.com/halley-go/halley/examples/inside"
	"github.com/halley-go/halley/examples/job"
	"github.com/halley-go/halley/examples/style"
	"github.com/halley-go/halley/examples/table"
	"github.com/halley-go/halley/examples/tokens"
	"github.com/halley-go/halley/examples/upload"
	"github.com/halley-go/halley/examples/wschat"
)

// An example is one entry of the gallery.
type example struct {
	Path    string // its path in the URL, and its folder
	Title   string
	About   string
	Handler http.Handler // serves Path and all paths below it
	Source  fs.FS        // the files of the folder that are worth reading
}

// examples returns all examples, the showpieces first. Both chats have the same rooms. The work that the examples do
// apart from requests ends with ctx.
func examples(ctx context.Context) []example {
	// The store keeps the last 100 messages of each room for a day. examples/cluster runs the same handlers on disk and on
	// several nodes.
	store := topics.Memory(100, topics.MaxAge(24*time.Hour), topics.MaxBytes(64<<20))
	rooms := chat.New(topics.New[chat.Message](store))
	return []example{
		{
			"dashboard", "A dashboard",
			"Load, temperature and log lines over one connection, which all tabs share. A tab takes over when the one before is closed.",
			dashboard.Handler(ctx), dashboard.Source,
		},
		{
			"chat", "A chat room",
			"Several browsers talk, in rooms by name. One that joins late gets the last messages, and one that lost its connection gets the messages it missed.",
			chat.Handler(rooms), chat.Source,
		},
		{
			"chart", "A live chart",
			"The load of the server, drawn live. It arrives as scripts in an iframe, server-sent events or lines of JSON.",
			chart.Handler(ctx), chart.Source,
		},
		{
			"table", "A list together",
			"Several browsers edit the rows of a list and see who is there. Each page has all rows, and then each change, also after it was away.",
			table.Handler(topics.Memory(100, topics.MaxBytes(8<<20))), table.Source,
		},
		{
			"tokens", "Tokens of a model",
			"A made-up language model answers. The answer survives a reload, a lost connection, and cuts between the server and the model.",
			tokens.Handler(ctx), tokens.Source,
		},
		{
			"comet/clock", "A live clock",
			"Ten ticks a second while a page is open. Open it twice: all pages get the same ticks.",
			clock.Handler(), clock.Source,
		},
		{
			"job", "A job with progress",
			"A job that runs on the server, whether or not a page is open. All pages that watch it show the same, also after a reload.",
			job.Handler(ctx), job.Source,
		},
		{
			"crowd", "A crowd",
			"One stream for thousands of clients, and what each of them costs the server. A button adds a thousand.",
			crowd.Handler(ctx), crowd.Source,
		},
		{
			"inside", "What is happening inside",
			"A pipeline of your choice, with each element on its way through it. Backpressure and leftovers are visible.",
			inside.Handler(), inside.Source,
		},
		{
			"upload", "An upload with progress",
			"The server hashes a file as it arrives and does not store it. A second stream reports how much the server has received.",
			upload.Handler(), upload.Source,
		},
		{
			"wschat", "A chat over WebSocket",
			"Messages come and go over one connection. Both chats have the same rooms.",
			wschat.Handler(rooms), wschat.Source,
		},
		{
			"comet/iframe", "The forever iframe",
			"A page with a hidden iframe. The script tags in the iframe call a function of the page.",
			iframe.Handler(), iframe.Source,
		},
		{
			"comet/helper", "The Comet helper",
			"The same three messages, in tags that comet.String writes. See the stream as it arrives, and what the console gets.",
			helper.Handler(), helper.Source,
		},
		{
			"comet/manual", "Script tags by hand",
			"Three script tags, written as text and sent one after the other. See the stream as it arrives, and what the console gets.",
			manual.Handler(), manual.Source,
		},
	}
}

// gallery serves the index, the examples, their source, and the pages of docs. All links are relative, so it
// also works behind a proxy that adds a prefix. The work that examples do apart from requests ends with ctx.
func gallery(ctx context.Context) http.Handler {
	examples := examples(ctx)
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", page("index.html", func() any { return examples }))
	mux.Handle("GET /previews.js", asset(files, "previews.js"))
	mux.Handle("GET /style.css", asset(style.Files, "style.css"))
	mux.Handle("GET /raw.js", asset(style.Files, "raw.js"))
	mux.Handle("GET /icon.svg", asset(style.Files, "icon.svg"))
	mux.Handle("GET /favicon.ico", asset(style.Files, "icon.svg")) // for pages without an icon link
	for _, e := range examples {
		handler := e.Handler
		if m, ok := handler.(*http.ServeMux); ok {
			handler = withNotFound(m)
		}
		mux.Handle("/"+e.Path, handler)
		mux.Handle("/"+e.Path+"/", handler)
		mux.Handle("GET /source/"+e.Path, page("source.html", func() any { return sourceOf(e) }))
	}
	handleDocs(mux, examples)
	return withNotFound(mux)
}
