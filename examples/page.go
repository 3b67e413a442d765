package main

import (
	"bytes"
	"embed"
	"html/template"
	"io/fs"
	"net/http"
	"strings"
	"sync"
	"time"
)

//go:embed *.html previews.js
var files embed.FS

var pages = template.Must(template.ParseFS(files, "*.html"))

// page returns a handler that serves a template with data. It makes the page when the first request comes.
func page(name string, data func() any) http.Handler {
	html := sync.OnceValue(func() []byte { return execute(name, data()) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(html()))
	})
}

func execute(name string, data any) []byte {
	var html bytes.Buffer
	if err := pages.ExecuteTemplate(&html, name, data); err != nil {
		panic(err) // the templates and their data are part of the program
	}
	return html.Bytes()
}

// withNotFound returns mux with a page for the paths that it does not serve.
func withNotFound(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h, pattern := mux.Handler(r); pattern == "" { // a 404 or a 405
			h.ServeHTTP(&notFound{ResponseWriter: w, path: r.URL.Path}, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// notFound writes a page instead of a response with status 404.
type notFound struct {
	http.ResponseWriter
	path    string
	written bool
}

func (n *notFound) WriteHeader(status int) {
	if n.written = status == http.StatusNotFound; n.written {
		n.Header().Set("Content-Type", "text/html; charset=utf-8")
	}
	n.ResponseWriter.WriteHeader(status)
	if n.written {
		n.ResponseWriter.Write(execute("missing.html", struct{ Root, Path string }{rootOf(n.path), n.path}))
	}
}

func (n *notFound) Write(b []byte) (int, error) {
	if n.written {
		return len(b), nil
	}
	return n.ResponseWriter.Write(b)
}

// rootOf returns the relative address of the index on the page at path.
func rootOf(path string) string {
	if depth := strings.Count(path, "/") - 1; depth > 0 {
		return strings.Repeat("../", depth)
	}
	return "./"
}

func asset(files fs.FS, name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, files, name)
	})
}
