package inside

import (
	"bytes"
	"context"
	"html/template"
	"io/fs"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

type (
	adapter  = enumeratee.Enumeratee[string, string]
	consumer = iteratee.Iteratee[string, struct{}]
)

// A part is one that the reader can choose. A test compares Code with the expression behind it.
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
