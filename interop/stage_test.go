package interop_test

import (
	"fmt"
	"html/template"
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

	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/enumeratee/items"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/httpadaptertest"
)

// A reader is a client that others wrote.
type reader struct {
	start starter

	// bareID is true if the client heeds an event that has an id and no data. Other clients cannot resume after a
	// cut before the first message.
	bareID bool

	// cutAnywhere is true if a cut in the middle of an event does no harm. Other clients get half of that event, or
	// lose it: fetch-event-source and Datastar take an id at the end of its line, so they lose the event if the cut
	// comes before the byte that follows, the end of the event. Ten random cuts hit that byte too often for a test.
	cutAnywhere bool
}

// A starter starts a client that reads the stream at url until the test ends. got returns the events that the
// client has got, each as a line of its type and its data.
type starter func(t *testing.T, url string) (got func() []string)

// A source is the argument of [client.Handler].
type source = func(*http.Request, enumerator.Position) (enumerator.Enumerator[enumerator.Item[int]], error)

// others returns the handler of a stream for clients that do not use our script.
func others(source source) http.Handler { return client.Handler(source, heartbeat) }

var heartbeat = httpadapter.Heartbeat(10*time.Millisecond, nil)

// A stage is a server of a hub of numbers, with a proxy before it for one client.
type stage struct {
	*testing.T
	url    string // of the stream, through the proxy
	server *httptest.Server
	proxy  *httpadaptertest.Proxy
	writes atomic.Int64 // of all responses

	state  sync.Mutex // guards hub and pushed
	hub    *enumerator.Hub[int]
	pushed int // the numbers up to pushed-1 were pushed, perhaps into an earlier hub

	door   sync.Mutex // is locked while clients must not come in
	chance *rand.Rand // if it is not nil, each connection is cut at a random byte
	asked  int        // the number of requests for the stream
}

const (
	capacity = 1 << 14 // of a hub
	dropped  = -1      // a number that clients do not get
)

func newStage(t *testing.T, handler func(source) http.Handler) *stage {
	s := &stage{T: t}
	s.restart(0)
	stream := handler(func(_ *http.Request, after enumerator.Position) (enumerator.Enumerator[enumerator.Item[int]], error) {
		hub, _ := s.now()
		return enumerator.Through(hub.From(after), items.Filter(func(n int) bool { return n != dropped })), nil
	})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /stream", func(w http.ResponseWriter, r *http.Request) {
		s.admit()
		stream.ServeHTTP(&soon{ResponseWriter: w, writes: &s.writes}, r)
	})
	mux.HandleFunc("GET /pages/{name}", func(w http.ResponseWriter, r *http.Request) { s.page(w, r.PathValue("name")) })
	mux.Handle("GET /node_modules/", unhurried(http.FileServer(http.Dir("."))))
	s.server = httpadaptertest.NewServer(t, mux)
	s.proxy = httpadaptertest.NewProxy(t, s.server.URL)
	s.url = s.proxy.URL + "/stream"
	return s
}

// unhurried is for scripts, which can have a megabyte. A busy machine needs longer for one than httpadaptertest.Timeout.
func unhurried(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
		h.ServeHTTP(w, r)
	})
}

// admit returns when a client may come in.
func (s *stage) admit() {
	s.door.Lock()
	defer s.door.Unlock()
	s.asked++
	if s.chance != nil {
		s.proxy.Cut(1 + s.chance.Int64N(1500))
	}
}

// soon is the response of a stream that tells the client to come back soon after a cut.
type soon struct {
	http.ResponseWriter
	writes *atomic.Int64
	told   bool
}

func (w *soon) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *soon) Write(b []byte) (int, error) {
	if w.writes.Add(1); !w.told {
		w.told = true
		if _, err := w.ResponseWriter.Write([]byte("retry: 20\n\n")); err != nil {
			return 0, err
		}
	}
	return w.ResponseWriter.Write(b)
}

var pages = template.Must(template.ParseGlob("pages/*.html"))

// page answers with a page that shows the numbers that were pushed so far, and reads the stream from there.
func (s *stage) page(w http.ResponseWriter, name string) {
	s.state.Lock()
	data := struct {
		Numbers  int
		Position enumerator.Position
	}{s.pushed, s.hub.Position()}
	s.state.Unlock()
	assert.NoError(s, pages.ExecuteTemplate(w, name, data))
}

// now returns the hub and the number of runs that it has.
func (s *stage) now() (hub *enumerator.Hub[int], runs int) {
	s.state.Lock()
	defer s.state.Unlock()
	return s.hub, s.hub.Runs()
}

// restart begins with a new hub, as a server does that has started again. The next lost numbers were pushed into
// neither hub.
func (s *stage) restart(lost int) {
	s.state.Lock()
	defer s.state.Unlock()
	s.hub = enumerator.Broadcast[int](enumerator.Capacity(capacity))
	s.pushed += lost
}

// push pushes the next n numbers.
func (s *stage) push(n int) {
	s.state.Lock()
	defer s.state.Unlock()
	for range n {
		assert.NoError(s, s.hub.Push(s.Context(), s.pushed))
		s.pushed++
	}
}

// drop pushes more numbers that clients do not get than the hub holds.
func (s *stage) drop() {
	s.Helper()
	hub, _ := s.now()
	for n := range capacity + 100 {
		assert.NoError(s, hub.Push(s.Context(), dropped))
		if n%1000 == 0 {
			s.beat() // the run has caught up
		}
	}
	s.beat()
}

// beat waits for heartbeats: no message is pushed meanwhile.
func (s *stage) beat() {
	s.Helper()
	before := s.writes.Load()
	s.eventually(func() bool { return s.writes.Load() >= before+5 })
}

// away waits for the client, cuts the connection after all bytes that were sent, and calls f before the client can come back.
func (s *stage) away(f func()) {
	s.Helper()
	s.runs(1)
	s.door.Lock()
	defer s.door.Unlock()
	s.server.CloseClientConnections()
	s.runs(0)
	f()
}

// storm pushes numbers while each connection is cut at a random byte, until the client has come back n times.
func (s *stage) storm(n int) {
	s.Helper()
	seed := rand.Uint64()
	s.Logf("the seed of the cuts is %d", seed)
	enough := n + s.weather(rand.New(rand.NewPCG(seed, 0)), 100)
	pace := time.NewTicker(2 * time.Millisecond)
	defer pace.Stop()
	for s.requests() < enough {
		s.push(1)
		require.Less(s, s.pushed, capacity, "the client does not come back")
		<-pace.C
	}
	s.weather(nil, -1)
}

// weather sets the chance of cuts on later connections, and cuts the one that is open after so many bytes, if
// bytes is not negative. It returns the number of requests so far.
func (s *stage) weather(chance *rand.Rand, bytes int64) int {
	s.door.Lock()
	defer s.door.Unlock()
	s.chance = chance
	s.proxy.Cut(bytes)
	return s.asked
}

func (s *stage) requests() int {
	s.door.Lock()
	defer s.door.Unlock()
	return s.asked
}

// runs waits until the hub has n runs.
func (s *stage) runs(n int) {
	s.Helper()
	s.eventually(func() bool {
		_, runs := s.now()
		return runs == n
	})
}

// patience is how long a test waits for something that takes a moment on a machine that is not busy.
const patience = time.Minute

func (s *stage) eventually(condition func() bool) {
	s.Helper()
	require.Eventually(s, condition, patience, 5*time.Millisecond)
}

// expect waits until the client has got the events want, and nothing else.
func (s *stage) expect(got func() []string, want []string) {
	s.Helper()
	if !assert.Eventually(s, func() bool { return slices.Equal(want, got()) }, patience, 5*time.Millisecond) {
		require.Equal(s, want, got())
	}
}

// messages returns the lines of the numbers from first to end-1.
func messages(first, end int) (lines []string) {
	for n := first; n < end; n++ {
		lines = append(lines, fmt.Sprint("message ", n))
	}
	return lines
}

// exactlyOnce tests that a client gets each message once and in order.
func exactlyOnce(t *testing.T, read reader) {
	t.Parallel()
	s := newStage(t, others)
	got := read.start(t, s.url)
	s.disturb(read, got)

	if read.bareID {
		s.drop()
		s.away(func() { s.push(1) })
		s.expect(got, messages(0, s.pushed)) // and no reset
	}

	before := s.pushed
	s.away(func() {
		s.restart(5)
		s.push(2)
	})
	s.expect(got, slices.Concat(messages(0, before), []string{"reset null"}, messages(before+5, s.pushed)))
}

// disturb pushes numbers while it sends heartbeats and cuts connections: before the first message and later.
func (s *stage) disturb(read reader, got func() []string) {
	s.Helper()
	s.beat()
	if !read.bareID {
		s.push(1)
		s.expect(got, messages(0, 1))
	}
	s.away(func() { s.push(3) })
	s.expect(got, messages(0, s.pushed))
	s.beat()
	if read.cutAnywhere {
		s.storm(10)
	} else {
		for range 10 {
			s.away(func() { s.push(5) })
			s.expect(got, messages(0, s.pushed)) // or a cut could come in the middle of a burst, and of an event
		}
	}
	s.beat()
	s.away(func() { s.push(10) })
	s.expect(got, messages(0, s.pushed))
}
