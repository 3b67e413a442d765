// Package inside shows what happens inside a pipeline. The reader of the page chooses the source, three adapters and the
// consumer. The server runs them, and reports each element and each answer between them.
package inside

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/halley-go/halley/comet/eventsource"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/examples/visitor"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/iteratee"
)

// Source is this file, the parts to choose from, and the page.
//
//go:embed inside.go parts.go inside.html
var Source embed.FS

// A happening is an event of a run.
type happening struct {
	At    int64  `json:"at"`   // in ms since the start of the run
	Lane  int    `json:"lane"` // the place in the pipeline: 0 is behind the source
	Kind  string `json:"kind"` // next, answer, stop, end, rest, failure or over
	Label string `json:"label,omitempty"`
}

// snippet: watch

// A report takes what happens in a run.
type report struct {
	start   time.Time
	channel enumerator.Channel[happening]
}

func (r report) say(lane int, kind, label string) {
	// The page may have left. Then the context of the run ends.
	_ = r.channel.Push(r.channel.Context(), happening{time.Since(r.start).Milliseconds(), lane, kind, label})
}

// watch returns the adapter that changes nothing, and reports each element and the answer to it.
func (r report) watch(lane int) adapter {
	return enumeratee.New(func(stage enumeratee.Stage, out iteratee.Outlet[string]) (iteratee.Sink[string], iteratee.Step) {
		return &watched{Stage: stage, Outlet: out, report: r, lane: lane}, iteratee.StepCont
	})
}

type watched struct {
	enumeratee.Stage
	iteratee.Outlet[string] // its Rest is right
	report                  report
	lane                    int
	ended                   bool
}

func (w *watched) Next(e string) iteratee.Step {
	if w.ended {
		return w.Outlet.Next(e) // the same answer again
	}
	w.report.say(w.lane, "next", e)
	step := w.Outlet.Next(e)
	w.report.say(w.lane, "answer", "")
	if w.ended = !step.IsCont(); w.ended {
		w.report.say(w.lane, "stop", "")
	}
	return step
}

func (w *watched) EOF() iteratee.Step {
	if !w.ended {
		w.ended = true
		w.report.say(w.lane, "end", "")
	}
	return w.Stage.EOF()
}

// end snippet

// A pipeline is what the reader has chosen.
type pipeline struct {
	source   part[enumerator.Enumerator[string]]
	adapters []part[adapter]
	consumer part[consumer]
}

// choose reads a pipeline from a query.
func choose(query url.Values) (p pipeline, err error) {
	var ok [3]bool
	p.source, ok[0] = find(sources, query.Get("source"))
	p.consumer, ok[1] = find(consumers, query.Get("consumer"))
	ok[2] = len(query["adapter"]) <= 3
	for _, name := range query["adapter"] {
		a, found := find(adapters, name)
		ok[2] = ok[2] && (found || name == "")
		if found {
			p.adapters = append(p.adapters, a)
		}
	}
	if ok != [3]bool{true, true, true} {
		return p, &httpadapter.StatusError{Status: http.StatusBadRequest, Err: errors.New("there is no such pipeline")}
	}
	return p, nil
}

// run runs the pipeline, and gives what happens in it.
func (p pipeline) run() enumerator.Enumerator[happening] {
	return enumerator.Unicast(func(channel enumerator.Channel[happening]) {
		r := report{time.Now(), channel}
		whole := r.watch(0)
		for i, a := range p.adapters {
			whole = enumeratee.Compose3(whole, a.value, r.watch(i+1))
		}
		next := len(p.adapters) + 1
		rest := iteratee.ForEach(func(_ context.Context, e string) error {
			r.say(next, "rest", e)
			return nil
		})
		chosen := enumeratee.Transform(whole, p.consumer.value)
		both := iteratee.FlatMap(chosen, func(struct{}) iteratee.Iteratee[string, struct{}] { return rest })
		if _, err := enumerator.Run(channel.Context(), p.source.value, both); err != nil {
			r.say(next-1, "failure", err.Error())
		}
		r.say(0, "over", "")
		channel.End()
	})
}

// code returns the Go code of the pipeline.
func (p pipeline) code() string {
	stream := "source"
	var lines []string
	lines = append(lines, "source := "+p.source.Code)
	switch len(p.adapters) {
	case 0:
	case 1:
		lines = append(lines, "pipeline := "+p.adapters[0].Code)
		stream = "enumerator.Through(source, pipeline)"
	default:
		compose := "enumeratee.Compose("
		if n := len(p.adapters); n > 2 {
			compose = fmt.Sprintf("enumeratee.Compose%d(", n)
		}
		lines = append(lines, "pipeline := "+compose)
		for _, a := range p.adapters {
			lines = append(lines, "\t"+a.Code+",")
		}
		lines = append(lines, ")")
		stream = "enumerator.Through(source, pipeline)"
	}
	lines = append(lines, "consumer := "+p.consumer.Code, "_, err := enumerator.Run(ctx, "+stream+", consumer)")
	return strings.Join(lines, "\n")
}

// Handler serves the page, the code of a pipeline, and its run.
func Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /inside", page(Source, "inside.html"))
	mux.HandleFunc("GET /inside/code", func(w http.ResponseWriter, r *http.Request) {
		p, err := choose(r.URL.Query())
		if err != nil {
			httpadapter.Error(w, r, err)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprint(w, p.code())
	})
	run := func(r *http.Request) (stream enumerator.Enumerator[[]byte], err error) {
		p, err := choose(r.URL.Query())
		if err != nil {
			return stream, err
		}
		return enumerator.Through(p.run(), eventsource.JSON[happening]()), nil
	}
	mux.Handle("GET /inside/run", httpadapter.Handler(run, httpadapter.EventStream(),
		httpadapter.Limit(200), httpadapter.LimitPerKey(10, visitor.Address), httpadapter.MaxDuration(time.Minute),
	))
	return mux
}

// numbered turns the elements of any stream into the numbers from 1 on, and ends with the last one.
func numbered[E any](last int) enumeratee.Enumeratee[E, string] {
	return enumeratee.Compose3(
		enumeratee.Take[E](last),
		enumeratee.ScanLeft(0, func(n int, _ E) int { return n + 1 }),
		enumeratee.Map(strconv.Itoa),
	)
}
