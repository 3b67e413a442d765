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
	for e, err := range enumerator.All(context.Background(), retry.Restart(weather, retry.MaxTries(5), pace)) {
		fmt.Println(e, err)
	}
	// Output:
	// fair <nil>
	// rain <nil>
}

// A client asks a log for the entries after the last one. The log breaks off after two entries.
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

// A server is too busy at first. Later it completes each response early, like a server that shuts down
// or has a httpadapter.MaxDuration.
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
		w.Header().Set("Content-Type", "text/event-stream")
		for i, message := range messages[seen:min(seen+2, len(messages))] {
			fmt.Fprintf(w, "data: %s\nid: %d\n\n", message, seen+i+1)
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
	events := retry.Resume(after, pace, retry.Notify(func(err error, wait time.Duration) {
		fmt.Printf("connecting again in %v: %v\n", wait, err)
	}))
	// end snippet

	for e, err := range enumerator.All(context.Background(), enumerator.Through(events, enumeratee.Take[event](5))) {
		fmt.Println(e.Data, err)
	}
	// Output:
	// connecting again in 0s: retry after 0s
	// a <nil>
	// b <nil>
	// connecting again in 0s: enumerator/retry: the source has run out
	// c <nil>
	// d <nil>
	// connecting again in 0s: enumerator/retry: the source has run out
	// e <nil>
}

// The error shows that the source has run out and not failed.
func ExampleErrRanOut() {
	e := retry.Restart(retry.Endless(enumerator.Of("fair", "rain")), retry.MaxTries(2), pace)
	all := iteratee.ForEach(func(_ context.Context, report string) error {
		fmt.Println(report)
		return nil
	})
	_, err := enumerator.Run(context.Background(), e, all)
	fmt.Println(errors.Is(err, retry.ErrRanOut))
	// Output:
	// fair
	// rain
	// fair
	// rain
	// true
}

// A source that is down gets three tries.
func ExampleMaxTries() {
	tries := 0
	down := enumerator.Defer(func(context.Context) (none enumerator.Enumerator[string], err error) {
		tries++
		return none, errors.New("no connection")
	})
	_, err := enumerator.Run(context.Background(), retry.Restart(down, retry.MaxTries(3), pace), iteratee.Ignore[string]())
	fmt.Println(tries, err)
	// Output: 3 no connection
}

func ExampleNotify() {
	down := enumerator.Defer(func(context.Context) (none enumerator.Enumerator[string], err error) {
		return none, errors.New("no connection")
	})
	logged := retry.Notify(func(err error, wait time.Duration) {
		fmt.Printf("trying again in %v: %v\n", wait, err)
	})
	_, err := enumerator.Run(context.Background(), retry.Restart(down, retry.MaxTries(3), logged, pace), iteratee.Ignore[string]())
	fmt.Println("giving up:", err)
	// Output:
	// trying again in 0s: no connection
	// trying again in 0s: no connection
	// giving up: no connection
}

// The waits grow from one millisecond to four, without randomness.
func ExamplePace() {
	pace := retry.Pace(func() backoff.BackOff {
		return &backoff.ExponentialBackOff{InitialInterval: time.Millisecond, Multiplier: 2, MaxInterval: 4 * time.Millisecond}
	})
	down := enumerator.Defer(func(context.Context) (none enumerator.Enumerator[string], err error) {
		return none, errors.New("no connection")
	})
	logged := retry.Notify(func(_ error, wait time.Duration) { fmt.Println(wait) })
	_, err := enumerator.Run(context.Background(), retry.Restart(down, pace, logged, retry.MaxTries(5)), iteratee.Ignore[string]())
	fmt.Println(err)
	// Output:
	// 1ms
	// 2ms
	// 4ms
	// 4ms
	// no connection
}

// Sources of one service can share their options: each run has a BackOff of its own.
func ExampleOption() {
	service := []retry.Option{
		retry.Pace(func() backoff.BackOff { return backoff.NewConstantBackOff(time.Millisecond) }),
		retry.MaxTries(3),
		retry.Notify(func(err error, wait time.Duration) { fmt.Println(err, wait) }),
	}
	orders := retry.Restart(failsOnce("orders"), service...)
	prices := retry.Restart(failsOnce("prices"), service...)
	for e, err := range enumerator.All(context.Background(), orders.AndThen(prices)) {
		fmt.Println(e, err)
	}
	// Output:
	// no orders 1ms
	// orders <nil>
	// no prices 1ms
	// prices <nil>
}

// failsOnce returns a source of name whose first run fails.
func failsOnce(name string) enumerator.Enumerator[string] {
	failed := false
	return enumerator.Defer(func(context.Context) (none enumerator.Enumerator[string], err error) {
		if !failed {
			failed = true
			return none, errors.New("no " + name)
		}
		return enumerator.Of(name), nil
	})
}

// pace does not wait, for the examples.
var pace = retry.Pace(func() backoff.BackOff { return &backoff.ZeroBackOff{} })
