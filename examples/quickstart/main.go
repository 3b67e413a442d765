// The program quickstart serves a drawing board that all browsers share. The README shows it.
//
// snippet: program
package main

import (
	"io"
	"log"
	"net/http"

	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter/parse"
)

const page = `<!DOCTYPE html>
<canvas width="600" height="400" style="border: solid; touch-action: none"></canvas>
<script src="/halley.js"></script>
<script>
  const canvas = document.querySelector("canvas"), pen = canvas.getContext("2d")
  canvas.onpointermove = e => e.buttons && fetch("/dots", {method: "POST",
    headers: {"Content-Type": "application/json"}, body: JSON.stringify([e.offsetX, e.offsetY])})
  halley.connect("/dots", ([x, y]) => pen.fillRect(x, y, 5, 5))
</script>`

type dot = [2]float64
type dots = enumerator.Enumerator[enumerator.Item[dot]]

func board() http.Handler {
	hub := enumerator.Broadcast[dot](enumerator.Capacity(1000))
	// read returns the last dots for a new page, and the missed ones for a page that comes back.
	read := func(_ *http.Request, after enumerator.Position) (dots, error) {
		return hub.FromOrLast(after, 1000), nil
	}
	add := func(_ http.ResponseWriter, r *http.Request, d dot) error { return hub.Push(r.Context(), d) }
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, page) })
	mux.Handle("GET /halley.js", client.Script())
	mux.Handle("GET /dots", client.Handler(read))
	mux.Handle("POST /dots", parse.Action(parse.JSON[dot](100), add)) // at most 100 bytes
	return mux
}

func main() {
	log.Print("Open http://127.0.0.1:8080/")
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", board()))
}

// end snippet
