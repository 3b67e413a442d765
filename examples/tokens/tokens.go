// Package tokens passes the tokens of a language model on to pages.
//
// An answer is read from the model apart from the request that asked for it, and kept in a hub until some time after its
// end. So it survives that a page is reloaded, that a page loses its connection, and that the model cuts its own.
// Package follow reads the model: it resumes after the last token that has arrived.
package tokens

import (
	"context"
	"embed"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/comet/eventsource"
	"github.com/halley-go/halley/comet/follow"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/examples/background"
	"github.com/halley-go/halley/examples/tokens/model"
	"github.com/halley-go/halley/examples/visitor"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/parse"
	"github.com/halley-go/halley/iteratee"
)

// Source is this file and the page.
//
//go:embed tokens.go tokens.html
var Source embed.FS

const (
	maxQuestion = 500     // characters
	maxTokens   = 500     // of an answer
	maxAnswer   = 8 << 10 // bytes
)

// snippet: answer

// A message is a token, or tells why there are no more tokens.
type message struct {
	Token   string `json:"token"`
	Problem string `json:"problem,omitempty"`
}

// answer reads the answer of the model to question, and pushes it into hub. However often the model cuts the
// connection, no token is lost or repeated.
func answer(ctx context.Context, hub *enumerator.Hub[message], question string) {
	request := func(ctx context.Context) (*http.Request, error) {
		return http.NewRequestWithContext(ctx, http.MethodPost, model.URL, strings.NewReader(question))
	}
	size := 0
	fits := func(e eventsource.Event) bool {
		size += len(e.Data)
		return size <= maxAnswer && e.Data != model.Done
	}
	_, err := enumerator.Run(ctx,
		enumerator.Through(
			follow.Events(request, follow.HTTPClient(model.Client)),
			enumeratee.Compose(enumeratee.TakeWhile(fits), enumeratee.Take[eventsource.Event](maxTokens)),
		),
		iteratee.ForEach(func(ctx context.Context, e eventsource.Event) error {
			return hub.Push(ctx, message{Token: e.Data})
		}),
	)
	if err != nil {
		_ = hub.Push(context.WithoutCancel(ctx), message{Problem: "The model did not finish its answer."})
	}
}

// end snippet

// Handler serves the page, the script of package client, and answers. Answers that are not complete end with ctx.
func Handler(ctx context.Context) http.Handler {
	answers := background.New[message](ctx, enumerator.Capacity(maxTokens+1)) // all of an answer
	stream := func(r *http.Request, after enumerator.Position) (none enumerator.Enumerator[enumerator.Item[message]], err error) {
		hub, err := answers.Hub(r.URL.Query().Get("id"))
		if err != nil {
			return none, err
		}
		return hub.FromOrLast(after, maxTokens+1), nil
	}
	ask := func(w http.ResponseWriter, r *http.Request, form url.Values) error {
		question := strings.TrimSpace(form.Get("question"))
		if question == "" || utf8.RuneCountInString(question) > maxQuestion {
			return &httpadapter.StatusError{Status: http.StatusBadRequest, Text: "a question has 1 to 500 characters"}
		}
		id, err := answers.Start(visitor.Address(r), func(ctx context.Context, hub *enumerator.Hub[message]) {
			answer(ctx, hub, question)
		})
		if err != nil {
			return err
		}
		w.WriteHeader(http.StatusCreated)
		_, err = io.WriteString(w, id)
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /tokens", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, Source, "tokens.html")
	})
	mux.Handle("GET /tokens/halley.js", client.Script())
	mux.Handle("GET /tokens/stream", client.Handler(stream,
		httpadapter.Limit(1000), httpadapter.LimitPerKey(50, visitor.Address)))
	// Forms of other sites cannot post here.
	mux.Handle("POST /tokens/answers", http.NewCrossOriginProtection().Handler(
		parse.Action(parse.Form(16<<10), ask, httpadapter.BodyTimeout(10*time.Second))))
	return mux
}
