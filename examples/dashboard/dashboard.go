// Package dashboard shows several sources in one page, over one connection for all tabs of the browser.
//
// Each source is a hub. items.Join merges them into one stream with one cursor, so a page that lost its connection
// misses nothing of any source. Log lines that the page does not show are not sent.
package dashboard

import (
	"context"
	"embed"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/enumeratee/items"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/examples/visitor"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/iteratee"
)

// Source is this file and the page.
//
//go:embed dashboard.go dashboard.html
var Source embed.FS

// A point is a measurement of a made-up machine.
type point struct {
	At    int64   `json:"at"` // in ms since 1970
	Value float64 `json:"value"`
}

// A line is a line of the log of the machine.
type line struct {
	At    int64  `json:"at"`
	Level string `json:"level"`
	Text  string `json:"text"`
}

// period is the time between two measurements.
const period = 250 * time.Millisecond

func isProblem(l line) bool { return l.Level != "info" }

// A board is the dashboard of a machine.
type board struct {
	load, temperature *enumerator.Hub[point]
	log               *enumerator.Hub[line]
}

func newBoard() *board {
	return &board{
		load:        enumerator.Broadcast[point](enumerator.Capacity(1000)),
		temperature: enumerator.Broadcast[point](enumerator.Capacity(1000)),
		log:         enumerator.Broadcast[line](enumerator.Capacity(1000)),
	}
}

// snippet: stream

// stream returns all messages after cursor. A new page begins with the last 240 of each source. The event of each
// message is the name of its source.
func (b *board) stream(cursor string) enumerator.Enumerator[enumerator.Item[any]] {
	return items.Join(cursor, map[string]enumerator.Source[any]{
		"load":        items.Any(b.load),
		"temperature": items.Any(b.temperature),
		"log":         items.Any(items.Via(b.log, items.Filter(isProblem))),
	}, 240)
}

// end snippet

// Handler serves the page, the script of package client, and the stream. The machine has worked for a minute when Handler
// returns, and works until ctx ends. So a page has something to show at once.
func Handler(ctx context.Context) http.Handler {
	board := newBoard()
	for now, at := time.Now(), -time.Minute; at < 0; at += period {
		_ = board.work(ctx, now.Add(at))
	}
	go func() { _, _ = enumerator.Run(ctx, enumerator.Interval(period), iteratee.ForEach(board.work)) }()
	stream := func(r *http.Request, _ enumerator.Position) (enumerator.Enumerator[enumerator.Item[any]], error) {
		return board.stream(comet.CursorText(r.Header, r.URL.Query())), nil
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /dashboard", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, Source, "dashboard.html")
	})
	mux.Handle("GET /dashboard/halley.js", client.Script())
	mux.Handle("GET /dashboard/stream", client.Handler(stream,
		httpadapter.Limit(1000), httpadapter.LimitPerKey(50, visitor.Address),
		httpadapter.MaxDuration(time.Hour), // then the script reconnects and resumes
	))
	return mux
}

// work does the work of the machine at the time now.
func (b *board) work(ctx context.Context, now time.Time) error {
	at, phase := now.UnixMilli(), float64(now.UnixMilli())/1000
	load := min(max(0.5+0.3*math.Sin(phase/7)+0.08*rand.NormFloat64(), 0), 1)
	if err := b.load.Push(ctx, point{at, load}); err != nil {
		return err
	}
	if err := b.temperature.Push(ctx, point{at, 48 + 14*math.Sin(phase/7-0.8) + 0.3*rand.NormFloat64()}); err != nil {
		return err
	}
	level, text := "info", fmt.Sprintf("Answered in %d ms.", 1+rand.IntN(20))
	switch rand.IntN(20) {
	case 0:
		level, text = "error", fmt.Sprintf("No answer from disk %d.", 1+rand.IntN(4))
	case 1, 2:
		level, text = "warning", fmt.Sprintf("Answered in %d ms, which is slow.", 300+rand.IntN(700))
	}
	return b.log.Push(ctx, line{at, level, text})
}
