// Package inside shows what happens inside a pipeline. The reader of the page chooses the source, up to three adapters
// and the consumer. The server runs this pipeline and reports each element and each answer between its parts.
package inside

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
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

// Source is this file and the page.
//
//go:embed inside.go inside.html
var Source embed.FS

// A happening is an event of a run.
type happening struct {
	At    int64  `json:"at"`   // in ms since the start of the run
	Lane  int    `json:"lane"` // the place in the pipeline: 0 is after the source
	Kind  string `json:"kind"` // next, answer, stop, end, rest, failure or over
	Label string `json:"label,omitempty"`
}

// snippet: watch

// A report takes the happenings of a run.
type report struct {
	start   time.Time
	channel enumerator.Channel[happening]
}

func (r report) say(lane int, kind, label string) {
	// The page may have left. Then the context of the run ends.
	_ = r.channel.Push(r.channel.Context(), happening{time.Since(r.start).Milliseconds(), lane, kind, label})
}

// watch returns an adapter that changes nothing. It reports each element and the answer to the element.
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

// A pipeline holds the parts that the reader has chosen.
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

// run returns an Enumerator that runs the pipeline and gives its happenings.
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
	mux.Handle("GET /inside/stream", httpadapter.Handler(run, httpadapter.EventStream(),
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

type (
	adapter  = enumeratee.Enumeratee[string, string]
	consumer = iteratee.Iteratee[string, struct{}]
)

// A part is a source, an adapter or a consumer that the reader can choose. A test compares Code with the expression
// after it.
type part[V any] struct {
	Name, Title, Code string
	value             V
}

func find[V any](parts []part[V], name string) (part[V], bool) {
	i := slices.IndexFunc(parts, func(p part[V]) bool { return p.Name == name })
	if i < 0 {
		return part[V]{}, false
	}
	return parts[i], true
}

const second = time.Second

var sources = []part[enumerator.Enumerator[string]]{
	{"eager", "eager: when the consumer asks",
		"enumerator.Through(enumerator.Range(1, 12), enumeratee.MapM(produce))",
		enumerator.Through(enumerator.Range(1, 12), enumeratee.MapM(produce))},
	{"steady", "steady: each 0.4 seconds",
		"enumerator.Through(enumerator.Interval(second*4/10), numbered[time.Time](12))",
		enumerator.Through(enumerator.Interval(second*4/10), numbered[time.Time](12))},
	{"bursts", "bursts: three each 2 seconds",
		"enumerator.Through(enumerator.FlatMap(enumerator.Interval(2*second), three), numbered[int](12))",
		enumerator.Through(enumerator.FlatMap(enumerator.Interval(2*second), three), numbered[int](12))},
}

// produce takes 0.3 seconds for each element.
func produce(ctx context.Context, n int) (string, error) {
	return strconv.Itoa(n), wait(ctx, second*3/10)
}

// three returns a source of three elements, one after the other.
func three(time.Time) enumerator.Enumerator[int] { return enumerator.Range(0, 3) }

var adapters = []part[adapter]{
	{"map", "Map: ten times as much", "enumeratee.Map(tenfold)", enumeratee.Map(tenfold)},
	{"filter", "Filter: the odd ones", "enumeratee.Filter(isOdd)", enumeratee.Filter(isOdd)},
	{"take", "Take: five", "enumeratee.Take[string](5)", enumeratee.Take[string](5)},
	{"drop", "Drop: the first three", "enumeratee.Drop[string](3)", enumeratee.Drop[string](3)},
	{"mapconcat", "MapConcat: each one twice", "enumeratee.MapConcat(twice)", enumeratee.MapConcat(twice)},
	{"grouped", "Grouped: three in one", "enumeratee.Grouped(joined)", enumeratee.Grouped(joined)},
	{"buffer", "Buffer: up to three wait", "enumeratee.Buffer[string](3)", enumeratee.Buffer[string](3)},
	{"bufferorfail", "BufferOrFail: up to three wait", "enumeratee.BufferOrFail[string](3)", enumeratee.BufferOrFail[string](3)},
	{"conflate", "Conflate: the newest waits", "enumeratee.Conflate(newest)", enumeratee.Conflate(newest)},
	{"dropinput", "DropInputIfNotReady", "enumeratee.DropInputIfNotReady[string](0)", enumeratee.DropInputIfNotReady[string](0)},
	{"debounce", "Debounce: a pause of a second", "enumeratee.Debounce[string](second)", enumeratee.Debounce[string](second)},
	{"throttle", "Throttle: one in a second", "enumeratee.Throttle[string](second)", enumeratee.Throttle[string](second)},
	{"sample", "Sample: each second", "enumeratee.Sample[string](second)", enumeratee.Sample[string](second)},
	{"delay", "Delay: a second", "enumeratee.Delay[string](second)", enumeratee.Delay[string](second)},
	{"concurrent", "MapConcurrent: two calls of a second", "enumeratee.MapConcurrent(2, slowly)", enumeratee.MapConcurrent(2, slowly)},
}

func tenfold(e string) string       { return e + "0" }
func isOdd(e string) bool           { return strings.ContainsAny(e[len(e)-1:], "13579") }
func twice(e string) []string       { return []string{e, e} }
func newest(_, newer string) string { return newer }

// joined makes one element of three.
var joined = iteratee.Map(iteratee.TakeUpTo[string](3), func(es []string) string { return strings.Join(es, "+") })

func slowly(ctx context.Context, e string) (string, error) { return e, wait(ctx, second) }

var consumers = []part[consumer]{
	{"fast", "fast", "iteratee.Ignore[string]()", iteratee.Ignore[string]()},
	{"slow", "slow: a second for each", "iteratee.ForEach(busy)", iteratee.ForEach(busy)},
	{"four", "slow, and done after four",
		"enumeratee.Transform(enumeratee.Take[string](4), iteratee.ForEach(busy))",
		enumeratee.Transform(enumeratee.Take[string](4), iteratee.ForEach(busy))},
}

func busy(ctx context.Context, _ string) error { return wait(ctx, second) }

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// page serves a page that names the parts.
func page(files fs.FS, name string) http.Handler {
	var html bytes.Buffer
	err := template.Must(template.ParseFS(files, name)).Execute(&html, map[string]any{
		"Sources": sources, "Adapters": adapters, "Consumers": consumers,
	})
	if err != nil {
		panic(err) // the template and the parts belong to the program
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(html.Bytes()))
	})
}
