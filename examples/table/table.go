// Package table is a list that several browsers edit together, and the names of the people who edit it.
//
// The rows are a table over a topic: a page gets all rows and then each change. Each change names the position of the
// row that the page has seen. So it cannot overwrite a change that another page has made at the same time.
package table

import (
	"context"
	"embed"
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/comet/topic"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/enumerator/topics/presence"
	"github.com/halley-go/halley/enumerator/topics/tables"
	"github.com/halley-go/halley/examples/visitor"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/iteratee"
)

// Source is this file and the page.
//
//go:embed table.go table.html
var Source embed.FS

// snippet: handler

// A Row is a line of the list.
type Row struct {
	Item   string  `json:"item"`
	Amount float64 `json:"amount"`
	At     int64   `json:"at"` // when it was added, for the order
}

// Handler serves the page, the scripts, the list and its visitors, which are kept in store.
func Handler(store topics.Store) http.Handler {
	rows, here := tables.New[Row](store), presence.New[string](store)
	allow := func(_ *http.Request, a topic.Access) error {
		if a.Topic != "list" {
			return errors.New("there is no such list")
		}
		return nil
	}
	streams := []httpadapter.Option{
		httpadapter.Limit(1000), httpadapter.LimitPerKey(50, visitor.Address),
		httpadapter.MaxDuration(time.Hour), // then the script reconnects and resumes
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /table", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, Source, "table.html")
	})
	mux.Handle("GET /table/halley.js", client.Script())
	mux.Handle("GET /table/table.js", client.Table())
	// Pages of other sites cannot change rows.
	mux.Handle("/table/rows", http.NewCrossOriginProtection().Handler(topic.Table(rows, allow,
		topic.MaxBytes(1<<10), topic.Rate(20, time.Second/4, visitor.Address), topic.Stream(streams...),
	)))
	mux.Handle("GET /table/here", client.Handler(visitors(here), streams...))
	return mux
}

// visitors returns a function that returns the visitors. The client is one of them while it reads.
func visitors(here *presence.Presence[string]) func(*http.Request, enumerator.Position) (enumerator.Enumerator[enumerator.Item[*tables.Change[string]]], error) {
	return func(r *http.Request, _ enumerator.Position) (e enumerator.Enumerator[enumerator.Item[*tables.Change[string]]], err error) {
		query := r.URL.Query()
		id, name := query.Get("id"), strings.TrimSpace(query.Get("name"))
		if !fits(id, 40) || !fits(name, 30) || query.Get("transport") == "poll" {
			return e, &httpadapter.StatusError{Status: http.StatusBadRequest, Text: "a visitor has an id and a name, and a stream that stays open"}
		}
		return enumerator.New(func(ctx context.Context, sink iteratee.Sink[enumerator.Item[*tables.Change[string]]]) iteratee.Step {
			ctx, leave := context.WithCancel(ctx)
			defer leave()
			if err := here.Join(ctx, "visitors", id, name); err != nil {
				return iteratee.StepError(err)
			}
			return topic.Changes(here.Members("visitors")).Into(ctx, sink)
		}), nil
	}
}

// end snippet

// fits reports whether text has 1 to most characters.
func fits(text string, most int) bool {
	return text != "" && utf8.ValidString(text) && utf8.RuneCountInString(text) <= most
}
