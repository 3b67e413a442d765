package answers_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"time"

	"github.com/halley-go/halley/comet/answers"
	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/comet/client/wsclient"
	"github.com/halley-go/halley/comet/topic"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/parse"
	"github.com/halley-go/halley/iteratee"
)

var background = context.Background()

// A token is a part of the answer of a model, or says why there are no more tokens.
type token struct {
	Text    string `json:"text,omitempty"`
	Problem string `json:"problem,omitempty"`
}

func last(reason answers.Reason) token {
	return token{Problem: "the answer was " + string(reason)}
}

// ask is a model that answers each question with the same tokens.
func ask(question string) enumerator.Enumerator[token] {
	return enumerator.Of(token{Text: "You"}, token{Text: "ask:"}, token{Text: question})
}

// wait gives no token until its context ends.
var wait = enumerator.New(func(ctx context.Context, _ iteratee.Sink[token]) iteratee.Step {
	<-ctx.Done()
	return iteratee.Cancelled(ctx)
})

// show prints an answer from its beginning to its end.
func show(a *answers.Answers[token], id string) {
	for item, err := range enumerator.All(background, a.From(id, enumerator.Position{})) {
		switch {
		case err != nil:
			fmt.Println(err)
		case item.IsMessage():
			fmt.Println(item.Value.Text + item.Value.Problem)
		}
	}
}

func ExampleNew() {
	a := answers.New(topics.Memory(20_000), last)
	defer a.Close()
	_ = a.Start(background, "42", ask("why?"))
	show(a, "42")
	show(a, "42") // again, as after a reload
	show(a, "43")
	// Output:
	// You
	// ask:
	// why?
	// You
	// ask:
	// why?
	// answers: no answer with this id is kept
}

// An answer with the same id takes the place of the earlier one.
func ExampleAnswers_Start() {
	a := answers.New(topics.Memory(20_000), last)
	defer a.Close()
	fmt.Println(a.Start(background, "chat", ask("why?").AndThen(wait)))
	fmt.Println(a.Start(background, "chat", ask("how?")))
	show(a, "chat")
	fmt.Println(errors.Is(a.Start(background, "", ask("who?")), answers.ErrID))
	// Output:
	// <nil>
	// <nil>
	// You
	// ask:
	// how?
	// true
}

// A reader comes back after the first token that it has got.
func ExampleAnswers_From() {
	a := answers.New(topics.Memory(20_000), last)
	defer a.Close()
	_ = a.Start(background, "42", ask("why?"))
	var seen enumerator.Position
	for item := range enumerator.All(background, a.From("42", seen)) {
		if seen = item.Position; item.IsMessage() {
			break
		}
	}
	for item := range enumerator.All(background, a.From("42", seen)) {
		if item.IsMessage() {
			fmt.Println(item.Value.Text)
		}
	}
	// Output:
	// ask:
	// why?
}

func ExampleAnswers_Stop() {
	a := answers.New(topics.Memory(20_000), last)
	defer a.Close()
	_ = a.Start(background, "42", wait)
	fmt.Println(a.Stop(background, "42"))
	show(a, "42")
	fmt.Println(a.Stop(background, "43"))
	// Output:
	// <nil>
	// the answer was stopped
	// answers: no answer with this id is kept
}

// Another process with the same Store still serves the answers.
func ExampleAnswers_Close() {
	store := topics.Memory(20_000)
	a, b := answers.New(store, last, quiet), answers.New(store, last)
	defer b.Close()
	_ = a.Start(background, "42", wait)
	a.Close()
	show(b, "42")
	fmt.Println(a.Start(background, "43", wait))
	// Output:
	// the answer was lost
	// answers: closed
}

var quiet = answers.Logger(slog.New(slog.DiscardHandler))

func ExampleMaxRunning() {
	a := answers.New(topics.Memory(20_000), last, answers.MaxRunning(1), quiet)
	defer a.Close()
	fmt.Println(a.Start(background, "1", wait))
	fmt.Println(a.Start(background, "2", wait))
	// Output:
	// <nil>
	// answers: too many answers are under way; start this one later
}

func ExampleMaxDuration() {
	a := answers.New(topics.Memory(20_000), last, answers.MaxDuration(time.Millisecond), quiet)
	defer a.Close()
	_ = a.Start(background, "42", wait)
	show(a, "42")
	// Output: the answer was limited
}

func ExampleMaxBytes() {
	a := answers.New(topics.Memory(20_000), last, answers.MaxBytes(20), quiet)
	defer a.Close()
	_ = a.Start(background, "42", ask("why?"))
	show(a, "42")
	// Output:
	// You
	// the answer was limited
}

func ExampleMaxMessages() {
	a := answers.New(topics.Memory(20_000), last, answers.MaxMessages(1), quiet)
	defer a.Close()
	_ = a.Start(background, "42", ask("why?"))
	show(a, "42")
	// Output:
	// You
	// the answer was limited
}

// An answer can be read for an hour after its end.
func ExampleKeep() {
	a := answers.New(topics.Memory(20_000, topics.MaxAge(2*time.Hour)), last, answers.Keep(time.Hour))
	defer a.Close()
	_ = a.Start(background, "42", enumerator.Of(token{Text: "Yes."}))
	show(a, "42")
	// Output: Yes.
}

// Readers learn within 6 seconds that a process has died.
func ExampleBeat() {
	a := answers.New(topics.Memory(20_000), last, answers.Beat(2*time.Second))
	defer a.Close()
	_ = a.Start(background, "42", enumerator.Of(token{Text: "Yes."}))
	show(a, "42")
	// Output: Yes.
}

// Clients do not get the error of the model.
func ExampleLogger() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	a := answers.New(topics.Memory(20_000), last, answers.Logger(logger))
	defer a.Close()
	_ = a.Start(background, "42", enumerator.Throw[token](errors.New("the key is not valid")))
	show(a, "42")
	// Output:
	// level=ERROR msg="answers: an answer has failed" id=42 error="the key is not valid"
	// the answer was failed
}

// print prints the answer to a request.
func print(method, url, body string) (text string) {
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		log.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	fmt.Println(method, res.Status)
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if text = lines.Text(); strings.HasPrefix(text, "event: ") || strings.HasPrefix(text, "data: ") {
			fmt.Println(text)
		}
	}
	return text
}

func anyone(*http.Request, topic.Access) error { return nil }

func ExampleHandler() {
	// snippet: handler

	all := answers.New(topics.Memory(20_000), last)
	defer all.Close()
	start := func(r *http.Request, question string) (id string, source enumerator.Enumerator[token], err error) {
		return "", ask(question), nil // the server chooses the id
	}
	h := answers.Handler(all, anyone, parse.JSON[string](64<<10), start)
	mux := http.NewServeMux()
	mux.Handle("POST /answers", h)        // starts
	mux.Handle("GET /answers/{id}", h)    // reads
	mux.Handle("DELETE /answers/{id}", h) // stops
	mux.Handle("GET /halley.js", client.Script())

	// end snippet
	srv := httptest.NewServer(mux)
	defer srv.Close()
	id := print(http.MethodPost, srv.URL+"/answers", `"why?"`)
	print(http.MethodGet, srv.URL+"/answers/"+id, "")
	print(http.MethodDelete, srv.URL+"/answers/"+id, "")
	print(http.MethodGet, srv.URL+"/answers/unknown", "")
	// Output:
	// POST 201 Created
	// GET 200 OK
	// data: {"text":"You"}
	// data: {"text":"ask:"}
	// data: {"text":"why?"}
	// event: end
	// data: null
	// DELETE 204 No Content
	// GET 404 Not Found
}

// One URL serves answers over all transports of the script, also over WebSockets.
func ExampleSource() {
	all := answers.New(topics.Memory(20_000), last)
	defer all.Close()
	_ = all.Start(background, "42", ask("why?"))
	source := answers.Source(all, anyone)
	srv := httptest.NewServer(wsclient.Handler(source, client.Handler(source)))
	defer srv.Close()
	print(http.MethodGet, srv.URL+"/?id=42", "")
	// Output:
	// GET 200 OK
	// data: {"text":"You"}
	// data: {"text":"ask:"}
	// data: {"text":"why?"}
	// event: end
	// data: null
}

// The text of a question is the answer.
func echo(_ *http.Request, question string) (id string, source enumerator.Enumerator[token], err error) {
	return "42", enumerator.Of(token{Text: question}).AndThen(wait), nil
}

// All answers together have at most 10,000 readers. A reader connects again after an hour.
func ExampleStream() {
	all := answers.New(topics.Memory(20_000), last, quiet)
	defer all.Close()
	_ = all.Start(background, "42", wait)
	h := answers.Handler(all, anyone, parse.JSON[string](64<<10), echo,
		answers.Stream(httpadapter.Limit(10_000), httpadapter.MaxDuration(time.Hour)))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodHead, "/?id=42", nil))
	fmt.Println(w.Header().Get("Content-Type"))
	// Output: text/event-stream
}

// Each user may have one answer under way.
func ExamplePerKey() {
	all := answers.New(topics.Memory(20_000), last, quiet)
	defer all.Close()
	user := func(r *http.Request) string { return r.Header.Get("Authorization") }
	srv := httptest.NewServer(answers.Handler(all, anyone, parse.JSON[string](64<<10), echo, answers.PerKey(1, user)))
	defer srv.Close()
	print(http.MethodPost, srv.URL, `"why?"`)
	print(http.MethodPost, srv.URL, `"how?"`)
	// Output:
	// POST 201 Created
	// POST 429 Too Many Requests
}

// A chunk is a part of a UI message of the AI SDK.
type chunk struct {
	Type      string `json:"type"`
	ID        string `json:"id,omitempty"`
	MessageID string `json:"messageId,omitempty"`
	Delta     string `json:"delta,omitempty"`
	ErrorText string `json:"errorText,omitempty"`
}

func ExampleUIMessages() {
	// snippet: aisdk

	// last ends a message that is not complete.
	last := func(reason answers.Reason) chunk {
		if reason == answers.Stopped {
			return chunk{Type: "abort"}
		}
		return chunk{Type: "error", ErrorText: "The answer was not finished."}
	}
	type request struct { // the body that useChat sends
		ID string `json:"id"` // of the chat
	}
	start := func(r *http.Request, body request) (id string, source enumerator.Enumerator[chunk], err error) {
		return body.ID, enumerator.Of(
			chunk{Type: "start", MessageID: "m1"},
			chunk{Type: "text-start", ID: "t1"},
			chunk{Type: "text-delta", ID: "t1", Delta: "Yes."},
			chunk{Type: "text-end", ID: "t1"},
			chunk{Type: "finish"},
		), nil
	}
	all := answers.New(topics.Memory(20_000), last)
	defer all.Close()
	h := answers.Handler(all, anyone, parse.JSON[request](1<<20), start, answers.UIMessages())
	mux := http.NewServeMux()
	mux.Handle("POST /api/chat", h)               // sendMessage
	mux.Handle("GET /api/chat/{id}/stream", h)    // resume
	mux.Handle("DELETE /api/chat/{id}/stream", h) // for a stop button

	// end snippet
	srv := httptest.NewServer(mux)
	defer srv.Close()
	print(http.MethodPost, srv.URL+"/api/chat", `{"id":"c1"}`)
	print(http.MethodGet, srv.URL+"/api/chat/c1/stream", "")
	// Output:
	// POST 200 OK
	// data: {"type":"start","messageId":"m1"}
	// data: {"type":"text-start","id":"t1"}
	// data: {"type":"text-delta","id":"t1","delta":"Yes."}
	// data: {"type":"text-end","id":"t1"}
	// data: {"type":"finish"}
	// data: [DONE]
	// GET 204 No Content
}
