package follow_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/comet/eventsource"
	"github.com/halley-go/halley/comet/follow"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/retry"
	"github.com/halley-go/halley/httpadapter"
)

// snippet: prices

// A Price is a message of the other service.
type Price struct {
	Symbol string
	Cents  int
}

// watch prints prices after the one whose id is stored, and returns the id to store.
func watch(ctx context.Context, url, stored string) (string, error) {
	for item, err := range enumerator.All(ctx, follow.Items[Price](follow.Get(url), follow.After(stored))) {
		switch {
		case err != nil:
			return stored, err
		case item.Gap.N > 0 || item.Reset:
			fmt.Println("prices are missing: get all of them anew")
		case item.IsMessage():
			fmt.Println(item.Value.Symbol, item.Value.Cents)
		}
		stored = item.ID() // after the item was handled, so that none is lost
	}
	return stored, nil
}

// end snippet

func Example() {
	prices := enumerator.Broadcast[Price]()
	begin := prices.Position().String()
	for i, symbol := range []string{"AAA", "BBB", "CCC"} {
		if err := prices.Push(context.Background(), Price{symbol, 100 + i}); err != nil {
			panic(err)
		}
	}
	prices.End()
	server := httptest.NewServer(client.Handler(func(_ *http.Request, after enumerator.Position) (source enumerator.Enumerator[enumerator.Item[Price]], err error) {
		if after == prices.Position() {
			return source, &httpadapter.StatusError{Status: http.StatusNoContent} // the client has all
		}
		return prices.From(after), nil
	}))
	defer server.Close()

	stored, err := watch(context.Background(), server.URL, begin)
	fmt.Println(stored == prices.Position().String(), err)
	// Output:
	// AAA 100
	// BBB 101
	// CCC 102
	// true <nil>
}

// numbers is a server that ends each response after two events, and resumes. After the fifth event the stream ends in
// good order.
func numbers(w http.ResponseWriter, r *http.Request) {
	var last int
	_, _ = fmt.Sscan(r.Header.Get("Last-Event-ID"), &last)
	if last == 5 {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.Header().Set("Content-Type", eventsource.ContentType)
	fmt.Fprint(w, "retry: 100\n")
	for i := last + 1; i <= min(last+2, 5); i++ {
		fmt.Fprintf(w, "data: \"message %d\"\nid: %d\n\n", i, i)
	}
}

func ExampleEvents() {
	server := httptest.NewServer(http.HandlerFunc(numbers))
	defer server.Close()
	for e, err := range enumerator.All(context.Background(), follow.Events(follow.Get(server.URL))) {
		fmt.Println(e.ID, e.Data, err)
	}
	// Output:
	// 1 "message 1" <nil>
	// 2 "message 2" <nil>
	// 3 "message 3" <nil>
	// 4 "message 4" <nil>
	// 5 "message 5" <nil>
}

func ExampleItems() {
	server := httptest.NewServer(http.HandlerFunc(numbers))
	defer server.Close()
	for item, err := range enumerator.All(context.Background(), follow.Items[string](follow.Get(server.URL))) {
		fmt.Println(item.ID(), item.Value, err)
	}
	// Output:
	// 1 message 1 <nil>
	// 2 message 2 <nil>
	// 3 message 3 <nil>
	// 4 message 4 <nil>
	// 5 message 5 <nil>
}

// The request has a new token in each attempt. A refusal for good ends the run.
func ExampleItems_authorization() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer token 1" {
			http.Error(w, "the token has expired", http.StatusUnauthorized)
			return
		}
		numbers(w, r)
	}))
	defer server.Close()
	tokens := 0
	request := func(ctx context.Context) (*http.Request, error) {
		tokens++
		r, err := follow.Get(server.URL)(ctx)
		if err == nil {
			r.Header.Set("Authorization", fmt.Sprint("Bearer token ", tokens))
		}
		return r, err
	}
	for item, err := range enumerator.All(context.Background(), follow.Items[string](request)) {
		if refused, ok := errors.AsType[*httpadapter.ResponseError](err); ok {
			fmt.Printf("%d: %s", refused.StatusCode, refused.Start)
			break
		}
		fmt.Println(item.Value)
	}
	// Output:
	// message 1
	// message 2
	// 401: the token has expired
}

func ExampleGet() {
	request, err := follow.Get("https://example.com/messages?transport=events")(context.Background())
	fmt.Println(request.Method, request.URL, err)
	// Output: GET https://example.com/messages?transport=events <nil>
}

// A program stores the id of the last item that it has handled, and resumes after it when it starts again.
func ExampleAfter() {
	server := httptest.NewServer(http.HandlerFunc(numbers))
	defer server.Close()
	stored := "3"
	for item, err := range enumerator.All(context.Background(), follow.Items[string](follow.Get(server.URL), follow.After(stored))) {
		if err != nil {
			fmt.Println(err)
			break
		}
		fmt.Println(item.Value)
		stored = item.ID()
	}
	fmt.Println("stored:", stored)
	// Output:
	// message 4
	// message 5
	// stored: 5
}

func ExampleHTTPClient() {
	server := httptest.NewTLSServer(http.HandlerFunc(numbers))
	defer server.Close()
	client := follow.HTTPClient(server.Client()) // it trusts the certificate
	for e, err := range enumerator.All(context.Background(), follow.Events(follow.Get(server.URL), client, follow.After("4"))) {
		fmt.Println(e.Data, err)
	}
	// Output: "message 5" <nil>
}

func ExampleLimit() {
	server := httptest.NewServer(http.HandlerFunc(numbers))
	defer server.Close()
	for _, err := range enumerator.All(context.Background(), follow.Events(follow.Get(server.URL), follow.Limit(10))) {
		fmt.Println(err)
	}
	// Output: comet/eventsource: event of more than 10 bytes: bufio.Scanner: token too long
}

func ExampleSilence() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-r.Context().Done() // it does not answer
	}))
	defer server.Close()
	opts := []follow.Option{follow.Silence(10 * time.Millisecond), follow.Retry(retry.MaxTries(1))}
	for _, err := range enumerator.All(context.Background(), follow.Events(follow.Get(server.URL), opts...)) {
		fmt.Println(err)
	}
	// Output: comet/follow: the server has fallen silent
}

func ExampleRetry() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "busy", http.StatusInternalServerError)
	}))
	defer server.Close()
	often := follow.Retry(
		retry.MaxTries(3),
		retry.Pace(func() backoff.BackOff { return backoff.NewConstantBackOff(10 * time.Millisecond) }),
		retry.Notify(func(err error, wait time.Duration) { fmt.Println("trying again in", wait) }),
	)
	for _, err := range enumerator.All(context.Background(), follow.Events(follow.Get(server.URL), often)) {
		refused, _ := errors.AsType[*httpadapter.ResponseError](err)
		fmt.Println(refused.Status)
	}
	// Output:
	// trying again in 10ms
	// trying again in 10ms
	// 500 Internal Server Error
}
