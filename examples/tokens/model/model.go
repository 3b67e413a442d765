// Package model is a made-up language model behind an http.Client. It streams its answers as server-sent events, as
// the services of real models do. It pauses, and cuts connections at random places. A request with the header
// Last-Event-ID continues an answer.
package model

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/halley-go/halley/comet/eventsource"
	"github.com/halley-go/halley/enumerator"
)

const (
	// URL is where [Client] finds the model. The body of a POST is the question.
	URL = "http://model.invalid/answers"

	// Done is the data of the event after the last token.
	Done = "[DONE]"
)

// Client is the client of the model. It needs no network.
var Client = &http.Client{Transport: service{}}

// token is a word or a part of a long word, with the space before it.
var token = regexp.MustCompile(` ?[^ ]{1,8}| `)

// Answer returns the tokens of the answer to question.
func Answer(question string) []string {
	return token.FindAllString(fmt.Sprintf("You asked: “%s” %s", question, text), -1)
}

const text = `That is a good question, and I am only a fixed text with pauses.

I stop now and then, as if I had to think. Worse, I cut the connection every few words, often in the middle of one. ` +
	`The server that reads me notices it, comes back with the number of the last token that it has, and gets the next one.

Your page does the same with the server. When its connection is cut, it comes back with its position. When you reload ` +
	`it, it reads the answer from the beginning, as another tab does. So each token arrives once, in order, however often ` +
	`anything breaks between us.

My answer is complete, and the stream says so. Your page does not come back for more.`

// service is the http.RoundTripper of the model.
type service struct{}

func (service) RoundTrip(r *http.Request) (*http.Response, error) {
	question, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, 16<<10))
	if err != nil {
		return nil, err
	}
	after, _ := strconv.Atoi(r.Header.Get("Last-Event-ID"))
	events := enumerator.Through(tokens(Answer(string(question)), after), eventsource.Encode())
	body := enumerator.ToReader(r.Context(), events)
	return &http.Response{
		StatusCode: http.StatusOK,
		Status:     "200 OK",
		Proto:      "HTTP/1.1",
		ProtoMajor: 1,
		ProtoMinor: 1,
		Header:     http.Header{"Content-Type": {eventsource.ContentType}},
		Body:       &fragile{body, 200 + rand.IntN(1000)},
		Request:    r,
	}, nil
}

// tokens returns the events of the tokens of an answer, without the first after tokens.
func tokens(answer []string, after int) enumerator.Enumerator[eventsource.Event] {
	return enumerator.UnfoldM(max(after, 0), func(ctx context.Context, n int) (e eventsource.Event, next int, ok bool, err error) {
		if n > len(answer) {
			return e, n, false, nil
		}
		pause := time.Duration(10+rand.IntN(60)) * time.Millisecond
		if rand.IntN(25) == 0 {
			pause = 600 * time.Millisecond
		}
		select {
		case <-ctx.Done():
			return e, n, false, context.Cause(ctx)
		case <-time.After(pause):
		}
		e = eventsource.Event{Data: Done, ID: strconv.Itoa(n + 1), Retry: 100 * time.Millisecond}
		if n < len(answer) {
			e.Data = answer[n]
		}
		return e, n + 1, true, nil
	})
}

// fragile is a body that is cut after some bytes.
type fragile struct {
	io.ReadCloser
	left int
}

var errCut = errors.New("the connection was cut")

func (f *fragile) Read(p []byte) (int, error) {
	if f.left == 0 {
		return 0, errCut
	}
	n, err := f.ReadCloser.Read(p[:min(len(p), f.left)])
	f.left -= n
	return n, err
}
