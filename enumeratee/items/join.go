package items

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"sync"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/check"
	"github.com/halley-go/halley/iteratee"
)

// Join returns an Enumerator of the Items of all sources, as they come. The keys of sources are their names.
// The Event of a message, a gap or a reset is the name of its source. The Cursor of each Item has the places
// of all sources after the Item, so a client that comes back with it resumes each source.
//
// cursor is the Cursor of the last Item that the client has got, or empty for a new client. A source that has no
// part in cursor is new to the client. It begins without a Reset, with its last n elements or, if it has fewer, with
// all that it still has. If n is 0, it begins with the elements that come after the run has begun. If a source has a
// filter, the filter can drop some of the last n elements. If cursor is malformed, each source begins with a Reset.
// The parts of other names are ignored.
//
// The run begins with one Bookmark, whose Cursor has the places where the sources begin. If a source cannot
// continue there, its Reset follows. If n is positive, this Cursor has no parts for sources that are new to the
// client. The first Item of such a source adds its part, so a client that is cut before that Item gets the last n
// elements when it comes back. Later Bookmarks of the sources are handed on. An Item without a Position does not
// change the place of its source. A Cursor has at most the length of the names, escaped as in URLs, and 30 bytes
// for each source.
//
// Join runs out when all sources have run out. It sends EOF if all of them have sent EOF. If a source fails, the run
// fails. An End of one source is not handed on. Each source runs in a goroutine of its own, as in
// [enumerator.Interleave]. Nothing is left over. Join panics if n is negative, or if [CheckName] refuses the name of a
// source.
//
// ReactiveX calls it merge.
func Join[E any](cursor string, sources map[string]enumerator.Source[E], n int) enumerator.Enumerator[enumerator.Item[E]] {
	check.NotNegative("enumeratee/items: Join: n", n)
	for name := range sources {
		if slices.Contains(reserved, name) {
			panic(fmt.Sprintf("enumeratee/items: Join: "+isReserved, name))
		}
	}
	sources = maps.Clone(sources)
	names := slices.Sorted(maps.Keys(sources))
	given, err := ParseCursor(cursor)
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[enumerator.Item[E]]) iteratee.Step {
		j := &joining[E]{Sink: sink}
		var runs []enumerator.Enumerator[joined[E]]
		ends := make([]enumerator.Position, len(names)) // of sources that begin there
		var asking sync.WaitGroup                       // a source may have to ask a server
		for number, name := range names {
			if _, back := given[name]; !back && n == 0 && err == nil {
				asking.Go(func() { ends[number] = sources[name].Position() })
			}
		}
		asking.Wait()
		for number, name := range names {
			p, back := given[name]
			if err != nil {
				p, back = enumerator.Position{Seq: 1}, true // no hub has the epoch 0
			}
			var run enumerator.Enumerator[enumerator.Item[E]]
			if !back && n > 0 {
				run = sources[name].Last(n)
			} else {
				if !back {
					p = ends[number]
				}
				run = sources[name].From(p)
			}
			j.parts = append(j.parts, part{name, url.QueryEscape(name), p, !back})
			runs = append(runs, enumerator.Map(run, func(item enumerator.Item[E]) joined[E] { return joined[E]{number, item} }))
		}
		if step := sink.Next(enumerator.Item[E]{Cursor: j.cursor(), Bookmark: true}); !step.IsCont() {
			return step
		}
		return enumerator.Interleave(runs...).Into(ctx, j)
	})
}

// CheckName returns an error if name is reserved. A source of [Join] must not have a reserved name, because the name
// has another meaning for clients. The reserved names are gap, reset, bookmark, heartbeat, end, message, open, error
// and state.
func CheckName(name string) error {
	if slices.Contains(reserved, name) {
		return fmt.Errorf("enumeratee/items: "+isReserved, name)
	}
	return nil
}

var reserved = []string{"gap", "reset", "bookmark", "heartbeat", "end", "message", "open", "error", "state"}

const isReserved = "a source must not have the name %q, which has a meaning of its own"

// joined is an Item of the source with this number.
type joined[E any] struct {
	number int
	item   enumerator.Item[E]
}

// part is the place of one source.
type part struct {
	name, escaped string
	at            enumerator.Position // zero before the first Item, if the run begins with the last n elements
	isNew         bool                // the client knows no place of the source, and there was no Item yet
}

// joining is the Sink of all sources.
type joining[E any] struct {
	iteratee.Sink[enumerator.Item[E]]
	parts []part
}

func (j *joining[E]) Next(next joined[E]) iteratee.Step {
	item, from := next.item, &j.parts[next.number]
	if from.isNew && item.Reset { // the source does not have the last n any longer
		item.Reset, item.Bookmark = false, true
	}
	from.isNew = false
	if item.End || item.Bookmark && item.Position == from.at {
		return iteratee.StepCont
	}
	if item.Position != (enumerator.Position{}) {
		from.at = item.Position
	}
	item.Cursor = j.cursor()
	if !item.Bookmark {
		item.Event = from.name
	}
	return j.Sink.Next(item)
}

func (j *joining[E]) Rest() iteratee.Input[joined[E]] { return iteratee.Empty[joined[E]]() }

func (j *joining[E]) cursor() string {
	var text cursor
	for _, p := range j.parts {
		text.add(p.escaped, p.at)
	}
	return string(text.text)
}
