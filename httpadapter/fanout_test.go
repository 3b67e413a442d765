package httpadapter_test

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumeratee/items"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/compress"
	"github.com/halley-go/halley/httpadapter/httpadaptertest"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

// lines makes a line of each Item, without the Epoch. An empty value has no line, the value "fail" is an error, and
// the value "panic" panics. The heading comes before the Items, and a line after them.
func lines(heading string) enumeratee.Enumeratee[enumerator.Item[string], []byte] {
	return enumeratee.New(func(stage enumeratee.Stage, out iteratee.Outlet[[]byte]) (iteratee.Sink[enumerator.Item[string]], iteratee.Step) {
		return &lining{Stage: stage, out: out}, out.Next([]byte(heading))
	})
}

type lining struct {
	enumeratee.Stage
	out  iteratee.Outlet[[]byte]
	done bool
}

func (l *lining) Next(i enumerator.Item[string]) iteratee.Step {
	seq := i.Position.Seq
	switch {
	case i.Gap.N > 0:
		return l.out.Next(fmt.Appendf(nil, "gap of %d from %d to %d\n", i.Gap.N, i.Gap.From.Seq, seq))
	case i.Reset:
		return l.out.Next(fmt.Appendf(nil, "reset at %d\n", seq))
	case i.Bookmark:
		return l.out.Next(fmt.Appendf(nil, "bookmark at %d\n", seq))
	case i.Value == "fail":
		return iteratee.StepError(errBoom)
	case i.Value == "panic":
		panic(errBoom)
	case i.Value == "":
		return iteratee.StepCont
	}
	step := l.out.Next(fmt.Appendf(nil, "%d ", seq)) // two chunks
	if step.IsCont() {
		step = l.out.Next([]byte(i.Value + "\n"))
	}
	return step
}

func (l *lining) EOF() iteratee.Step {
	if !l.done {
		l.done = true
		if step := l.out.Next([]byte("ending\n")); !step.IsCont() {
			return step
		}
	}
	return l.Stop()
}

func (l *lining) Rest() iteratee.Input[enumerator.Item[string]] {
	return iteratee.Empty[enumerator.Item[string]]()
}

// where begins a stream after the Position in the query, or with the last elements.
func where(r *http.Request) (after enumerator.Position, last int, err error) {
	q := r.URL.Query()
	if after, err = enumerator.ParsePosition(q.Get("after")); err != nil {
		return after, 0, &httpadapter.StatusError{Status: http.StatusBadRequest, Err: err}
	}
	if q.Has("last") {
		_, err = fmt.Sscan(q.Get("last"), &last)
	}
	return after, last, err
}

// concert is a hub that a Fanout serves.
type concert struct {
	*httptest.Server
	hub    *enumerator.Hub[string]
	ends   chan httpadapter.Outcome
	logged func() string
}

// newConcert serves a hub by a Fanout.
func newConcert(t *testing.T, opts ...httpadapter.Option) *concert {
	return newConcertOf(t, lines(""), nil, opts...)
}

// newConcertOf serves a hub by a Fanout within wrap, which may be nil.
func newConcertOf(t *testing.T, encode enumeratee.Enumeratee[enumerator.Item[string], []byte], wrap func(http.Handler) http.Handler, opts ...httpadapter.Option) *concert {
	c := &concert{hub: enumerator.Broadcast[string](), ends: make(chan httpadapter.Outcome, 10_000), logged: probe.Logs(t)}
	h := httpadapter.Fanout(c.hub, encode, where, append(opts,
		httpadapter.OnEnd(func(_ *http.Request, o httpadapter.Outcome) { c.ends <- o }))...)
	if wrap != nil {
		h = wrap(h)
	}
	c.Server = unstarted(t, h)
	c.Config.ErrorLog = nil // package log
	return c
}

func (c *concert) push(t *testing.T, values ...string) {
	t.Helper()
	for _, value := range values {
		require.NoError(t, c.hub.Push(t.Context(), value))
	}
}

// a listening is a response that is read line by line.
type listening struct {
	*http.Response
	t *testing.T
	b *bufio.Reader
}

func (c *concert) listen(t *testing.T, query string) *listening {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", c.URL+"/?"+query, nil)
	require.NoError(t, err)
	res, err := c.Client().Do(r)
	require.NoError(t, err)
	t.Cleanup(func() { _ = res.Body.Close() })
	return &listening{res, t, bufio.NewReader(res.Body)}
}

// reads fails the test unless these lines come.
func (l *listening) reads(lines ...string) {
	l.t.Helper()
	for _, line := range lines {
		got, err := l.b.ReadString('\n')
		require.NoError(l.t, err)
		require.Equal(l.t, line, strings.TrimSuffix(got, "\n"))
	}
}

// skips reads lines that are equal to line.
func (l *listening) skips(line string) {
	l.t.Helper()
	for {
		next, err := l.b.Peek(len(line) + 1)
		require.NoError(l.t, err)
		if string(next) != line+"\n" {
			return
		}
		l.reads(line)
	}
}

// ends fails the test unless the response ends after these lines.
func (l *listening) ends(lines ...string) {
	l.t.Helper()
	l.reads(lines...)
	rest, err := io.ReadAll(l.b)
	require.NoError(l.t, err)
	require.Empty(l.t, string(rest))
}

// wrapped is a middleware that Fanout does not bypass.
func wrapped(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(onlyUnwrap{w}, r) })
}

var isLinux = runtime.GOOS == "linux"

// The streams of a Fanout are the same whether they are handed over or not.
func TestFanoutBeginsWhereStartSays(t *testing.T) {
	for name, tt := range map[string]struct {
		heading []string
		wrap    func(http.Handler) http.Handler
		opts    []httpadapter.Option
	}{
		"handed over":                {},
		"handed over, with gzip":     {opts: []httpadapter.Option{compress.Option()}},
		"with gzip and a heading":    {opts: []httpadapter.Option{compress.Option()}, heading: []string{"heading"}},
		"handed over after its head": {heading: []string{"heading"}},
		"not":                        {wrap: wrapped},
		"not, with a heading":        {heading: []string{"heading"}, wrap: wrapped},
	} {
		t.Run(name, func(t *testing.T) {
			leavesNothing(t)
			c := newConcertOf(t, lines(strings.Join(tt.heading, "")+strings.Repeat("\n", len(tt.heading))), tt.wrap, tt.opts...)
			c.Start()
			position := func(seq uint64) string {
				p := c.hub.Position()
				p.Seq = seq
				return p.String()
			}
			c.push(t, "a", "b", "", "d")
			live := c.listen(t, "")
			assert.Equal(t, tt.wrap == nil && isLinux, live.Close, "the header Connection")
			assert.Equal(t, tt.opts != nil, live.Uncompressed)
			live.reads(tt.heading...)
			live.reads("bookmark at 4")
			two := c.listen(t, "last=2")
			two.reads(tt.heading...)
			two.reads("bookmark at 2", "4 d")
			after := c.listen(t, "after="+position(1))
			after.reads(tt.heading...)
			after.reads("bookmark at 1", "2 b", "4 d")
			unknown := c.listen(t, "after="+enumerator.Position{Epoch: 1, Seq: 1}.String())
			unknown.reads(tt.heading...)
			unknown.reads("reset at 0", "1 a", "2 b", "4 d")
			res, err := c.Client().Get(c.URL + "/?after=nowhere")
			require.NoError(t, err)
			assert.Equal(t, 400, res.StatusCode)
			_ = res.Body.Close()

			c.push(t, "e")
			all := []*listening{live, two, after, unknown}
			for _, l := range all {
				l.reads("5 e")
			}

			// The source has given more than the run of the Fanout holds.
			for range 300 {
				c.push(t, "x")
				for _, l := range all { // in step, so that no client is too far behind
					l.reads(fmt.Sprintf("%d x", c.hub.Position().Seq))
				}
			}
			old := c.listen(t, "after="+position(5))
			old.reads(tt.heading...)
			old.reads("reset at 49")
			old.reads("50 x")
			many := c.listen(t, "last=256")
			many.reads(tt.heading...)
			many.reads("bookmark at 49")

			c.hub.End()
			for _, l := range all {
				l.ends("ending")
			}
			for seq := 50; seq <= 305; seq++ {
				many.reads(fmt.Sprintf("%d x", seq))
				if seq > 50 {
					old.reads(fmt.Sprintf("%d x", seq))
				}
			}
			many.ends("ending")
			old.ends("ending")
			last := c.listen(t, "last=1")
			last.reads(tt.heading...)
			last.ends("bookmark at 304", "305 x", "ending")

			chunks := 0
			for range 8 {
				o := receive(t, c.ends, "an outcome")
				if o.Reason == httpadapter.EndOfSource {
					chunks += o.Chunks
				}
			}
			elements := 4*301 + 1 + 2 + 3 + 2*256 + 1
			notices := 7 * (2 + len(tt.heading))
			assert.Equal(t, 2*elements+notices, chunks)
		})
	}
}

// The Outcome counts all Items of the client, from its own run and from the common run.
func TestFanoutCounts(t *testing.T) {
	for name, wrap := range map[string]func(http.Handler) http.Handler{"handed over": nil, "not handed over": wrapped} {
		t.Run(name, func(t *testing.T) {
			leavesNothing(t)
			c := newConcertOf(t, lines(""), wrap)
			c.Start()
			c.push(t, "a", "b")
			first := c.listen(t, "last=1")
			first.reads("bookmark at 1", "2 b")
			unknown := c.listen(t, "after="+enumerator.Position{Epoch: 1, Seq: 1}.String())
			unknown.reads("reset at 0", "1 a", "2 b")
			c.push(t, "c", "")
			c.hub.End()
			first.ends("3 c", "ending")
			unknown.ends("3 c", "ending")
			assert.ElementsMatch(t, []httpadapter.Counts{{Messages: 3}, {Messages: 4, Resets: 1, Resumed: true}},
				[]httpadapter.Counts{receive(t, c.ends, "an outcome").Counts, receive(t, c.ends, "an outcome").Counts})
		})
	}
}

// With gzip, the elements are encoded for all clients at once. A client gets them in good order, whenever it joins, between
// heartbeats and after gaps.
func TestFanoutGzip(t *testing.T) {
	leavesNothing(t)
	c := newConcert(t, compress.Option(), httpadapter.Heartbeat(20*time.Millisecond, []byte("beat\n")))
	c.Start()
	var all sync.WaitGroup
	const n = 400
	for i := range 20 {
		l := c.listen(t, "")
		assert.True(t, l.Uncompressed)
		last, beats := 0, 0
		line, err := l.b.ReadString('\n')
		require.NoError(t, err)
		_, err = fmt.Sscanf(line, "bookmark at %d\n", &last)
		require.NoError(t, err)
		all.Go(func() {
			for {
				line, err := l.b.ReadString('\n')
				if err == io.EOF {
					break
				}
				var lost, from, to int
				switch {
				case !assert.NoError(t, err):
					return
				case line == "beat\n":
					beats++
				case strings.HasPrefix(line, "gap"):
					_, _ = fmt.Sscanf(line, "gap of %d from %d to %d\n", &lost, &from, &to)
					assert.Equal(t, last+1, from)
					last = to
				case line != "ending\n":
					last++
					if !assert.Equal(t, fmt.Sprintf("%d the element %d\n", last, last), line) {
						return
					}
				}
			}
			assert.Equal(t, n, last)
		})
		for range n / 20 {
			c.push(t, fmt.Sprint("the element ", c.hub.Position().Seq+1))
		}
		if i%5 == 0 {
			time.Sleep(50 * time.Millisecond) // for heartbeats
		}
	}
	c.hub.End()
	all.Wait()
}

// Each of these programs decodes gzip in its own way.
func TestFanoutGzipForOthers(t *testing.T) {
	leavesNothing(t)
	c := newConcert(t, compress.Option(), httpadapter.Header("Content-Type", "text/plain"))
	c.Start()
	first := c.listen(t, "")
	first.reads("bookmark at 0")
	want := ""
	for i := range 300 {
		c.push(t, fmt.Sprintf("the element %d of many that are alike", i))
		if i >= 290 {
			want += fmt.Sprintf("%d the element %d of many that are alike\n", i+1, i)
		}
		first.reads(fmt.Sprintf("%d the element %d of many that are alike", i+1, i)) // or the hub could drop elements
	}
	t.Run("curl", func(t *testing.T) {
		curl, err := exec.LookPath("curl")
		if err != nil {
			t.Skip("there is no curl")
		}
		cmd := exec.Command(curl, "--silent", "--no-buffer", "--compressed", "--include", c.URL+"/?last=10")
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		b := bufio.NewReader(out)
		head, err := http.ReadResponse(b, nil) // curl has decoded the body, but not the head
		require.NoError(t, err)
		assert.Equal(t, "gzip", head.Header.Get("Content-Encoding"))
		for line := range strings.Lines("bookmark at 290\n" + want) {
			got, err := b.ReadString('\n')
			require.NoError(t, err)
			require.Equal(t, line, got)
		}
		c.push(t, "the element 300 of many that are alike")
		c.hub.End()
		rest, err := io.ReadAll(b)
		assert.NoError(t, err)
		assert.Equal(t, "301 the element 300 of many that are alike\nending\n", string(rest))
		assert.NoError(t, cmd.Wait())
	})
	_, err := io.ReadAll(first.b)
	assert.NoError(t, err)
}

// A stream that cannot be handed over takes the ordinary path, and the reason is logged once.
func TestFanoutStaysOrdinary(t *testing.T) {
	for name, tt := range map[string]struct {
		proto   string
		opts    []httpadapter.Option
		wrap    func(http.Handler) http.Handler
		listen  func(net.Listener) net.Listener
		request string // on a plain connection, if not empty
		reason  string
		body    string
	}{
		"TLS":                 {proto: "HTTP/1.1 TLS", reason: "TLS"},
		"HTTP/2":              {proto: "HTTP/2.0", reason: "TLS"},
		"HTTP/2 without TLS":  {proto: "HTTP/2.0 cleartext", reason: "HTTP/2.0"},
		"HTTP/1.0":            {request: "GET / HTTP/1.0\r\n\r\n", reason: "HTTP/1.0"},
		"POST":                {request: "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", reason: "the method POST"},
		"a body":              {request: "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}", reason: "a body"},
		"a body of any size":  {request: "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", reason: "a body"},
		"a middleware":        {wrap: wrapped, reason: "the ResponseWriter httpadapter_test.onlyUnwrap is not that of net/http with a *net.TCPConn"},
		"a timeout":           {wrap: func(h http.Handler) http.Handler { return http.TimeoutHandler(h, time.Minute, "") }, reason: "cannot flush"},
		"a listener":          {listen: func(l net.Listener) net.Listener { return counting{l} }, reason: "the ResponseWriter *http.response is not that of net/http with a *net.TCPConn"},
		"a Content-Length":    {opts: []httpadapter.Option{httpadapter.Header("Content-Length", "29")}, reason: "a Content-Length"},
		"FlushSize":           {opts: []httpadapter.Option{httpadapter.FlushSize(1)}, reason: "the option FlushInterval or FlushSize"},
		"another compressor":  {opts: []httpadapter.Option{httpadapter.ContentEncoding(httpadapter.Coding{Name: "gzip", New: func() httpadapter.Encoder { return gzip.NewWriter(nil) }})}, reason: "the content coding gzip"},
		"a Trailer":           {opts: []httpadapter.Option{httpadapter.Trailer("X-End", iteratee.Map(iteratee.Ignore[[]byte](), func(struct{}) string { return "x" }))}, reason: "a trailer"},
		"a trailer of others": {wrap: announcing, reason: "a trailer"},
	} {
		t.Run(name, func(t *testing.T) {
			if !isLinux {
				tt.reason = "the system is not Linux"
			}
			leavesNothing(t)
			c := newConcertOf(t, lines(""), tt.wrap, tt.opts...)
			if tt.listen != nil {
				c.Listener = tt.listen(c.Listener)
			}
			if tt.proto == "" {
				tt.proto = "HTTP/1.1"
			}
			startAs(c.Server, tt.proto)
			c.push(t, "a", "b")
			c.hub.End()
			const want = "bookmark at 0\n1 a\n2 b\nending\n"
			for range 2 {
				var body []byte
				if tt.request != "" {
					conn, b := dial(t, c.Server, strings.Replace(tt.request, "/ ", "/?last=2 ", 1))
					res, err := http.ReadResponse(b, nil)
					require.NoError(t, err)
					body, err = io.ReadAll(res.Body)
					assert.NoError(t, err)
					_ = conn.Close()
				} else {
					res, err := c.Client().Get(c.URL + "/?last=2")
					require.NoError(t, err)
					body, err = io.ReadAll(res.Body)
					assert.NoError(t, err)
				}
				if tt.reason != "cannot flush" {
					assert.Equal(t, want, string(body))
				}
			}
			if tt.reason == "cannot flush" {
				assert.Contains(t, c.logged(), tt.reason)
			} else {
				assert.Equal(t, 1, strings.Count(c.logged(), tt.reason), c.logged())
			}
			c.Client().CloseIdleConnections()
		})
	}
}

func announcing(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-End")
		h.ServeHTTP(w, r)
	})
}

// counting is a listener with a type of its own around each connection.
type counting struct{ net.Listener }

func (c counting) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	return struct{ net.Conn }{conn}, err
}

func TestFanoutHead(t *testing.T) {
	leavesNothing(t)
	c := newConcert(t, httpadapter.EventStream(), httpadapter.Header("X-A", "1\r\nX-B: 2"))
	c.Start()
	conn, b := dial(t, c.Server, "HEAD / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n")
	head, err := http.ReadResponse(b, &http.Request{Method: "HEAD"})
	require.NoError(t, err)
	assert.Equal(t, "text/event-stream", head.Header.Get("Content-Type"))
	res, err := http.ReadResponse(b, nil)
	require.NoError(t, err)
	assert.Equal(t, []string{"chunked"}, res.TransferEncoding)
	assert.True(t, res.Close)
	date, err := http.ParseTime(res.Header.Get("Date"))
	require.NoError(t, err)
	assert.WithinDuration(t, time.Now(), date, time.Minute)
	res.Header.Del("Date")
	assert.Equal(t, http.Header{
		"Content-Type":           {"text/event-stream"},
		"X-Content-Type-Options": {"nosniff"},
		"Cache-Control":          {"no-store, no-transform"},
		"X-Accel-Buffering":      {"no"},
		"X-A":                    {"1  X-B: 2"},
	}, res.Header)
	_ = conn.Close()
	assert.Equal(t, httpadapter.EndOfSource, receive(t, c.ends, "the end of HEAD").Reason)
	assert.Equal(t, httpadapter.ClientGone, receive(t, c.ends, "the end of GET").Reason)
}

func TestFanoutNoticesAClientThatLeaves(t *testing.T) {
	for name, leave := range map[string]func(*httpadaptertest.Client){
		"close":      func(c *httpadaptertest.Client) { _ = c.Close() },
		"reset":      func(c *httpadaptertest.Client) { c.Reset() },
		"half-close": func(c *httpadaptertest.Client) { _ = c.Conn.(*net.TCPConn).CloseWrite() },
	} {
		for _, extra := range []string{"", "GET /second HTTP/1.1\r\n"} {
			t.Run(name+extra, func(t *testing.T) {
				leavesNothing(t)
				c := newConcert(t)
				c.Start()
				client := httpadaptertest.Get(t, c.URL)
				_, err := io.WriteString(client, extra)
				require.NoError(t, err)
				body := bufio.NewReader(client.Response().Body)
				_, err = body.ReadString('\n')
				require.NoError(t, err)
				start := time.Now()
				leave(client)
				o := receive(t, c.ends, "the end")
				if extra == "" || isLinux { // see docs/http.md for net/http
					assert.Less(t, time.Since(start), patience)
				}
				assert.Equal(t, httpadapter.ClientGone, o.Reason)
				assert.ErrorIs(t, o.Err, httpadapter.ErrClientGone)
				assert.ErrorIs(t, o.Err, context.Canceled)
				assert.True(t, o.Started)
				assert.Equal(t, 1, o.Chunks)
			})
		}
	}
}

// All streams end, and the next client starts the source again.
func TestFanoutFails(t *testing.T) {
	for name, tt := range map[string]struct {
		end    func(t *testing.T, c *concert)
		reason httpadapter.Reason
		logged string
	}{
		"the source":    {func(_ *testing.T, c *concert) { c.hub.EndWithError(errBoom) }, httpadapter.Failed, "httpadapter: Fanout: all streams failed error=\"boom"},
		"the encoder":   {func(t *testing.T, c *concert) { c.push(t, "fail") }, httpadapter.Failed, "httpadapter: Fanout: all streams failed error=\"boom"},
		"a panic in it": {func(t *testing.T, c *concert) { c.push(t, "panic") }, httpadapter.Panicked, "the source or the encoder has panicked panic=\"boom"},
	} {
		t.Run(name, func(t *testing.T) {
			leavesNothing(t)
			c := newConcert(t)
			c.Start()
			c.push(t, "a")
			all := make([]*listening, 20)
			for i := range all {
				all[i] = c.listen(t, "last=1")
				all[i].reads("bookmark at 0", "1 a")
			}
			tt.end(t, c)
			for _, l := range all {
				_, err := io.ReadAll(l.b)
				assert.Equal(t, io.ErrUnexpectedEOF, err)
				o := receive(t, c.ends, "an outcome")
				assert.Equal(t, tt.reason, o.Reason)
				assert.Equal(t, 3, o.Chunks)
				if tt.reason == httpadapter.Failed {
					assert.ErrorIs(t, o.Err, errBoom)
				}
			}
			if isLinux {
				assert.Equal(t, 1, strings.Count(c.logged(), tt.logged), c.logged())
			}
		})
	}
	t.Run("and the next client starts anew", func(t *testing.T) {
		leavesNothing(t)
		c := newConcert(t)
		c.Start()
		before := c.listen(t, "")
		before.reads("bookmark at 0")
		c.push(t, "fail")
		_, err := io.ReadAll(before.b)
		assert.Error(t, err)
		next := c.listen(t, "after="+c.hub.Position().String())
		next.reads("bookmark at 1")
		c.push(t, "b")
		next.reads("2 b")
	})
}

func TestFanoutLimit(t *testing.T) {
	leavesNothing(t)
	started := make(chan string, 10)
	c := newConcert(t, httpadapter.Limit(1), httpadapter.OnStart(func(r *http.Request) { started <- r.URL.RawQuery }))
	c.Start()
	first := c.listen(t, "first")
	first.reads("bookmark at 0")
	second := c.listen(t, "second")
	assert.Equal(t, 503, second.StatusCode)
	assert.Equal(t, httpadapter.Refused, receive(t, c.ends, "the second").Reason)
	_ = first.Body.Close()
	assert.Equal(t, httpadapter.ClientGone, receive(t, c.ends, "the first").Reason)
	third := c.listen(t, "third")
	third.reads("bookmark at 0")
	assert.Equal(t, "first", receive(t, started, "a start"))
	assert.Equal(t, "third", receive(t, started, "a start"))
}

func TestFanoutMaxDuration(t *testing.T) {
	leavesNothing(t)
	c := newConcert(t, httpadapter.MaxDuration(100*time.Millisecond))
	c.Start()
	start := time.Now()
	var all []*listening
	for range 10 {
		all = append(all, c.listen(t, ""))
	}
	for _, l := range all {
		l.ends("bookmark at 0")
		o := receive(t, c.ends, "an outcome")
		assert.Equal(t, httpadapter.Expired, o.Reason)
		assert.NoError(t, o.Err)
		assert.GreaterOrEqual(t, o.Duration, 80*time.Millisecond)
	}
	assert.GreaterOrEqual(t, time.Since(start), 80*time.Millisecond)
}

func TestFanoutHeartbeat(t *testing.T) {
	for name, wrap := range map[string]func(http.Handler) http.Handler{"handed over": nil, "not handed over": wrapped} {
		t.Run(name, func(t *testing.T) {
			leavesNothing(t)
			c := newConcertOf(t, lines(""), wrap, httpadapter.Heartbeat(10*time.Millisecond, []byte("beat\n")))
			c.Start()
			c.push(t, "a")
			l := c.listen(t, "")
			l.reads("bookmark at 1", "beat", "beat")
			c.push(t, "") // has no chunk, so the client does not know of it
			l.skips("beat")
			l.reads("bookmark at 2", "bookmark at 2")
			c.push(t, "c")
			l.skips("bookmark at 2")
			l.reads("3 c", "beat", "beat")
		})
	}
}

func TestFanoutHeartbeatThatPanics(t *testing.T) {
	leavesNothing(t)
	c := newConcert(t, httpadapter.HeartbeatFunc(10*time.Millisecond, func() []byte { panic(errBoom) }))
	c.Start()
	l := c.listen(t, "")
	l.reads("bookmark at 0")
	if !isLinux {
		return // Handler tells at the next chunk
	}
	_, err := io.ReadAll(l.b)
	assert.Equal(t, io.ErrUnexpectedEOF, err)
	assert.Equal(t, httpadapter.Panicked, receive(t, c.ends, "an outcome").Reason)
	assert.Contains(t, c.logged(), "boom")
}

func TestFanoutOnEndThatPanics(t *testing.T) {
	if !isLinux {
		t.Skip("net/http logs the panic")
	}
	leavesNothing(t)
	c := newConcert(t, httpadapter.OnEnd(func(*http.Request, httpadapter.Outcome) { panic(errBoom) }))
	c.Start()
	c.listen(t, "").reads("bookmark at 0")
	c.hub.End()
	assert.Eventually(t, func() bool { return strings.Contains(c.logged(), "a function of OnEnd has panicked panic=\"boom") }, patience, time.Millisecond)
}

// Servers can share a Fanout. All Items, also those of heartbeats, are encoded in a context with the server of the clients.
func TestFanoutEncodesInAContextWithTheServer(t *testing.T) {
	encode := enumeratee.Compose(enumeratee.MapM(func(ctx context.Context, i enumerator.Item[string]) (line string, err error) {
		if i.Bookmark || i.Value != "" {
			server, _ := ctx.Value(http.ServerContextKey).(*http.Server)
			line = fmt.Sprintf("%s for %s\n", cmp.Or(i.Value, "bookmark"), server.Addr)
		}
		return line, nil
	}), enumeratee.Map(func(line string) []byte { return []byte(line) }))
	for way, wrap := range map[string]func(http.Handler) http.Handler{"handed over": nil, "not": wrapped} {
		t.Run(way, func(t *testing.T) {
			leavesNothing(t)
			probe.Logs(t) // of the reason why a stream is not handed over
			hub := enumerator.Broadcast[string]()
			h := httpadapter.Fanout(hub, encode, where, httpadapter.HeartbeatFunc(20*time.Millisecond, func() []byte { return nil }))
			if wrap != nil {
				h = wrap(h)
			}
			var clients []*listening
			for _, addr := range []string{"one", "two"} {
				c := &concert{Server: unstarted(t, h)}
				c.Config.Addr = addr
				c.Start()
				l := c.listen(t, "")
				l.reads("bookmark for " + addr)
				clients = append(clients, l)
			}
			require.NoError(t, hub.Push(t.Context(), "a"))
			require.NoError(t, hub.Push(t.Context(), "")) // heartbeats tell its Position
			for i, addr := range []string{"one", "two"} {
				clients[i].reads("a for "+addr, "bookmark for "+addr)
				_ = clients[i].Body.Close()
			}
		})
	}
}

// A client that has stopped reading does not delay the others. When it reads again, it gets a notice of the lost
// elements.
func TestFanoutOvertakesAFrozenClient(t *testing.T) {
	if !isLinux {
		t.Skip("the hub overtakes it")
	}
	leavesNothing(t)
	c := newConcert(t)
	c.Start()
	frozen := httpadaptertest.Get(t, c.URL)
	b := bufio.NewReaderSize(frozen.Response().Body, 16)
	_, err := b.ReadString('\n')
	require.NoError(t, err)
	reader := c.listen(t, "")
	reader.reads("bookmark at 0")
	value := strings.Repeat("x", 1000)
	const n = 2000
	for seq := range n {
		c.push(t, value)
		reader.reads(fmt.Sprintf("%d %s", seq+1, value))
	}
	next, bytes, gaps, lostAll := 1, 0, 0, 0
	for next <= n {
		line, err := b.ReadString('\n')
		require.NoError(t, err)
		var lost, from, to int
		if _, err := fmt.Sscanf(line, "gap of %d from %d to %d\n", &lost, &from, &to); err == nil {
			assert.Equal(t, next, from)
			assert.Equal(t, to-from+1, lost)
			if gaps == 0 {
				assert.Less(t, bytes, 64<<10+64<<10, "the buffers of the client and of the server")
			}
			next, gaps, lostAll = to+1, gaps+1, lostAll+lost
			continue
		}
		require.Equal(t, fmt.Sprintf("%d %s\n", next, value), line)
		bytes += len(line)
		next++
	}
	assert.Positive(t, gaps)
	c.push(t, "end")
	line, err := b.ReadString('\n')
	require.NoError(t, err)
	assert.Equal(t, fmt.Sprintf("%d end\n", n+1), line)
	_ = frozen.Close()
	o := receive(t, c.ends, "the outcome")
	assert.Equal(t, httpadapter.Counts{Messages: n + 1 - lostAll, Lost: uint64(lostAll)}, o.Counts)
	assert.Less(t, o.Chunks, 1000)
	assert.Greater(t, o.Chunks, 2*256)
}

// The source waits for a client if there is no other. A new client does not wait for it.
func TestFanoutNewClientBesidesAFrozenOne(t *testing.T) {
	leavesNothing(t)
	c := newConcert(t, httpadapter.WriteTimeout(time.Hour))
	c.Start()
	frozen := httpadaptertest.Get(t, c.URL)
	frozen.Response()
	for range 600 {
		c.push(t, strings.Repeat("x", 10_000))
	}
	next := c.listen(t, "")
	next.reads("bookmark at 600")
	c.push(t, "a")
	next.reads("601 a")
}

// OnEnd gets the request as it was, and middleware that runs when the handler has returned has the header of its own.
func TestFanoutKeepsTheRequestForOnEnd(t *testing.T) {
	leavesNothing(t)
	type key struct{}
	logged := make(chan string, 1)
	ends := make(chan *http.Request, 1)
	middleware := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r = r.WithContext(context.WithValue(r.Context(), key{}, "value"))
			r.Header["x-odd key"] = []string{"", "\x00\xff"}
			next.ServeHTTP(w, r)
			if isLinux {
				logged <- r.UserAgent()
			}
		})
	}
	c := newConcertOf(t, lines(""), middleware, httpadapter.OnEnd(func(r *http.Request, _ httpadapter.Outcome) { ends <- r }))
	c.Start()
	client, err := net.Dial("tcp", c.Listener.Addr().String())
	require.NoError(t, err)
	defer client.Close()
	_, err = io.WriteString(client, "GET /path?a=1 HTTP/1.1\r\nHost: x\r\nUser-Agent: agent\r\nX-Twice: 1\r\nX-Twice: 2\r\nCookie: \r\n\r\n")
	require.NoError(t, err)
	res, err := http.ReadResponse(bufio.NewReader(client), nil)
	require.NoError(t, err)
	c.push(t, "a")
	if isLinux {
		assert.Equal(t, "agent", receive(t, logged, "the line of the log"))
	}
	c.hub.End()
	r := receive(t, ends, "the request")
	assert.Equal(t, http.Header{
		"User-Agent": {"agent"}, "X-Twice": {"1", "2"}, "Cookie": {""}, "x-odd key": {"", "\x00\xff"},
	}, r.Header)
	assert.Equal(t, "GET /path?a=1 HTTP/1.1 x", strings.Join([]string{r.Method, r.RequestURI, r.Proto, r.Host}, " "))
	assert.Equal(t, "1", r.FormValue("a"))
	assert.Equal(t, "value", r.Context().Value(key{}))
	_, err = io.Copy(io.Discard, res.Body)
	assert.NoError(t, err)
}

// The header that is kept for OnEnd loses nothing.
func TestFanoutKeepsTheHeader(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOf(rapid.OneOf(rapid.String(), rapid.StringOf(rapid.Just('x')), rapid.SampledFrom([]string{"", strings.Repeat("y", 300)})))
		h := http.Header(rapid.MapOf(rapid.String(), values).Draw(t, "header"))
		assert.Equal(t, h, httpadapter.Repacked(h))
	})
}

// An error of the encoder for a gap cuts the stream of that client, and of no other.
func TestFanoutCutsAClientThatHasLostElements(t *testing.T) {
	if !isLinux {
		t.Skip("the hub overtakes it")
	}
	leavesNothing(t)
	hub := enumerator.Broadcast[[]byte]()
	ends := make(chan httpadapter.Outcome, 2)
	srv := unstarted(t, httpadapter.Fanout(hub, chunksOnly(), where, httpadapter.Logger(slog.New(slog.DiscardHandler)),
		httpadapter.OnEnd(func(_ *http.Request, o httpadapter.Outcome) { ends <- o })))
	srv.Start()
	frozen := httpadaptertest.Get(t, srv.URL)
	frozen.Response()
	reader := bufio.NewReader(get(t, srv, t.Context()).Body)
	line := strings.Repeat("x", 999) + "\n"
	for range 2000 {
		require.NoError(t, hub.Push(t.Context(), []byte(line)))
		got, err := reader.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, line, got)
	}
	_, err := io.Copy(io.Discard, frozen)
	assert.NoError(t, err, "the connection is closed")
	o := receive(t, ends, "the outcome")
	assert.Equal(t, httpadapter.Failed, o.Reason)
	assert.ErrorIs(t, o.Err, enumerator.ErrLost)
	require.NoError(t, hub.Push(t.Context(), []byte("end\n")))
	got, err := reader.ReadString('\n')
	assert.NoError(t, err)
	assert.Equal(t, "end\n", got)
}

// Shutdown gives all clients the end of a complete response, even if they have sent more than was read.
func TestFanoutShutdown(t *testing.T) {
	for _, drain := range []bool{false, true} {
		t.Run(fmt.Sprint("drain ", drain), func(t *testing.T) {
			leavesNothing(t)
			n := 200
			if probe.Long() {
				n = 2000
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4)) // two shards
			}
			c := newConcert(t)
			if drain || !isLinux {
				httpadapter.Drain(c.Config)
			}
			c.Start()
			var clients []*httpadaptertest.Client
			for range n {
				client := httpadaptertest.Get(t, c.URL)
				_, err := io.WriteString(client, "GET /pipelined HTTP/1.1\r\nHost: x\r\n\r\n")
				require.NoError(t, err)
				clients = append(clients, client)
			}
			var bodies []*bufio.Reader
			for _, client := range clients {
				b := bufio.NewReader(client.Response().Body)
				_, err := b.ReadString('\n')
				require.NoError(t, err)
				bodies = append(bodies, b)
			}
			reader := c.listen(t, "")
			reader.reads("bookmark at 0")
			c.push(t, "the last words")
			reader.reads("1 the last words") // so they are on their way to all
			var all sync.WaitGroup
			for i, b := range bodies {
				all.Go(func() {
					rest, err := io.ReadAll(b)
					assert.NoError(t, err, "a complete response")
					assert.Equal(t, "1 the last words\n", string(rest))
					_ = clients[i].Close()
				})
			}
			all.Go(func() { reader.ends() })
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			assert.NoError(t, httpadapter.Shutdown(ctx, c.Config))
			assert.Len(t, c.ends, n+1, "all have ended")
			for range n + 1 {
				assert.Equal(t, httpadapter.Drained, (<-c.ends).Reason)
			}
			all.Wait()
		})
	}
}

func TestShutdownDoesNotWaitForEver(t *testing.T) {
	if !isLinux {
		t.Skip("Drain is tested elsewhere")
	}
	leavesNothing(t)
	c := newConcert(t, httpadapter.WriteTimeout(time.Second))
	c.Start()
	frozen := httpadaptertest.Get(t, c.URL)
	frozen.Response()
	reader := c.listen(t, "")
	reader.reads("bookmark at 0")
	value := strings.Repeat("x", 1<<20)
	c.push(t, value)
	reader.reads("1 " + value) // so the other has no room
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	assert.Equal(t, context.DeadlineExceeded, httpadapter.Shutdown(ctx, c.Config))
	assert.NoError(t, httpadapter.Shutdown(t.Context(), c.Config), "the client counts as gone")
	assert.Equal(t, httpadapter.Drained, receive(t, c.ends, "the outcome of the reader").Reason)
	assert.Equal(t, httpadapter.ClientGone, receive(t, c.ends, "the outcome").Reason)
}

// One handler can belong to several servers. Each has a crowd of its own.
func TestShutdownOfOneServer(t *testing.T) {
	leavesNothing(t)
	c := newConcert(t)
	other := unstarted(t, c.Config.Handler)
	httpadapter.Drain(c.Config)
	c.Start()
	other.Start()
	l := c.listen(t, "")
	l.reads("bookmark at 0")
	stays := &concert{Server: other}
	l2 := stays.listen(t, "")
	l2.reads("bookmark at 0")
	done := make(chan error)
	go func() { done <- httpadapter.Shutdown(context.Background(), c.Config) }()
	l.ends()
	assert.NoError(t, receive(t, done, "Shutdown"))
	c.push(t, "a")
	l2.reads("1 a")
}

// A client that stops reading does not keep Shutdown from ending the streams of other sources.
func TestShutdownEndsAllSourcesTogether(t *testing.T) {
	leavesNothing(t)
	hubs := rooms{}
	for i := range 5 {
		hubs[fmt.Sprint(i)] = enumerator.Broadcast[string]()
	}
	c := &concert{Server: unstarted(t, httpadapter.FanoutFunc(hubs.of, lines(""), httpadapter.WriteTimeout(time.Hour)))}
	if !isLinux {
		httpadapter.Drain(c.Config)
	}
	c.Start()
	var all []*httpadaptertest.Client
	var readers []*listening
	value := strings.Repeat("x", 1<<20)
	for room, hub := range hubs {
		frozen := httpadaptertest.Get(t, c.URL+"/?room="+room)
		frozen.Response()
		all = append(all, frozen)
		reader := c.listen(t, "room="+room)
		reader.reads("bookmark at 0")
		require.NoError(t, hub.Push(t.Context(), value))
		reader.reads("1 " + value)
		readers = append(readers, reader)
	}
	done, ended := make(chan error, 1), make(chan error, len(readers))
	go func() { done <- httpadapter.Shutdown(context.Background(), c.Config) }()
	for _, reader := range readers {
		go func() {
			_, err := io.ReadAll(reader.b)
			ended <- err
		}()
	}
	for range readers {
		assert.NoError(t, receive(t, ended, "the end of a stream"))
	}
	for _, frozen := range all {
		_ = frozen.Close()
	}
	assert.NoError(t, receive(t, done, "Shutdown"))
}

// late is a hub whose runs begin after a time.
type late struct {
	*enumerator.Hub[string]
	after func() time.Duration
}

func (l late) Last(n int) enumerator.Enumerator[enumerator.Item[string]] {
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[enumerator.Item[string]]) iteratee.Step {
		select {
		case <-time.After(l.after()):
		case <-ctx.Done():
		}
		return l.Hub.Last(n).Into(ctx, sink)
	})
}

// A heartbeat that is due when a stream is handed over comes before that or after it.
func TestFanoutHeartbeatsWhileClientsJoin(t *testing.T) {
	leavesNothing(t)
	for range 5 {
		source := late{enumerator.Broadcast[string](), func() time.Duration { return 60 * time.Millisecond }} // the first heartbeat comes after 50
		c := &concert{Server: unstarted(t, httpadapter.Fanout(source, lines("heading\n"), where, compress.Option(),
			httpadapter.Heartbeat(20*time.Microsecond, []byte("beat\n"))))}
		c.Start()
		var clients, joined sync.WaitGroup
		for range 20 {
			joined.Add(1)
			clients.Go(func() {
				res, err := c.Client().Get(c.URL)
				if !assert.NoError(t, err) {
					joined.Done()
					return
				}
				defer res.Body.Close()
				b, begun := bufio.NewReader(res.Body), false
				for {
					line, err := b.ReadString('\n')
					if line == "bookmark at 0\n" {
						begun = true
						joined.Done()
					}
					if err != nil {
						assert.Equal(t, io.EOF, err, "the gzip is correct")
						break
					}
				}
				if !assert.True(t, begun) {
					joined.Done()
				}
			})
		}
		joined.Wait()
		source.End()
		clients.Wait()
	}
}

// The time of a stream may be over when it is handed over.
func TestFanoutMaxDurationWhileClientsJoin(t *testing.T) {
	leavesNothing(t)
	const d = 50 * time.Millisecond // when the timer of a stream fires first
	source := late{enumerator.Broadcast[string](), func() time.Duration { return d - rand.N(200*time.Microsecond) }}
	c := &concert{Server: unstarted(t, httpadapter.Fanout(source, lines("heading\n"), where, httpadapter.MaxDuration(d)))}
	c.Start()
	var clients sync.WaitGroup
	for range 20 {
		clients.Go(func() {
			for range 20 {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				r, err := http.NewRequestWithContext(ctx, "GET", c.URL, nil)
				assert.NoError(t, err)
				res, err := c.Client().Do(r)
				if assert.NoError(t, err) {
					_, err = io.ReadAll(res.Body)
					assert.NoError(t, err)
					_ = res.Body.Close()
				}
				cancel()
			}
		})
	}
	clients.Wait()
}

// Clients come and go by the thousand, so that descriptors are used again. Each sees its own stream only, without a
// gap.
func TestFanoutCrowdThatComesAndGoes(t *testing.T) {
	leavesNothing(t)
	c := newConcert(t)
	c.Start()
	clients, rounds := 20, 8
	if probe.Long() {
		rounds = 100
	}
	ctx, cancel := context.WithCancel(t.Context())
	pushed := make(chan int)
	go func() {
		n := 0
		for ; ctx.Err() == nil; n++ {
			_ = c.hub.Push(context.Background(), strings.Repeat("x", n%50))
			time.Sleep(200 * time.Microsecond)
		}
		pushed <- n
	}()
	var all sync.WaitGroup
	var lines atomic.Int64
	for i := range clients {
		all.Go(func() {
			for round := range rounds {
				client := httpadaptertest.Get(t, c.URL)
				b := bufio.NewReader(client.Response().Body)
				last, want := 0, 2+(i+round)%30
				for range want {
					line, err := b.ReadString('\n')
					if !assert.NoError(t, err) {
						return
					}
					var seq int
					var value string
					switch {
					case strings.HasPrefix(line, "bookmark"):
						_, err = fmt.Sscanf(line, "bookmark at %d\n", &last)
						assert.NoError(t, err)
					default:
						_, err := fmt.Sscanf(line, "%d %s\n", &seq, &value)
						assert.NoError(t, err, "%q", line)
						if seq != last+1 && (seq != last+2 || last%50 != 0) { // one in 50 has no line
							t.Errorf("client %d: %d came after %d", i, seq, last)
						}
						assert.Equal(t, (seq-1)%50, len(value))
						last = seq
						lines.Add(1)
					}
				}
				if round%2 == 0 {
					client.Reset()
				} else {
					_ = client.Close()
				}
			}
		})
	}
	all.Wait()
	cancel()
	t.Logf("%d clients got %d lines of %d elements", clients*rounds, lines.Load(), <-pushed)
	for range clients * rounds {
		receive(t, c.ends, "an outcome")
	}
}

// Small buffers cut frames anywhere.
func TestFanoutWithSmallBuffers(t *testing.T) {
	leavesNothing(t)
	c := newConcert(t)
	c.Config.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		_ = conn.(*net.TCPConn).SetWriteBuffer(4 << 10)
		return ctx
	}
	c.Start()
	const n = 100
	value := func(seq int) string { return strings.Repeat("x", 1+seq*seq%20_000) }
	var all sync.WaitGroup
	for i := range 10 {
		client := httpadaptertest.Get(t, c.URL)
		b := bufio.NewReaderSize(client.Response().Body, 16<<i%5)
		_, err := b.ReadString('\n')
		require.NoError(t, err)
		all.Go(func() {
			for next := 1; next <= n; {
				line, err := b.ReadString('\n')
				if !assert.NoError(t, err) {
					return
				}
				var lost, from, to int
				switch _, err := fmt.Sscanf(line, "gap of %d from %d to %d\n", &lost, &from, &to); {
				case err == nil:
					assert.Equal(t, next, from)
					next = to + 1
				default:
					if line != fmt.Sprintf("%d %s\n", next, value(next)) {
						t.Errorf("%.20q came in place of %d", line, next)
						return
					}
					next++
				}
			}
			_ = client.Close()
		})
	}
	for seq := range n {
		c.push(t, value(seq+1))
		if seq%50 == 49 {
			time.Sleep(time.Millisecond)
		}
	}
	all.Wait()
}

func TestFanoutPanicsOnMisuse(t *testing.T) {
	hub := enumerator.Broadcast[string]()
	assert.PanicsWithValue(t, "httpadapter: Fanout: start must not be nil", func() { httpadapter.Fanout(hub, lines(""), nil) })
	assert.PanicsWithValue(t, "httpadapter: Fanout: source must not be nil", func() {
		httpadapter.Fanout(nil, lines(""), where)
	})
	var nilHub *enumerator.Hub[string]
	assert.PanicsWithValue(t, "httpadapter: Fanout: source must not be nil", func() {
		httpadapter.Fanout(nilHub, lines(""), where)
	})
	assert.PanicsWithValue(t, "httpadapter: FanoutFunc: f must not be nil", func() { httpadapter.FanoutFunc(nil, lines("")) })
	h := httpadapter.FanoutFunc(func(*http.Request) (enumerator.Source[string], enumerator.Position, int, error) {
		return nilHub, enumerator.Position{}, 0, nil
	}, lines(""))
	assert.PanicsWithValue(t, "httpadapter: FanoutFunc: source must not be nil", func() {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	})
}

// A client that has sent more than was read gets the end of the stream, however slowly it reads.
func TestFanoutEndReachesASlowClient(t *testing.T) {
	leavesNothing(t)
	c := newConcert(t)
	c.Start()
	client := httpadaptertest.Get(t, c.URL) // has a small receive buffer
	b := bufio.NewReaderSize(client.Response().Body, 16)
	_, err := b.ReadString('\n')
	require.NoError(t, err)
	c.push(t, "a")
	_, err = b.ReadString('\n')
	require.NoError(t, err)
	_, err = io.WriteString(client, "GET /pipelined HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	value := strings.Repeat("x", 90_000) // more than the client has room for
	c.push(t, value)
	c.hub.End()
	assert.Equal(t, httpadapter.EndOfSource, receive(t, c.ends, "the outcome").Reason)
	time.Sleep(1200 * time.Millisecond) // longer than the server waits for a client that has everything
	rest, err := io.ReadAll(b)
	assert.NoError(t, err, "a complete response")
	assert.Len(t, string(rest), len("2 "+value+"\nending\n"))
	_ = client.Close()
}

// Bytes after the request are dropped. A client that sends too many counts as gone.
func TestFanoutInput(t *testing.T) {
	if !isLinux {
		t.Skip("net/http does not read it")
	}
	leavesNothing(t)
	c := newConcert(t)
	c.Start()
	client := httpadaptertest.Get(t, c.URL)
	b := bufio.NewReader(client.Response().Body)
	_, err := b.ReadString('\n')
	require.NoError(t, err)
	for range 60 {
		_, err := client.Write(make([]byte, 1<<10))
		require.NoError(t, err)
	}
	c.push(t, "a")
	line, err := b.ReadString('\n')
	assert.NoError(t, err)
	assert.Equal(t, "1 a\n", line)
	for err == nil {
		_, err = client.Write(make([]byte, 1<<10))
	}
	o := receive(t, c.ends, "the outcome")
	assert.Equal(t, httpadapter.ClientGone, o.Reason)
	assert.ErrorContains(t, o.Err, "has sent more than 64 KiB")
}

// Over time, clients stay, come and go, or stop reading. Those that stay get each element, and the server takes no
// more memory. The long form takes two minutes.
func TestFanoutSoak(t *testing.T) {
	leavesNothing(t)
	c := newConcert(t, httpadapter.WriteTimeout(5*time.Second))
	c.Start()
	d := time.Second
	if probe.Long() {
		d = 2 * time.Minute
	}
	value := strings.Repeat("x", 1000)
	// follow reads n elements, or all if n is 0, and fails the test if one is missing.
	follow := func(client *httpadaptertest.Client, n int) {
		b := bufio.NewReader(client.Response().Body)
		last := -1
		for got := 0; n == 0 || got < n; got++ {
			line, err := b.ReadString('\n')
			if err == io.EOF {
				return
			}
			if !assert.NoError(t, err) {
				return
			}
			if last < 0 {
				_, err = fmt.Sscanf(line, "bookmark at %d\n", &last)
				assert.NoError(t, err)
			} else if number, rest, _ := strings.Cut(line, " "); line != "ending\n" {
				last++
				if number != strconv.Itoa(last) || rest != value+"\n" {
					t.Errorf("%.30q came in place of %d", line, last)
					return
				}
			}
		}
	}
	var stay, come sync.WaitGroup
	for range 50 {
		client := httpadaptertest.Get(t, c.URL)
		stay.Go(func() {
			follow(client, 0)
			_ = client.Close()
		})
	}
	over := time.After(d)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var came, froze atomic.Int64
	for i := range 5 {
		come.Go(func() {
			pace := time.NewTicker(100 * time.Millisecond) // package testing keeps a part of each client
			defer pace.Stop()
			for ctx.Err() == nil {
				<-pace.C
				client := httpadaptertest.Get(t, c.URL)
				follow(client, 1+i)
				client.Reset()
				came.Add(1)
			}
		})
	}
	come.Go(func() {
		for ctx.Err() == nil {
			frozen := httpadaptertest.Get(t, c.URL)
			frozen.Response()
			select {
			case <-ctx.Done():
			case <-time.After(10 * time.Second):
			}
			_ = frozen.Close()
			froze.Add(1)
		}
	})
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	start, n, early := time.Now(), 0, uint64(0)
	for running := true; running; n++ {
		select {
		case <-over:
			running = false
		case <-tick.C:
		}
		c.push(t, value)
		for len(c.ends) > 0 { // make room
			<-c.ends
		}
		if early == 0 && time.Since(start) > d/4 {
			early = inUse()
		}
	}
	late := inUse()
	cancel()
	c.hub.End()
	come.Wait()
	stay.Wait()
	t.Logf("%d elements, %d clients came and went, %d stopped reading; %d KiB in use, %d KiB at the end", n, came.Load(), froze.Load(), early>>10, late>>10)
	assert.Less(t, late, early+8<<20+uint64(came.Load())<<10) // package testing keeps the clients
}

// rooms are the sources of a FanoutFunc.
type rooms map[string]*enumerator.Hub[string]

func (r rooms) of(q *http.Request) (enumerator.Source[string], enumerator.Position, int, error) {
	after, last, err := where(q)
	hub := r[q.URL.Query().Get("room")]
	if hub == nil {
		return nil, after, last, &httpadapter.StatusError{Status: http.StatusNotFound}
	}
	return hub, after, last, err
}

// Each source of a FanoutFunc has a run while it has clients.
func TestFanoutFunc(t *testing.T) {
	for name, wrap := range map[string]func(http.Handler) http.Handler{"handed over": nil, "not handed over": wrapped} {
		t.Run(name, func(t *testing.T) {
			leavesNothing(t)
			hubs := rooms{"a": enumerator.Broadcast[string](), "b": enumerator.Broadcast[string]()}
			h := httpadapter.FanoutFunc(hubs.of, lines(""))
			if wrap != nil {
				h = wrap(h)
			}
			c := &concert{Server: unstarted(t, h)}
			c.Start()
			push := func(room, value string) {
				t.Helper()
				require.NoError(t, hubs[room].Push(t.Context(), value))
			}
			runs := func(room string, handedOver, not int) {
				t.Helper()
				want := not
				if wrap == nil && isLinux {
					want = handedOver
				}
				require.Eventually(t, func() bool { return hubs[room].Runs() == want }, 10*time.Second, time.Millisecond)
			}
			push("a", "old")
			a1, a2 := c.listen(t, "room=a&last=1"), c.listen(t, "room=a")
			b := c.listen(t, "room=b")
			a1.reads("bookmark at 0", "1 old")
			a2.reads("bookmark at 1")
			b.reads("bookmark at 0")
			runs("a", 1, 2)
			runs("b", 1, 1)
			push("a", "to a")
			push("b", "to b")
			for _, l := range []*listening{a1, a2} {
				l.reads("2 to a")
				_ = l.Body.Close()
			}
			b.reads("1 to b")
			runs("a", 0, 0)
			runs("b", 1, 1)
			again := c.listen(t, "room=a&last=9")
			again.reads("bookmark at 0", "1 old", "2 to a")
			hubs["a"].End()
			again.ends("ending")
			hubs["b"].End()
			b.ends("ending")
			res, err := c.Client().Get(c.URL + "/?room=c")
			require.NoError(t, err)
			assert.Equal(t, http.StatusNotFound, res.StatusCode)
			_ = res.Body.Close()
		})
	}
}

// A source that cannot be compared has no run for all clients, so its streams stay with net/http.
func TestFanoutFuncOfASourceThatCannotBeCompared(t *testing.T) {
	leavesNothing(t)
	logged := probe.Logs(t)
	hub := enumerator.Broadcast[string]()
	h := httpadapter.FanoutFunc(func(r *http.Request) (enumerator.Source[string], enumerator.Position, int, error) {
		after, last, err := where(r)
		return items.Via(hub, items.Map(strings.ToUpper)), after, last, err
	}, lines(""))
	c := &concert{Server: unstarted(t, h)}
	c.Config.ErrorLog = nil // package log
	c.Start()
	for range 2 {
		l := c.listen(t, "")
		l.reads(fmt.Sprintf("bookmark at %d", hub.Position().Seq))
		require.NoError(t, hub.Push(t.Context(), "a"))
		l.reads(fmt.Sprintf("%d A", hub.Position().Seq))
		_ = l.Body.Close()
	}
	if isLinux {
		assert.Equal(t, 1, strings.Count(logged(), "cannot be compared"), logged())
	}
}

// unplaced is the source of a hub. Some of its Items have no Position.
type unplaced struct{ *enumerator.Hub[string] }

func (u unplaced) Last(n int) enumerator.Enumerator[enumerator.Item[string]] {
	return enumerator.Map(u.Hub.Last(n), func(i enumerator.Item[string]) enumerator.Item[string] {
		if strings.HasPrefix(i.Value, "?") {
			i.Position = enumerator.Position{}
		}
		return i
	})
}

// An Item without a Position reaches the clients that have joined, and does not keep others from joining.
func TestFanoutItemsWithoutPositions(t *testing.T) {
	leavesNothing(t)
	hub := enumerator.Broadcast[string]()
	ends := make(chan httpadapter.Outcome, 2)
	c := &concert{hub: hub, Server: unstarted(t, httpadapter.Fanout(unplaced{hub}, lines(""), where,
		httpadapter.OnEnd(func(_ *http.Request, o httpadapter.Outcome) { ends <- o })))}
	c.Start()
	c.push(t, "one")
	first := c.listen(t, "")
	first.reads("bookmark at 1")
	c.push(t, "two", "?three")
	first.reads("2 two", "0 ?three")
	second := c.listen(t, "last=2")
	second.reads("bookmark at 1", "2 two", "0 ?three")
	c.push(t, "?four", "five")
	hub.End()
	first.ends("0 ?four", "5 five", "ending")
	second.ends("0 ?four", "5 five", "ending")
	for range 2 {
		assert.Equal(t, 4, receive(t, ends, "an outcome").Messages)
	}

	all := enumerator.Of(enumerator.Item[string]{Value: "a"}, enumerator.Item[string]{Value: "b"})
	c = &concert{Server: unstarted(t, httpadapter.Fanout(itemsOf{all}, lines(""), where))}
	c.Start()
	c.listen(t, "").ends("0 a", "0 b", "ending")
}

// itemsOf is a source that does not know its Position.
type itemsOf struct {
	enumerator.Enumerator[enumerator.Item[string]]
}

func (i itemsOf) From(enumerator.Position) enumerator.Enumerator[enumerator.Item[string]] {
	return i.Enumerator
}
func (i itemsOf) Last(int) enumerator.Enumerator[enumerator.Item[string]] { return i.Enumerator }
func (itemsOf) Position() enumerator.Position                             { return enumerator.Position{} }

// backlog is a hub whose source hands on old elements only when gate is closed.
type backlog struct {
	*enumerator.Hub[string]
	gate chan struct{}
}

func (b backlog) From(after enumerator.Position) enumerator.Enumerator[enumerator.Item[string]] {
	return enumerator.Through(b.Hub.From(after), enumeratee.MapM(func(ctx context.Context, i enumerator.Item[string]) (enumerator.Item[string], error) {
		if i.Value == "old" {
			select {
			case <-b.gate:
			case <-ctx.Done():
			}
		}
		return i, nil
	}))
}

// A client that comes back from far behind begins the common run. Other clients do not wait for that run.
func TestFanoutOfAClientThatIsFarBehind(t *testing.T) {
	leavesNothing(t)
	b := backlog{enumerator.Broadcast[string](enumerator.Capacity(1000)), make(chan struct{})}
	c := &concert{hub: b.Hub, Server: unstarted(t, httpadapter.Fanout(b, lines(""), where))}
	c.Start()
	c.push(t, "first")
	after := b.Position()
	want := []string{}
	for i := range 300 {
		c.push(t, "old")
		want = append(want, fmt.Sprintf("%d old", i+2))
	}
	behind := c.listen(t, "after="+after.String())
	behind.reads("bookmark at 1")
	live := c.listen(t, "")
	live.reads("bookmark at 301")
	c.push(t, "302")
	live.reads("302 302")
	close(b.gate)
	behind.reads(append(want, "302 302")...)
	for n := 303; b.Runs() > 1 || n < 310; n++ { // until both were handed over, where that is possible
		c.push(t, fmt.Sprint(n))
		behind.reads(fmt.Sprintf("%d %d", n, n))
		live.reads(fmt.Sprintf("%d %d", n, n))
		if !isLinux && n > 310 {
			break
		}
	}
	b.End()
	behind.ends("ending")
	live.ends("ending")
}
