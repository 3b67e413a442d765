package httpadapter_test

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/internal/probe"
)

// crowd is many listeners of one ticker.
type crowd struct {
	*httptest.Server
	ticker  *ticker
	clients []*listener
	ends    sync.Map // of httpadapter.Reason: *atomic.Int32
}

func newCrowd(t *testing.T) *crowd {
	leavesNothing(t)
	size := 500
	if probe.Long() {
		size = 2000
	}
	s := &crowd{ticker: newTicker()}
	s.Server = unstarted(t, httpadapter.Handler(
		func(*http.Request) (enumerator.Enumerator[[]byte], error) { return s.ticker.enumerator(), nil },
		httpadapter.OnEnd(func(_ *http.Request, o httpadapter.Outcome) {
			n, _ := s.ends.LoadOrStore(o.Reason, new(atomic.Int32))
			n.(*atomic.Int32).Add(1)
		}),
	))
	httpadapter.Drain(s.Config)
	s.Start()
	s.join(t, size)
	return s
}

func (s *crowd) join(t *testing.T, n int) {
	for range n {
		s.clients = append(s.clients, listenTo(t, s.URL))
	}
}

// leave has n clients leave, some with a reset.
func (s *crowd) leave(n int) {
	for range n {
		i := rand.IntN(len(s.clients))
		l := s.clients[i]
		s.clients = slices.Delete(s.clients, i, i+1)
		if n%2 == 0 {
			l.client.Reset()
		} else {
			_ = l.client.Close()
		}
	}
}

func (s *crowd) ended(r httpadapter.Reason) int {
	if n, ok := s.ends.Load(r); ok {
		return int(n.(*atomic.Int32).Load())
	}
	return 0
}

// settle waits until there is a stream for each client.
func (s *crowd) settle(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool { return int(s.ticker.runs.Load()) == len(s.clients) }, patience, time.Millisecond)
}

// got waits until each of the clients has got n, or fails the test.
func got(t *testing.T, clients []*listener, n int) {
	t.Helper()
	for _, l := range clients {
		require.Eventually(t, func() bool { return l.last.Load() >= int64(n) }, patience, time.Millisecond, "tick %d", n)
	}
}

// shutdown ends all streams, and checks that each client has got every number and the
// end of a complete response.
func (s *crowd) shutdown(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	assert.NoError(t, s.Config.Shutdown(ctx))
	for _, l := range s.clients {
		assert.Equal(t, io.EOF, receive(t, l.ended, "a client"))
	}
	assert.Equal(t, len(s.clients), s.ended(httpadapter.Drained))
	assert.Zero(t, s.ticker.runs.Load())
}

func TestShutdownWithManyStreamsOpen(t *testing.T) {
	s := newCrowd(t)
	s.settle(t)
	got(t, s.clients, s.ticker.tick())
	s.shutdown(t)
	assert.Zero(t, s.ended(httpadapter.ClientGone))
}

// Twenty times a twentieth of the clients leaves and as many come, while a number is on its way
// to all; in the long form it is once a second. Whoever stays gets each number before the next
// is made.
func TestCrowdThatComesAndGoes(t *testing.T) {
	s := newCrowd(t)
	part := len(s.clients) / 20
	s.settle(t)
	pace := time.Millisecond
	if probe.Long() {
		pace = time.Second
	}
	second := time.NewTicker(pace)
	defer second.Stop()
	for range 20 {
		<-second.C
		n := s.ticker.tick()
		s.leave(part)
		stayed := slices.Clone(s.clients)
		s.join(t, part)
		got(t, stayed, n)
		s.settle(t) // or one that is coming could miss the next number
	}
	got(t, s.clients, s.ticker.tick())
	assert.Eventually(t, func() bool { return s.ended(httpadapter.ClientGone) == 20*part }, patience, time.Millisecond)
	s.shutdown(t)
}
