package client

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"net/http"
	"strings"
	"time"
)

//go:generate go -C internal/minify run .
//go:embed halley.min.js
var script string

// Script returns the handler that serves the script, for a script element of a page or for
// importScripts of a worker. It defines the variable halley. The response has a strong ETag, so
// that a browser can ask each time whether the script has changed.
func Script() http.Handler { return javaScript(script) }

// Module returns the handler that serves the script as a module, for import. It exports the
// function connect and defines no global variable. In all other respects Module behaves like
// [Script].
func Module() http.Handler { return javaScript(script + "export const connect = halley.connect;\n") }

func javaScript(text string) http.Handler {
	sum := sha256.Sum256([]byte(text))
	etag := `"` + base64.RawURLEncoding.EncodeToString(sum[:]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "public, no-cache")
		w.Header().Set("ETag", etag)
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(text))
	})
}
