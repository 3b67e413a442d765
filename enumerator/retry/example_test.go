package retry_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/halley-go/halley/comet/eventsource"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/retry"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/iteratee"
)

func ExampleRestart() {
	tries := 0
	weather := enumerator.Defer(func(context.Context) (enumerator.Enumerator[string], error) {
		if tries++; tries < 3 {
			return enumerator.Empty[string](), errors.New("no connection")
		}
		return enumerator.Of("fair", "rain"), nil
	})
	for e, err := range enumerator.All(context.Background(), retry.Restart(weather, backoff.WithMaxTries(5), pace)) {
		fmt.Println(e, err)
	}
	// Output:
	// fair <nil>
	// rain <nil>
}

// A log that is asked for what comes after an entry, and breaks off after two.
func ExampleResume() {
	log := []string{"a", "b", "c", "d", "e"}
	breaksOff := enumerator.Generate(func(context.Context) (string, bool, error) { return "", false, errors.New("cut off") })
	after := func(_ context.Context, last string, ok bool) enumerator.Enumerator[string] {
		rest := log
		if ok {
			rest = log[slices.Index(log, last)+1:]
		}
		if len(rest) > 2 {
			return enumerator.FromSlice(rest[:2]).AndThen(breaksOff)
		}
		return enumerator.FromSlice(rest)
	}
	all, err := enumerator.Run(context.Background(), retry.Resume(after, pace), iteratee.Collect[string]())
	fmt.Println(all, err)
	// Output: [a b c d e] <nil>
}

// A server that ends each response in good order, as one does that shuts down or has a
// httpadapter.MaxDuration, and that is too busy at first.
func ExampleEndless() {
	messages := []string{"a", "b", "c", "d", "e"}
	requests := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests++; requests == 1 {
			w.Header().Set("Retry-After", "0")
			http.Error(w, "too busy", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", eventsource.ContentType)
		seen, _ := strconv.Atoi(r.Header.Get("Last-Event-ID"))
		for i, message := range messages[seen:min(seen+2, len(messages))] {
			fmt.Fprintf(w, "id: %d\ndata: %s\n\n", seen+i+1, message)
		}
	}))
	defer server.Close()

	// snippet: resume
	type event = eventsource.Event
	after := func(_ context.Context, last event, ok bool) enumerator.Enumerator[event] {
		return enumerator.Defer(func(ctx context.Context) (none enumerator.Enumerator[event], err error) {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
			if err != nil {
				return none, backoff.Permanent(err)
			}
			if ok {
				request.Header.Set("Last-Event-ID", last.ID)
			}
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				return none, err
			}
			if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil {
				response.Body.Close()
				return none, backoff.RetryAfter(seconds)
			}
			body := httpadapter.Response(response, "text/event-stream")
			return retry.Endless(enumerator.Through(body, eventsource.Decode(1<<16))), nil
		})
	}
	events := retry.Resume(after, backoff.WithNotify(func(err error, wait time.Duration) {
		fmt.Println("connecting again:", err)
	}), pace)
	// end snippet

	for e, err := range enumerator.All(context.Background(), enumerator.Through(events, enumeratee.Take[event](5))) {
		fmt.Println(e.Data, err)
	}
	// Output:
	// connecting again: retry after 0s
	// a <nil>
	// b <nil>
	// connecting again: enumerator/retry: the source has run out
	// c <nil>
	// d <nil>
	// connecting again: enumerator/retry: the source has run out
	// e <nil>
}

// pace is for examples: it does not wait.
var pace = backoff.WithBackOff(&backoff.ZeroBackOff{})
