package interop_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/launchdarkly/eventsource"
	r3labs "github.com/r3labs/sse/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	tmaxmax "github.com/tmaxmax/go-sse"
	"gopkg.in/cenkalti/backoff.v1"
)

func TestGo(t *testing.T) {
	for name, reader := range map[string]reader{
		"launchdarkly": {start: startLaunchdarkly, bareID: true, cutAnywhere: true},
		"r3labs":       {start: startR3labs, bareID: true},
		"tmaxmax":      {start: startTmaxmax, bareID: true, cutAnywhere: true},
	} {
		t.Run(name, func(t *testing.T) { exactlyOnce(t, reader) })
	}
}

func startLaunchdarkly(t *testing.T, url string) func() []string {
	stream, err := eventsource.SubscribeWithURL(url, eventsource.StreamOptionInitialRetry(20*time.Millisecond),
		eventsource.StreamOptionErrorHandler(func(error) (result eventsource.StreamErrorHandlerResult) { return result }))
	require.NoError(t, err)
	var got lines
	var done sync.WaitGroup
	done.Go(func() {
		for e := range stream.Events {
			got.add(e.Event(), e.Data())
		}
	})
	t.Cleanup(func() {
		stream.Close()
		done.Wait()
	})
	return got.all
}

func startR3labs(t *testing.T, url string) func() []string {
	client := r3labs.NewClient(url)
	client.ReconnectStrategy = backoff.NewConstantBackOff(20 * time.Millisecond)
	var got lines
	go func() {
		_ = client.SubscribeRawWithContext(t.Context(), func(e *r3labs.Event) { got.add(string(e.Event), string(e.Data)) })
	}()
	return got.all
}

func startTmaxmax(t *testing.T, url string) func() []string {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	client := tmaxmax.Client{Backoff: tmaxmax.Backoff{InitialInterval: 20 * time.Millisecond}}
	connection := client.NewConnection(r)
	var got lines
	connection.SubscribeToAll(func(e tmaxmax.Event) { got.add(e.Type, e.Data) })
	var done sync.WaitGroup
	done.Go(func() { assert.ErrorIs(t, connection.Connect(), t.Context().Err()) })
	t.Cleanup(done.Wait)
	return got.all
}

// lines are the events that a client has got.
type lines struct {
	mu   sync.Mutex
	list []string
}

// add adds an event, unless it has no data: some clients hand on events that have only an id.
func (l *lines) add(kind, data string) {
	if data == "" {
		return
	}
	if kind == "" {
		kind = "message"
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, kind+" "+data)
}

func (l *lines) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string{}, l.list...)
}
