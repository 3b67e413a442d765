package httpadapter_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
)

// lines encodes Items, each as a line.
func lines() enumeratee.Enumeratee[enumerator.Item[string], []byte] {
	return enumeratee.Map(func(i enumerator.Item[string]) []byte {
		switch {
		case i.Gap.N > 0:
			return fmt.Appendf(nil, "gap %d\n", i.Gap.N)
		case i.Reset:
			return []byte("reset\n")
		case i.Bookmark:
			return []byte("bookmark\n")
		}
		return []byte(i.Value + "\n")
	})
}

func TestFanoutSlice(t *testing.T) {
	leavesNothing(t)
	hub := enumerator.Broadcast[string]()
	ended := make(chan httpadapter.Outcome, 1)
	srv := httptest.NewServer(httpadapter.Fanout(hub, lines(), func(r *http.Request) (enumerator.Position, int, error) {
		return enumerator.Position{}, 1, nil
	}, httpadapter.OnEnd(func(_ *http.Request, o httpadapter.Outcome) { ended <- o })))
	defer srv.Close()
	ctx := context.Background()
	require.NoError(t, hub.Push(ctx, "a"))
	res, err := http.Get(srv.URL)
	require.NoError(t, err)
	t.Log(res.Header)
	b := bufio.NewReader(res.Body)
	line, err := b.ReadString('\n')
	require.NoError(t, err)
	assert.Equal(t, "bookmark\n", line)
	line, err = b.ReadString('\n')
	require.NoError(t, err)
	assert.Equal(t, "a\n", line)
	require.NoError(t, hub.Push(ctx, "b"))
	line, err = b.ReadString('\n')
	require.NoError(t, err)
	assert.Equal(t, "b\n", line)
	hub.End()
	rest, err := io.ReadAll(b)
	require.NoError(t, err)
	assert.Empty(t, rest)
	o := <-ended
	assert.Equal(t, httpadapter.EndOfSource, o.Reason)
	assert.Equal(t, 3, o.Chunks)
	assert.Less(t, o.Duration, time.Minute)
	t.Log(o)
}
