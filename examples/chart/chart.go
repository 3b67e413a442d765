// Package chart draws the load of the server, live, in every open page.
//
// The load is measured once for all pages: enumerator.Share runs one source for any number of visitors. Handler is a
// visitor too. So the source runs before a page is opened, and a page can show the last minute at once. client.Fanout
// sends the points over the transport that the script of package client asks for: script tags in an iframe, server-sent
// events, or lines of JSON. It encodes the events and the lines once for all visitors.
package chart

import (
	"context"
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
	"github.com/halley-go/halley/iteratee"
)

// Source is this file and the page.
//
//go:embed chart.go chart.html
var Source embed.FS

// snippet: stream

// A point is a point of the chart.
type point struct {
	At   int64   `json:"at"`   // in ms since 1970
	Load float64 `json:"load"` // the fraction of time for which the processors were busy

	busy, total float64 // the processor times up to At
}

var points = enumerator.Share(
	enumerator.Through(
		enumerator.Interval(250*time.Millisecond),
		enumeratee.ScanLeft(point{}, next),
	),
	enumerator.WhenFull(enumerator.DropOldest), // otherwise a slow visitor would hold up all others
)

// next returns the point at time now. The point before it is last.
func next(last point, now time.Time) point {
	busy, total := processorTime()
	p := point{At: now.UnixMilli(), busy: busy, total: total, Load: last.Load}
	if total > last.total {
		p.Load = min(max((busy-last.busy)/(total-last.total), 0), 1)
	}
	return p
}

// stream returns the points for all visitors. A new visitor gets the last minute first. A visitor that reconnects gets
// the points that it missed.
func stream(*http.Request) (source enumerator.Source[point], last int, err error) {
	return points, 240, nil
}

// Handler serves the page, the script of package client, and the stream. The load is measured until ctx ends.
func Handler(ctx context.Context) http.Handler {
	go func() { _, _ = enumerator.Run(ctx, points.Live(), iteratee.Ignore[enumerator.Item[point]]()) }()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /chart", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, Source, "chart.html")
	})
	mux.Handle("GET /chart/halley.js", client.Script())
	mux.Handle("GET /chart/stream", client.Fanout(stream,
		httpadapter.Limit(1000), httpadapter.LimitPerKey(50, visitor.Address),
		httpadapter.MaxDuration(time.Hour), // then the script reconnects and resumes
	))
	return mux
}

// end snippet

// processorTime returns the busy time and the total time of the processors. These are times
// of the machine on Linux, and of this program elsewhere.
func processorTime() (busy, total float64) {
	stat, err := os.ReadFile("/proc/stat")
	first, _, _ := strings.Cut(string(stat), "\n")
	fields := strings.Fields(first)
	if err != nil || len(fields) < 9 {
		return programTime()
	}
	const idle, ioWait, steal = 4, 5, 8 // the fields after steal are part of user and nice
	for i, field := range fields[1 : steal+1] {
		ticks, _ := strconv.ParseFloat(field, 64)
		total += ticks
		if i+1 != idle && i+1 != ioWait {
			busy += ticks
		}
	}
	return busy, total
}

func programTime() (busy, total float64) {
	samples := []metrics.Sample{{Name: "/cpu/classes/idle:cpu-seconds"}, {Name: "/cpu/classes/total:cpu-seconds"}}
	metrics.Read(samples)
	total = samples[1].Value.Float64()
	return total - samples[0].Value.Float64(), total
}
