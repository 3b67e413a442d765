package httpadapter_test

import (
	"bytes"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/httpadaptertest"
	"github.com/halley-go/halley/iteratee"
)

// Many responses are runs of one hub: each element is encoded once, and a client that
// has stopped reading holds up nobody.
func TestManyResponsesOfOneHub(t *testing.T) {
	leavesNothing(t)
	const clients, elements = 30, 100
	padding := bytes.Repeat([]byte(" "), 8<<10)
	var encoded atomic.Int32
	encode := enumeratee.Map(func(n int) []byte {
		encoded.Add(1)
		return fmt.Appendf(nil, "%d%s\n", n, padding)
	})
	hub := enumerator.Broadcast[[]byte](enumerator.Capacity(4))
	stalled := make(chan httpadapter.Outcome, 1)
	live := httpadapter.Handler(
		func(*http.Request) (enumerator.Enumerator[[]byte], error) {
			return enumerator.Values(hub.Live(), nil), nil
		},
		httpadapter.WriteTimeout(patience),
		httpadapter.OnEnd(func(r *http.Request, o httpadapter.Outcome) {
			if r.URL.Path == "/stalled" {
				stalled <- o
			}
		}),
	)
	srv := narrow(unstarted(t, live))
	srv.Start()

	var good []*listener
	for range clients {
		good = append(good, listenTo(t, srv.URL))
	}
	lazy := httpadaptertest.Get(t, srv.URL+"/stalled")
	require.Eventually(t, func() bool { return hub.Runs() == clients+1 }, patience, time.Millisecond)

	for n := range elements {
		_, err := enumerator.Run(t.Context(), enumerator.Through(enumerator.Of(n+1), encode), iteratee.ForEach(hub.Push))
		require.NoError(t, err)
		got(t, good, n+1) // whether the lazy one has taken it or not
	}
	assert.EqualValues(t, elements, encoded.Load())
	lazy.Reset()
	o := receive(t, stalled, "the stalled client")
	assert.Less(t, o.Chunks, elements)
	assert.NotEqual(t, httpadapter.EndOfSource, o.Reason)

	hub.End()
	for _, l := range good {
		assert.ErrorContains(t, receive(t, l.ended, "a client"), "EOF")
	}
}
