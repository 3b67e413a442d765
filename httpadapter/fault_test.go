package httpadapter_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/httpadaptertest"
	"github.com/halley-go/halley/iteratee"
)

// leavesNothing fails the test if goroutines, descriptors or memory are left at its end. The testing
// package keeps the clients of a crowd until then; its streams take 60 MiB.
func leavesNothing(t *testing.T) {
	known := goleak.IgnoreCurrent()
	before, files := inUse(), descriptors()
	t.Cleanup(func() {
		goleak.VerifyNone(t, known)
		assert.Eventually(t, func() bool { return descriptors() <= files }, patience, 10*time.Millisecond, "descriptors")
		assert.Eventually(t, func() bool { return inUse() < before+(16<<20) }, patience, 10*time.Millisecond, "memory in use")
	})
}

// descriptors returns the number of open descriptors, or 0 if the system does not tell.
func descriptors() int {
	files, _ := os.ReadDir("/proc/self/fd")
	return len(files)
}

func inUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

// ticker is a source shared by many: each run emits the numbers that come after it has
// started, each on a line, until ctx ends.
type ticker struct {
	mu   sync.Mutex
	n    int
	next chan struct{} // closed by the next tick
	runs atomic.Int32
}

func newTicker() *ticker { return &ticker{next: make(chan struct{})} }

func (s *ticker) tick() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	close(s.next)
	s.next = make(chan struct{})
	return s.n
}

func (s *ticker) at() (int, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n, s.next
}

func (s *ticker) enumerator() enumerator.Enumerator[[]byte] {
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[[]byte]) iteratee.Step {
		sent, _ := s.at()
		s.runs.Add(1) // from here on nothing is missed
		defer s.runs.Add(-1)
		for {
			n, next := s.at()
			for ; sent < n; sent++ {
				if step := sink.Next(fmt.Appendf(nil, "%d\n", sent+1)); !step.IsCont() {
					return step
				}
			}
			select {
			case <-ctx.Done():
				return iteratee.StepError(context.Cause(ctx))
			case <-next:
			}
		}
	})
}

// A listener is a client of a ticker.
type listener struct {
	client *httpadaptertest.Client
	last   atomic.Int64 // the last number it got
	ended  chan error   // what its reading ended with: a gap, or io.EOF
}

func listenTo(t *testing.T, url string) *listener {
	l := &listener{client: httpadaptertest.Get(t, url), ended: make(chan error, 1)}
	go func() { l.ended <- l.read() }()
	return l
}

func (l *listener) read() error {
	res, err := http.ReadResponse(bufio.NewReaderSize(l.client, 64), nil)
	if err != nil {
		return err
	}
	lines := bufio.NewReaderSize(res.Body, 64)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return err
		}
		var n int64
		if _, err := fmt.Sscan(line, &n); err != nil {
			return err
		}
		if last := l.last.Swap(n); last != 0 && n != last+1 {
			return fmt.Errorf("%d came after %d", n, last)
		}
	}
}

// scene is a server with one stream that has a fault, on /bad, and one that ticks.
type scene struct {
	*httptest.Server
	bad     chan httpadapter.Outcome
	ticker  *ticker
	good    []*listener
	panics  chan any
	badRuns atomic.Int32
	shared  bool // the handler runs the source for all streams
}

// A kind is a way to serve a source to clients.
type kind struct {
	name    string
	handler func(source enumerator.Enumerator[[]byte], opts ...httpadapter.Option) http.Handler
}

var kinds = []kind{{"Handler", byHandler}, {"Fanout", byFanout}}

func byHandler(source enumerator.Enumerator[[]byte], opts ...httpadapter.Option) http.Handler {
	return httpadapter.Handler(func(*http.Request) (enumerator.Enumerator[[]byte], error) { return source, nil }, opts...)
}

// byFanout cuts off a client that has lost a chunk.
func byFanout(source enumerator.Enumerator[[]byte], opts ...httpadapter.Option) http.Handler {
	return httpadapter.Fanout(enumerator.Share(source), chunksOnly(), func(*http.Request) (enumerator.Position, int, error) {
		return enumerator.Position{}, 10, nil
	}, append(opts, httpadapter.Logger(slog.New(slog.DiscardHandler)))...)
}

func chunksOnly() enumeratee.Enumeratee[enumerator.Item[[]byte], []byte] {
	return enumeratee.MapM(func(_ context.Context, i enumerator.Item[[]byte]) ([]byte, error) { return i.Value, i.Lost() })
}

func newScene(t *testing.T, of kind, bad enumerator.Enumerator[[]byte], opts ...httpadapter.Option) *scene {
	leavesNothing(t)
	s := &scene{bad: make(chan httpadapter.Outcome, 10), ticker: newTicker(), panics: make(chan any, 10), shared: of.name == "Fanout"}
	mux := http.NewServeMux()
	counted := enumerator.New(func(ctx context.Context, sink iteratee.Sink[[]byte]) iteratee.Step {
		s.badRuns.Add(1)
		defer s.badRuns.Add(-1)
		return bad.Into(ctx, sink)
	})
	mux.Handle("/bad", of.handler(counted, append(opts,
		httpadapter.WriteTimeout(200*time.Millisecond),
		httpadapter.OnEnd(func(_ *http.Request, o httpadapter.Outcome) { s.bad <- o }))...))
	mux.Handle("/good", byHandler(s.ticker.enumerator()))
	s.Server = narrow(unstarted(t, mux))
	s.Config.WriteTimeout = httpadaptertest.Timeout
	s.Config.IdleTimeout = httpadaptertest.Timeout // ends the connection after a stream
	s.Start()
	for range 10 {
		s.good = append(s.good, listenTo(t, s.URL+"/good"))
	}
	return s
}

// narrow gives the server small send buffers, so that a client that stops reading is
// felt soon.
func narrow(srv *httptest.Server) *httptest.Server {
	srv.Config.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		_ = unlayered(conn).(*net.TCPConn).SetWriteBuffer(32 << 10)
		return ctx
	}
	return srv
}

// tick sends one more tick, and waits until each listener has got it.
func (s *scene) tick(t *testing.T) {
	t.Helper()
	if !assert.Eventually(t, func() bool { return int(s.ticker.runs.Load()) >= len(s.good) }, patience, time.Millisecond) {
		for _, l := range s.good {
			select {
			case err := <-l.ended:
				t.Fatalf("a client that should go on has ended: %v", err)
			default:
			}
		}
		t.FailNow()
	}
	n := s.ticker.tick()
	for _, l := range s.good {
		require.Eventually(t, func() bool { return l.last.Load() == int64(n) }, patience, time.Millisecond, "tick %d", n)
	}
}

// over waits for the end of the bad stream, after which nothing of it is left.
func (s *scene) over(t *testing.T, want httpadapter.Reason) httpadapter.Outcome {
	t.Helper()
	s.tick(t)
	o := receive(t, s.bad, "the end of the bad stream")
	assert.Equal(t, want, o.Reason, "%v", o.Err)
	if s.shared { // the run of the source may end after the stream
		assert.Eventually(t, func() bool { return s.badRuns.Load() == 0 }, patience, time.Millisecond)
	}
	assert.Zero(t, s.badRuns.Load(), "the source has ended before the stream")
	s.tick(t)
	return o
}

// TestFaults lets one stream go wrong in each way, while others go on.
func TestFaults(t *testing.T) {
	for _, of := range kinds {
		t.Run(of.name, func(t *testing.T) { testFaults(t, of) })
	}
}

func testFaults(t *testing.T, of kind) {
	forever := enumerator.New(func(ctx context.Context, _ iteratee.Sink[[]byte]) iteratee.Step {
		<-ctx.Done()
		return iteratee.StepError(context.Cause(ctx))
	})
	var closed atomic.Int32
	flood := endless(10_000, &closed)
	first := enumerator.Of([]byte("first\n"))

	t.Run("the client stops reading", func(t *testing.T) {
		s := newScene(t, of, flood)
		httpadaptertest.Get(t, s.URL+"/bad")
		assert.ErrorIs(t, s.over(t, httpadapter.ClientGone).Err, os.ErrDeadlineExceeded)
	})
	t.Run("the client stops reading, the source is idle", func(t *testing.T) {
		s := newScene(t, of, forever, httpadapter.Heartbeat(time.Millisecond, []byte(strings.Repeat("-", 10_000))))
		httpadaptertest.Get(t, s.URL+"/bad")
		s.over(t, httpadapter.ClientGone)
	})
	t.Run("the client vanishes without a word", func(t *testing.T) {
		s := newScene(t, of, flood)
		p := httpadaptertest.NewProxy(t, s.URL)
		c := httpadaptertest.Get(t, p.URL+"/bad")
		assert.Equal(t, 200, c.Response().StatusCode)
		p.Freeze()
		_ = c.Close()
		assert.ErrorIs(t, s.over(t, httpadapter.ClientGone).Err, os.ErrDeadlineExceeded)
	})
	t.Run("the client reads a byte now and then", func(t *testing.T) {
		s := newScene(t, of, flood)
		c := httpadaptertest.Get(t, s.URL+"/bad")
		read := make(chan int)
		go func() { read <- c.Trickle(time.Millisecond) }()
		s.over(t, httpadapter.ClientGone)
		c.Reset()
		assert.Positive(t, receive(t, read, "the client"))
	})
	t.Run("the client resets within a chunk", func(t *testing.T) {
		s := newScene(t, of, flood)
		c := httpadaptertest.Get(t, s.URL+"/bad")
		res := c.Response()
		_, err := io.CopyN(io.Discard, res.Body, 15_000) // a chunk and a half
		require.NoError(t, err)
		c.Reset()
		s.over(t, httpadapter.ClientGone)
	})
	t.Run("the source blocks for ever and the client leaves", func(t *testing.T) {
		s := newScene(t, of, first.AndThen(forever))
		c := httpadaptertest.Get(t, s.URL+"/bad")
		_, err := io.CopyN(io.Discard, c.Response().Body, 6)
		require.NoError(t, err)
		s.tick(t)
		_ = c.Close()
		s.over(t, httpadapter.ClientGone)
	})
	t.Run("the source fails", func(t *testing.T) {
		s := newScene(t, of, first.AndThen(failing(errBoom)))
		body, err := io.ReadAll(httpadaptertest.Get(t, s.URL+"/bad").Response().Body)
		assert.Equal(t, "first\n", string(body))
		assert.Equal(t, io.ErrUnexpectedEOF, err)
		assert.Equal(t, errBoom, s.over(t, httpadapter.Failed).Err)
	})
	t.Run("the source panics", func(t *testing.T) {
		read := make(chan struct{}) // closed when the client has the first element: an earlier panic can come before the head
		s := newScene(t, of, first.AndThen(enumerator.Generate(func(ctx context.Context) ([]byte, bool, error) {
			select {
			case <-read:
			case <-ctx.Done():
			}
			panic(errBoom)
		})))
		body := httpadaptertest.Get(t, s.URL+"/bad").Response().Body
		got := make([]byte, 6)
		_, err := io.ReadFull(body, got)
		require.NoError(t, err)
		assert.Equal(t, "first\n", string(got))
		close(read)
		rest, err := io.ReadAll(body)
		assert.Empty(t, rest)
		assert.Equal(t, io.ErrUnexpectedEOF, err)
		s.over(t, httpadapter.Panicked)
	})
	t.Run("the source ends early", func(t *testing.T) {
		s := newScene(t, of, first)
		body, err := io.ReadAll(httpadaptertest.Get(t, s.URL+"/bad").Response().Body)
		assert.NoError(t, err)
		assert.Equal(t, "first\n", string(body))
		s.over(t, httpadapter.EndOfSource)
	})
	t.Run("a proxy holds back half a chunk", func(t *testing.T) {
		s := newScene(t, of, enumerator.Of([]byte(strings.Repeat("a", 1000))).AndThen(after(20*time.Millisecond, nil, "b")))
		p := httpadaptertest.NewProxy(t, s.URL)
		p.Hold(700)
		body, err := io.ReadAll(httpadaptertest.Get(t, p.URL+"/bad").Response().Body)
		assert.NoError(t, err)
		assert.Equal(t, strings.Repeat("a", 1000)+"b", string(body))
		s.over(t, httpadapter.EndOfSource)
	})
	t.Run("a proxy cuts within a chunk", func(t *testing.T) {
		s := newScene(t, of, flood)
		p := httpadaptertest.NewProxy(t, s.URL)
		p.Cut(15_000)
		_, err := io.ReadAll(httpadaptertest.Get(t, p.URL+"/bad").Response().Body)
		assert.Error(t, err)
		s.over(t, httpadapter.ClientGone)
	})
}

// A stream outlives ReadTimeout and WriteTimeout of its server, after a request with
// a body too if that was read.
func TestServerWithShortTimeouts(t *testing.T) {
	leavesNothing(t)
	numbers := enumerator.Empty[[]byte]()
	for i := range 3 {
		numbers = numbers.AndThen(after(httpadaptertest.Timeout/2, nil, fmt.Sprint(i)))
	}
	srv := httpadaptertest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		assert.NoError(t, httpadapter.Serve(w, r, numbers))
	}))
	for _, body := range []io.Reader{nil, strings.NewReader("a body")} {
		for range 2 { // on one connection
			res, err := srv.Client().Post(srv.URL, "", body)
			require.NoError(t, err)
			got, err := io.ReadAll(res.Body)
			assert.NoError(t, err)
			assert.Equal(t, "012", string(got))
			_ = res.Body.Close()
			if body != nil {
				body = strings.NewReader("another")
			}
		}
	}
	srv.Client().CloseIdleConnections()
}
