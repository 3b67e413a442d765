package retry_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumeratee/text"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/retry"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/iteratee"
)

const messages = 20

// newServer returns a server that answers with three of the messages after a cursor. If there are more,
// it calls then and waits.
func newServer(t *testing.T, then func(), opts ...httpadapter.Option) *httptest.Server {
	server := httptest.NewUnstartedServer(httpadapter.Handler(func(r *http.Request) (enumerator.Enumerator[[]byte], error) {
		after, err := strconv.Atoi(r.URL.Query().Get("after"))
		if err != nil {
			return enumerator.Empty[[]byte](), err
		}
		var lines [][]byte
		for i := after + 1; i <= min(after+3, messages); i++ {
			lines = append(lines, fmt.Appendf(nil, "%d\n", i))
		}
		waits := enumerator.Defer(func(context.Context) (enumerator.Enumerator[[]byte], error) {
			if after+3 < messages {
				then()
			}
			return enumerator.Never[[]byte](), nil
		})
		return enumerator.FromSlice(lines).AndThen(waits), nil
	}, opts...))
	httpadapter.Drain(server.Config)
	server.Start()
	t.Cleanup(server.Close)
	return server
}

// follow returns the messages of a client that goes on after the end of a response. It calls url for the
// server of each attempt.
func follow(t *testing.T, client *http.Client, url func() string) []string {
	after := func(_ context.Context, last []byte, ok bool) enumerator.Enumerator[[]byte] {
		return enumerator.Defer(func(ctx context.Context) (none enumerator.Enumerator[[]byte], err error) {
			if !ok {
				last = []byte("0")
			}
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, url()+"?after="+string(last), nil)
			if err != nil {
				return none, backoff.Permanent(err)
			}
			response, err := client.Do(request)
			if err != nil {
				return none, err
			}
			return retry.Endless(enumerator.Through(httpadapter.Response(response), text.Lines(80))), nil
		})
	}
	pace := retry.Pace(func() backoff.BackOff { return backoff.NewConstantBackOff(time.Millisecond) })
	lines, err := enumerator.Run(t.Context(), retry.Resume(after, pace), iteratee.TakeUpTo[[]byte](messages))
	require.NoError(t, err)
	var got []string
	for _, line := range lines {
		got = append(got, string(line))
	}
	return got
}

func allMessages() (all []string) {
	for i := range messages {
		all = append(all, strconv.Itoa(i+1))
	}
	return all
}

// The stream goes on after a response that MaxDuration ended.
func TestResumeAfterMaxDuration(t *testing.T) {
	server := newServer(t, func() {}, httpadapter.MaxDuration(50*time.Millisecond))
	assert.Equal(t, allMessages(), follow(t, server.Client(), func() string { return server.URL }))
}

// The stream goes on after a response of a server that drains. Each server shuts down after three
// messages, when the next one has started.
func TestResumeAfterDrain(t *testing.T) {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	var current atomic.Pointer[httptest.Server]
	var shutdowns sync.WaitGroup
	starts := 0
	var start func()
	start = func() {
		starts++
		old := current.Load()
		current.Store(newServer(t, start))
		if old != nil {
			shutdowns.Go(func() { assert.NoError(t, old.Config.Shutdown(context.Background())) })
		}
	}
	start()
	assert.Equal(t, allMessages(), follow(t, &http.Client{Transport: transport}, func() string { return current.Load().URL }))
	shutdowns.Wait()
	assert.Equal(t, 7, starts, "3 messages each")
}

// The error with which a run gives up shows whether the response was complete or cut short.
func TestTheErrorShowsHowAResponseEnded(t *testing.T) {
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		want    func(error) bool
	}{
		"complete": {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "1") },
			func(err error) bool { return err == retry.ErrRanOut }},
		"without a message": {func(http.ResponseWriter, *http.Request) {},
			func(err error) bool { return err == retry.ErrRanOut }},
		"cut short": {func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintln(w, "1")
			assert.NoError(t, http.NewResponseController(w).Flush())
			panic(http.ErrAbortHandler)
		}, func(err error) bool { return !errors.Is(err, retry.ErrRanOut) }},
		"with a status": {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) },
			func(err error) bool {
				var e *httpadapter.ResponseError
				return errors.As(err, &e) && e.StatusCode == 403
			}},
	} {
		t.Run(name, func(t *testing.T) {
			var requests atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				c.handler(w, r)
			}))
			defer server.Close()
			attempt := enumerator.Defer(func(ctx context.Context) (none enumerator.Enumerator[[]byte], err error) {
				request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
				require.NoError(t, err)
				response, err := server.Client().Do(request)
				if err != nil {
					return none, err
				}
				return retry.Endless(httpadapter.Response(response)), nil
			})
			e := retry.Restart(attempt, retry.MaxTries(3), retry.Pace(func() backoff.BackOff { return &backoff.ZeroBackOff{} }))
			_, err := enumerator.Run(t.Context(), e, iteratee.Ignore[[]byte]())
			require.Error(t, err)
			assert.True(t, c.want(err), "%v", err)
			assert.EqualValues(t, 3, requests.Load())
		})
	}
}
