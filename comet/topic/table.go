package topic

import (
	"context"
	"errors"
	"net/http"
	"unicode/utf8"

	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/enumerator/topics/tables"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/parse"
	"github.com/halley-go/halley/iteratee"
)

// ready is the Event of the message that takes the place of a Bookmark of a table.
const ready = "ready"

// Table returns the http.Handler of the tables of t. GET reads a table, PUT puts a row, and DELETE removes one.
//
// The name of the table is the path value topic, or the query parameter topic. The rules for it are those for the name
// of a topic in [Handler]. Before anything else happens, allow is called with the Access, as in Handler.
//
// # Reading
//
// GET answers as [client.Handler] does, over each of its transports. A client without a cursor gets a reset and all
// rows. Each message without a name is a row, or the removal of one:
//
//	{"key":"a","value":1}
//	{"key":"a","value":0,"deleted":true}
//
// A message with the name ready and the data null says that the client has the state of the table. The changes follow
// it. A client that comes back gets the changes that it has missed, or a reset and all rows if the Store no longer
// knows all of these changes. Then it gets ready. halley.table, a script that [client.Table] serves, keeps the rows.
//
// # Writing
//
// PUT puts a row, whose value is the JSON in the body. DELETE removes a row, if there is one. The key of the row is the
// path value key, or the query parameter key, and has 1 to [topics.MaxName] bytes of UTF-8. The answers are those of a
// POST of Handler. With If-Match: "POSITION", the row is changed only if it is at POSITION, the id of its last message.
// With If-None-Match: *, a row is put only if its key is new. If the condition does not hold, the answer is 412. A
// request without a condition can be repeated.
//
// The options are those of Handler. [Last] has no effect. Table panics if t or allow is nil.
func Table[V any](t *tables.Tables[V], allow func(r *http.Request, a Access) error, opts ...Option) http.Handler {
	h := newTable("Table", t, allow, opts)
	read := client.Handler(h.items, h.stream...)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodGet, http.MethodHead:
			read.ServeHTTP(w, r)
		case http.MethodPut, http.MethodDelete:
			position, err := h.change(w, r)
			answer(w, r, position, err)
		default:
			w.Header().Set("Allow", "GET, HEAD, PUT, DELETE")
			http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
		}
	})
}

// TableSource returns the function with which [Table] reads tables, for [client.Handler] and wsclient.Handler.
// TableSource panics if t or allow is nil.
func TableSource[V any](t *tables.Tables[V], allow func(r *http.Request, a Access) error) func(*http.Request, enumerator.Position) (enumerator.Enumerator[enumerator.Item[*tables.Change[V]]], error) {
	return newTable("TableSource", t, allow, nil).items
}

type table[V any] struct {
	tables *tables.Tables[V]
	access
}

func newTable[V any](function string, t *tables.Tables[V], allow func(*http.Request, Access) error, opts []Option) table[V] {
	if t == nil {
		panic("comet/topic: " + function + ": t must not be nil")
	}
	if allow == nil {
		panic("comet/topic: " + function + ": allow must not be nil")
	}
	return table[V]{t, access{allow, newConfig(opts)}}
}

func (h table[V]) items(r *http.Request, after enumerator.Position) (none enumerator.Enumerator[enumerator.Item[*tables.Change[V]]], err error) {
	name, err := nameOf(r)
	if err != nil {
		return none, err
	}
	if err := h.permit(r, Access{Topic: name}); err != nil {
		return none, err
	}
	source := h.tables.Table(name).From(after)
	if r.URL.Query().Get("transport") == "poll" {
		source = enumerator.TakeUntil(poll(source), enumerator.Interval(wait))
	}
	return Changes(source), nil
}

// Changes returns the Items of source as [Table] sends them: a message named ready takes the place of each Bookmark. The
// Value of this message is nil, like that of each Gap and Reset. A program can use Changes to serve other changes to
// halley.table, such as the members of a presence.
func Changes[V any](source enumerator.Enumerator[enumerator.Item[tables.Change[V]]]) enumerator.Enumerator[enumerator.Item[*tables.Change[V]]] {
	return enumerator.Map(source, messageOf[V])
}

func messageOf[V any](item enumerator.Item[tables.Change[V]]) enumerator.Item[*tables.Change[V]] {
	message := enumerator.Item[*tables.Change[V]]{Position: item.Position, Gap: item.Gap, Reset: item.Reset}
	switch {
	case item.Bookmark:
		message.Event = ready
	case item.IsMessage():
		message.Value = &item.Value
	}
	return message
}

// poll returns the Enumerator of the answer to a client that polls: the changes up to the Bookmark, or the next change after
// it if there are none.
func poll[V any](source enumerator.Enumerator[enumerator.Item[V]]) enumerator.Enumerator[enumerator.Item[V]] {
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[enumerator.Item[V]]) iteratee.Step {
		p := &polling[V]{Sink: sink}
		if step := source.Into(ctx, p); step != p.stop.Step() {
			return step
		}
		return iteratee.StepCont
	})
}

type polling[V any] struct {
	iteratee.Sink[enumerator.Item[V]]
	changed bool // a change was handed on
	ready   bool // the Bookmark was handed on
	stop    iteratee.Stop
}

func (p *polling[V]) Next(item enumerator.Item[V]) iteratee.Step {
	if step := p.Sink.Next(item); !step.IsCont() {
		return step
	}
	p.ready = p.ready || item.Bookmark
	p.changed = p.changed || !item.Bookmark
	if p.ready && p.changed {
		return p.stop.Step()
	}
	return iteratee.StepCont
}

// change answers a PUT or DELETE.
func (h table[V]) change(w http.ResponseWriter, r *http.Request) (none enumerator.Position, err error) {
	name, err := h.writable(r)
	if err != nil {
		return none, err
	}
	key := r.PathValue("key")
	if key == "" {
		key = r.URL.Query().Get("key")
	}
	if key == "" || len(key) > topics.MaxName || !utf8.ValidString(key) {
		return none, malformed("the key of a row must have 1 to %d bytes of UTF-8", topics.MaxName)
	}
	last, isConditional, err := conditionOf(r.Header)
	if err != nil {
		return none, err
	}
	row := h.tables.Table(name)
	f := func(ctx context.Context) (enumerator.Position, error) {
		if isConditional {
			return row.RemoveAfter(ctx, key, last)
		}
		return row.Remove(ctx, key)
	}
	if r.Method == http.MethodPut {
		v, err := parse.Body(r, parse.JSON[V](h.maxBytes), httpadapter.Writer(w), httpadapter.BodyTimeout(patience))
		if err != nil {
			return none, explained(err)
		}
		f = func(ctx context.Context) (enumerator.Position, error) {
			if isConditional {
				return row.PutAfter(ctx, key, last, v)
			}
			return row.Put(ctx, key, v)
		}
	}
	ctx, cancel := context.WithTimeoutCause(r.Context(), patience, errSlow)
	defer cancel()
	position, err := f(ctx)
	if err != nil && r.Context().Err() == nil {
		err = answerToChange(err, isConditional)
	}
	return position, err
}

// answerToChange returns the answer to a change of a row that has failed with err.
func answerToChange(err error, isConditional bool) error {
	status, _ := errors.AsType[*httpadapter.StatusError](answerTo(err, ""))
	switch {
	case errors.Is(err, topics.ErrUnknown) && isConditional:
		status.Text = "it is not known whether the row was changed; read it before you repeat the request"
	case errors.Is(err, topics.ErrUnknown):
		status.Text = "it is not known whether the row was changed; repeat the request"
	case errors.Is(err, topics.ErrConflict):
		status.Text = "the row has another position"
	}
	return status
}
