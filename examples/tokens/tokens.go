// Package tokens passes the tokens of a language model on to pages.
//
// An answer does not depend on the request that asked for it, and is kept for some time after its end. So it survives
// the reload of a page, the loss of its connection, and a cut of the connection to the model. Package follow reads the
// model: it resumes after the last token that has arrived.
package tokens

import (
	"context"
	"embed"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/halley-go/halley/comet/answers"
	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/comet/eventsource"
	"github.com/halley-go/halley/comet/follow"
	"github.com/halley-go/halley/comet/topic"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/examples/tokens/model"
	"github.com/halley-go/halley/examples/visitor"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/parse"
)

// Source is this file and the page.
//
//go:embed tokens.go tokens.html
var Source embed.FS

const (
	maxQuestion = 500 // characters
	maxTokens   = 500 // of an answer
)

// snippet: answer

// A message is a token, or the reason why no more tokens come.
type message struct {
	Token   string `json:"token"`
	Problem string `json:"problem,omitempty"`
}

// answer is the answer of the model to question. No token is lost or repeated, however often the model cuts the
// connection.
func answer(question string) enumerator.Enumerator[message] {
	request := func(ctx context.Context) (*http.Request, error) {
		return http.NewRequestWithContext(ctx, http.MethodPost, model.URL, strings.NewReader(question))
	}
	isToken := func(e eventsource.Event) bool { return e.Data != model.Done }
	toMessage := func(e eventsource.Event) message { return message{Token: e.Data} }
	return enumerator.Through(
		follow.Events(request, follow.HTTPClient(model.Client)),
		enumeratee.Compose(enumeratee.TakeWhile(isToken), enumeratee.Map(toMessage)),
	)
}

// last is the last message of an answer that the model did not complete.
func last(reason answers.Reason) message {
	switch reason {
	case answers.Stopped:
		return message{Problem: "The answer was stopped."}
	case answers.Limited:
		return message{Problem: "The answer is too long. This is its beginning."}
	}
	return message{Problem: "The model did not finish its answer."}
}

// end snippet

// Handler serves the page, the script of package client, and answers. Answers that are not complete end with ctx.
func Handler(ctx context.Context) http.Handler {
	// snippet: answers

	// The store keeps all messages of an answer, a beat for each five seconds of silence, its start and its end.
	store := topics.Memory(2*maxTokens, topics.MaxBytes(64<<20))
	all := answers.New(store, last,
		answers.MaxMessages(maxTokens), answers.MaxBytes(32<<10), answers.MaxDuration(2*time.Minute),
		answers.MaxRunning(200), answers.Keep(5*time.Minute))
	context.AfterFunc(ctx, all.Close)

	// The ids are hard to guess, so a visitor who knows the id of an answer may read and stop it.
	allow := func(*http.Request, topic.Access) error { return nil }
	start := func(r *http.Request, form url.Values) (id string, source enumerator.Enumerator[message], err error) {
		question := strings.TrimSpace(form.Get("question"))
		if question == "" || utf8.RuneCountInString(question) > maxQuestion {
			return "", source, &httpadapter.StatusError{Status: http.StatusBadRequest, Text: "a question has 1 to 500 characters"}
		}
		return "", answer(question), nil // the handler chooses the id
	}
	h := answers.Handler(all, allow, parse.Form(16<<10), start,
		answers.PerKey(20, visitor.Address),
		answers.Stream(httpadapter.Limit(1000), httpadapter.LimitPerKey(50, visitor.Address)))
	h = http.NewCrossOriginProtection().Handler(h) // forms of other sites cannot post here

	mux := http.NewServeMux()
	mux.Handle("POST /tokens/answers", h)
	mux.Handle("GET /tokens/answers/{id}", h)
	mux.Handle("DELETE /tokens/answers/{id}", h)

	// end snippet
	mux.HandleFunc("GET /tokens", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, Source, "tokens.html")
	})
	mux.Handle("GET /tokens/halley.js", client.Script())
	return mux
}
