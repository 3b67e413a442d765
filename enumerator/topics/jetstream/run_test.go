package jetstream_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/iteratee"
)

// Runs under way are told a Reset, although the Positions of the new stream have the same Epoch and are less.
func TestRunsOfAStreamThatIsMadeAnew(t *testing.T) {
	t.Parallel()
	nc := start(t, t.TempDir())
	s := open(t, nc, "test")
	all := topics.New[string](s)
	defer all.Close()
	news := all.Topic("news")
	for range 20 {
		_, err := news.Publish(timeout(t), "", "old")
		require.NoError(t, err)
	}
	got := make(chan enumerator.Item[string], 100)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := enumerator.Run(ctx, news.Last(1), iteratee.ForEach(func(_ context.Context, i enumerator.Item[string]) error { got <- i; return nil }))
		done <- err
	}()
	defer func() { cancel(); <-done }()
	next := func() (i enumerator.Item[string]) {
		t.Helper()
		select {
		case i = <-got:
		case <-time.After(20 * time.Second):
			t.Fatal("nothing comes")
		}
		return i
	}
	require.True(t, next().Bookmark)
	require.Equal(t, "old", next().Value)
	require.True(t, next().Bookmark)
	require.NoError(t, management(t, nc).DeleteStream(timeout(t), "test"))
	open(t, nc, "test")
	_, err := news.Publish(timeout(t), "", "new")
	require.NoError(t, err)
	require.True(t, next().Reset)
	require.Equal(t, "new", next().Value)
}
