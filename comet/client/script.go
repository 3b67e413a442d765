package client

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"net/http"
	"strings"
	"time"
)

//go:generate go tool -modfile=../../internal/tools/go.mod esbuild halley.js --outfile=halley.min.js --minify --target=es2017 --charset=ascii "--banner:js=/* Halley's client: github.com/halley-go/halley, comet/client/halley.js */" --log-level=warning --allow-overwrite
//go:generate go tool -modfile=../../internal/tools/go.mod esbuild table.js --outfile=table.min.js --minify --target=es2017 --charset=ascii "--banner:js=/* Halley's client: github.com/halley-go/halley, comet/client/table.js */" --log-level=warning --allow-overwrite
//go:embed halley.min.js
var script string

//go:embed table.min.js
var tableScript string

// Script returns the handler that serves the script, for a script element of a page or for
// importScripts of a worker. It defines the variable halley. The response has a strong ETag, so
// that a browser can ask each time whether the script has changed.
func Script() http.Handler { return javaScript(script) }

// Module returns the handler that serves the script as a module, for import. It exports the
// function connect and defines no global variable. In all other respects Module behaves like
// [Script].
func Module() http.Handler { return javaScript(script + "export const connect = halley.connect;\n") }

// Table returns the handler that serves the script of tables, for a script element after that of [Script]. It adds the
// function table to the variable halley. This function keeps the rows of a table that topic.Table serves. In all other
// respects Table behaves like Script.
func Table() http.Handler { return javaScript(tableScript) }

// TableModule returns the handler that serves the scripts of [Script] and [Table] as one module. It exports the functions
// connect and table. In all other respects TableModule behaves like [Module].
func TableModule() http.Handler {
	return javaScript(script + tableScript + "export const connect = halley.connect, table = halley.table;\n")
}

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
