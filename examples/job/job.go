// Package job shows the progress of a job in every page that watches it.
//
// The job runs on the server, apart from the request that started it. Each message has the whole state of the job, so a
// hub that holds one message is enough: a page that comes late, or that is reloaded, gets the last state first. After the
// last state the hub ends, and the pages do not connect again.
package job

import (
	"context"
	"embed"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/examples/background"
	"github.com/halley-go/halley/examples/visitor"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/parse"
	"github.com/halley-go/halley/iteratee"
)

// Source is this file and the page.
//
//go:embed job.go job.html
var Source embed.FS

const (
	maxPictures = 500
	perPicture  = 100 * time.Millisecond
)

// A state is the state of a job.
type state struct {
	Done      int  `json:"done"` // pictures
	Total     int  `json:"total"`
	Cancelled bool `json:"cancelled"`
}

// develop pretends to develop pictures, and pushes each new state into hub. It stops when ctx ends.
func develop(ctx context.Context, hub *enumerator.Hub[state], pictures int) {
	now := state{Total: pictures}
	_ = hub.Push(ctx, now)
	developed := enumerator.Through(enumerator.Interval(perPicture), enumeratee.Take[time.Time](pictures))
	_, err := enumerator.Run(ctx, developed, iteratee.ForEach(func(ctx context.Context, _ time.Time) error {
		now.Done++
		return hub.Push(ctx, now)
	}))
	if err != nil {
		now.Cancelled = true
		_ = hub.Push(context.WithoutCancel(ctx), now)
	}
}

// Handler serves the page, the script of package client, and jobs. The jobs that run end with ctx.
func Handler(ctx context.Context) http.Handler {
	jobs := background.New[state](ctx, enumerator.Capacity(1))
	stream := func(r *http.Request, after enumerator.Position) (none enumerator.Enumerator[enumerator.Item[state]], err error) {
		hub, err := jobs.Hub(r.URL.Query().Get("id"))
		if err != nil {
			return none, err
		}
		return hub.FromOrLast(after, 1), nil
	}
	start := func(w http.ResponseWriter, r *http.Request, form url.Values) error {
		pictures, err := strconv.Atoi(form.Get("pictures"))
		if err != nil || pictures < 1 || pictures > maxPictures {
			return &httpadapter.StatusError{Status: http.StatusBadRequest, Text: "a job has 1 to 500 pictures"}
		}
		id, err := jobs.Start(visitor.Address(r), func(ctx context.Context, hub *enumerator.Hub[state]) { develop(ctx, hub, pictures) })
		if err != nil {
			return err
		}
		w.WriteHeader(http.StatusCreated)
		_, err = io.WriteString(w, id)
		return err
	}
	cancel := func(w http.ResponseWriter, r *http.Request, form url.Values) error {
		if err := jobs.Cancel(form.Get("id")); err != nil {
			return err
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /job", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, Source, "job.html")
	})
	mux.Handle("GET /job/halley.js", client.Script())
	mux.Handle("GET /job/stream", client.Handler(stream,
		httpadapter.Limit(1000), httpadapter.LimitPerKey(50, visitor.Address)))
	mux.Handle("POST /job/start", action(start))
	mux.Handle("POST /job/cancel", action(cancel))
	return mux
}

// action returns the handler of a form. Forms of other sites cannot post to it.
func action(f func(http.ResponseWriter, *http.Request, url.Values) error) http.Handler {
	return http.NewCrossOriginProtection().Handler(parse.Action(parse.Form(1<<10), f, httpadapter.BodyTimeout(10*time.Second)))
}
