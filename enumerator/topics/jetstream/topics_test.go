//go:build !fuzz

package jetstream_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
)

// follow sends what a run hands on to a channel, until the test ends.
func follow(t *testing.T, source enumerator.Enumerator[enumerator.Item[string]]) <-chan enumerator.Item[string] {
	ctx, cancel := context.WithCancel(context.Background())
	got := make(chan enumerator.Item[string], 100)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for item, err := range enumerator.All(ctx, source) {
			if err == nil {
				got <- item
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return got
}

func receive(t *testing.T, got <-chan enumerator.Item[string]) enumerator.Item[string] {
	t.Helper()
	select {
	case item := <-got:
		return item
	case <-time.After(30 * time.Second):
		require.Fail(t, "a run is silent")
		panic("unreachable")
	}
}

// Runs under way and clients that come back get a Reset when the stream was replaced.
func TestRunsOverAStreamThatIsMadeAnew(t *testing.T) {
	t.Parallel()
	nc := start(t, t.TempDir())
	topic := topics.New[string](open(t, nc, "test")).Topic("a")
	for range 3 {
		_, err := topic.Publish(timeout(t), "", "old")
		require.NoError(t, err)
	}
	live := follow(t, topic.Beginning())
	require.True(t, receive(t, live).Bookmark)
	var last enumerator.Item[string]
	for range 3 {
		last = receive(t, live)
		require.Equal(t, "old", last.Value)
	}
	require.True(t, receive(t, live).Bookmark)

	require.NoError(t, management(t, nc).DeleteStream(timeout(t), "test"))
	open(t, nc, "test")
	_, err := topic.Publish(timeout(t), "", "new")
	require.NoError(t, err)
	isReset := func(run <-chan enumerator.Item[string]) {
		t.Helper()
		require.True(t, receive(t, run).Reset)
		require.Equal(t, "new", receive(t, run).Value)
	}
	isReset(live)
	isReset(follow(t, topic.From(last.Position)))
}

// A run that the memory of its topic has overtaken goes on in the stream, without a Reset.
func TestRunsAreExact(t *testing.T) {
	t.Parallel()
	nc := start(t, t.TempDir())
	topic := topics.New[string](open(t, nc, "test"), enumerator.Capacity(8)).Topic("a")
	run := follow(t, topic.Last(0))
	require.True(t, receive(t, run).Bookmark)
	for range 50 {
		_, err := topic.Publish(timeout(t), "", "x")
		require.NoError(t, err)
	}
	var last enumerator.Position
	for range 50 {
		item := receive(t, run)
		require.False(t, item.Reset)
		require.Equal(t, "x", item.Value)
		require.Greater(t, item.Position.Seq, last.Seq)
		last = item.Position
	}
}
