// Package chart draws the load of the server as it changes, in every page that is open.
//
// The load is measured once for all: enumerator.Share runs one source for any number of
// visitors, and stops it when the last has left. client.Handler sends the points over the
// technique that the script of package client asks for: script tags in an iframe,
// server-sent events, or lines of JSON.
package chart

import (
	"embed"
	"net/http"
	"os"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"

	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/examples/visitor"
	"github.com/halley-go/halley/httpadapter"
)

// Source is this file and the page.
//
//go:embed chart.go chart.html
var Source embed.FS

// snippet: stream

// A point of the chart.
type point struct {
	At   int64   `json:"at"`   // in ms since 1970
	Load float64 `json:"load"` // the share of its time for which the processor was busy

	busy, total float64 // what was counted up to then
}

var points = enumerator.Share(
	enumerator.Through(
		enumerator.Interval(250*time.Millisecond),
		enumeratee.ScanLeft(point{}, next),
	),
	enumerator.WhenFull(enumerator.DropOldest), // or one slow visitor would hold up all others
)

// next is the point at now, after last.
func next(last point, now time.Time) point {
	busy, total := processor()
	p := point{At: now.UnixMilli(), busy: busy, total: total, Load: last.Load}
	if total > last.total {
		p.Load = min(max((busy-last.busy)/(total-last.total), 0), 1)
	}
	return p
}

// stream is for one visitor: the last minute at first, and what has been missed later on.
func stream(_ *http.Request, after enumerator.Position) (enumerator.Enumerator[enumerator.Item[point]], error) {
	if after == (enumerator.Position{}) {
		return points.Last(240), nil
	}
	return points.From(after), nil
}

// Handler serves the page, the script of package client, and the stream.
func Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /chart", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, Source, "chart.html")
	})
	mux.Handle("GET /chart/halley.js", client.Script())
	mux.Handle("GET /chart/stream", client.Handler(stream,
		httpadapter.Limit(1000), httpadapter.LimitPerKey(50, visitor.Address),
		httpadapter.MaxDuration(time.Hour), // the script comes back, and goes on where it was
	))
	return mux
}

// end snippet

// processor returns for how long the processors were busy, and how long in all: those of
// the machine on Linux, and elsewhere what this program has had of them.
func processor() (busy, total float64) {
	stat, err := os.ReadFile("/proc/stat")
	first, _, _ := strings.Cut(string(stat), "\n")
	fields := strings.Fields(first)
	if err != nil || len(fields) < 9 {
		return ofProgram()
	}
	const idle, ioWait, steal = 4, 5, 8 // what follows those is a part of user and nice
	for i, field := range fields[1 : steal+1] {
		ticks, _ := strconv.ParseFloat(field, 64)
		total += ticks
		if i+1 != idle && i+1 != ioWait {
			busy += ticks
		}
	}
	return busy, total
}

func ofProgram() (busy, total float64) {
	samples := []metrics.Sample{{Name: "/cpu/classes/idle:cpu-seconds"}, {Name: "/cpu/classes/total:cpu-seconds"}}
	metrics.Read(samples)
	total = samples[1].Value.Float64()
	return total - samples[0].Value.Float64(), total
}
