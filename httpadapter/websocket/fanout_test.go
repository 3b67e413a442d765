package websocket_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
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

	coder "github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/websocket"
	"github.com/halley-go/halley/internal/probe"
)

var isLinux = runtime.GOOS == "linux"

// numbered makes a text message of each Item. Some values have another effect: "bytes" makes a binary message, "bad" makes
// a text that is not UTF-8, "fail" returns an error, "close" returns a CloseError, "panic" panics, and "" makes no message.
var numbered = enumeratee.Compose(enumeratee.MapM(func(_ context.Context, i enumerator.Item[string]) ([]websocket.Message, error) {
	text := func(format string, args ...any) []websocket.Message {
		return []websocket.Message{{Data: fmt.Appendf(nil, format, args...)}}
	}
	seq := i.Position.Seq
	switch {
	case i.Gap.N > 0:
		return text("gap of %d from %d to %d", i.Gap.N, i.Gap.From.Seq, seq), nil
	case i.Reset:
		return text("reset at %d", seq), nil
	case i.Bookmark:
		return text("bookmark at %d", seq), nil
	}
	switch i.Value {
	case "":
		return nil, nil
	case "bytes":
		return []websocket.Message{{Binary: true, Data: []byte{byte(seq)}}}, nil
	case "bad":
		return text("\xff"), nil
	case "fail":
		return nil, errBoom
	case "close":
		return nil, fmt.Errorf("%w", websocket.CloseError{Code: 4321, Reason: "enough"})
	case "panic":
		panic(errBoom)
	}
	return text("%d %s", seq, i.Value), nil
}), enumeratee.MapConcat(func(all []websocket.Message) []websocket.Message { return all }))

// where begins a stream after the Position in the query, or with the last elements. It refuses the request if the query
// says so.
func where(r *http.Request) (after enumerator.Position, last int, err error) {
	q := r.URL.Query()
	switch q.Get("refuse") {
	case "status":
		return after, 0, &httpadapter.StatusError{Status: http.StatusTeapot}
	case "code":
		return after, 0, websocket.CloseError{Code: 4401, Reason: "log in first"}
	}
	if after, err = enumerator.ParsePosition(q.Get("after")); err == nil && q.Has("last") {
		_, err = fmt.Sscan(q.Get("last"), &last)
	}
	return after, last, err
}

type startFunc = func(*http.Request) (after enumerator.Position, last int, err error)

// concert is a hub that a Fanout serves.
type concert struct {
	*httptest.Server
	t      *testing.T
	hub    *enumerator.Hub[string]
	ends   chan httpadapter.Outcome
	logged func() string
	offer  coder.CompressionMode // of dial
}

func newConcert(t *testing.T, wrap func(http.Handler) http.Handler, opts ...websocket.Option) *concert {
	return newConcertOf(t, numbered, where, wrap, opts...)
}

func newConcertOf(t *testing.T, encode enumeratee.Enumeratee[enumerator.Item[string], websocket.Message], start startFunc, wrap func(http.Handler) http.Handler, opts ...websocket.Option) *concert {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	descriptors := openDescriptors(t)
	t.Cleanup(func() {
		assert.EventuallyWithT(t, func(t *assert.CollectT) { assert.Equal(t, descriptors, openDescriptors(t)) }, patience, time.Millisecond)
	})
	c := &concert{t: t, hub: enumerator.Broadcast[string](), ends: make(chan httpadapter.Outcome, 10_000), logged: probe.Logs(t)}
	h := websocket.Fanout(c.hub, encode, start, append(opts, websocket.Stream(
		httpadapter.OnEnd(func(_ *http.Request, o httpadapter.Outcome) { c.ends <- o })))...)
	if wrap != nil {
		h = wrap(h)
	}
	c.Server = httptest.NewUnstartedServer(h)
	httpadapter.Drain(c.Config)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		assert.NoError(t, httpadapter.Shutdown(ctx, c.Config))
		c.Close()
	})
	return c
}

func openDescriptors(t require.TestingT) int {
	if !isLinux {
		return 0
	}
	files, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(files)
}

func (c *concert) push(values ...string) {
	c.t.Helper()
	for _, value := range values {
		require.NoError(c.t, c.hub.Push(c.t.Context(), value))
	}
}

// dial opens a WebSocket with a client that speaks the whole protocol.
func (c *concert) dial(query string) *client {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 2*patience)
	c.t.Cleanup(cancel)
	conn, _, err := coder.Dial(ctx, c.URL+"/?"+query, &coder.DialOptions{HTTPClient: c.Client(), CompressionMode: c.offer})
	require.NoError(c.t, err)
	conn.SetReadLimit(-1)
	c.t.Cleanup(func() { _ = conn.CloseNow() })
	return &client{c.t, ctx, conn}
}

// raw is a connection on which a test reads and writes bytes.
type raw struct {
	*net.TCPConn
	t *testing.T
	b *bufio.Reader
}

// raw opens a WebSocket, and sends input together with the handshake.
func (c *concert) raw(query, input string) *raw {
	c.t.Helper()
	conn, err := net.Dial("tcp", c.Listener.Addr().String())
	require.NoError(c.t, err)
	c.t.Cleanup(func() { _ = conn.Close() })
	require.NoError(c.t, conn.SetReadDeadline(time.Now().Add(2*patience)))
	_, err = io.WriteString(conn, "GET /?"+query+" HTTP/1.1\r\nHost: halley\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"+input)
	require.NoError(c.t, err)
	r := &raw{conn.(*net.TCPConn), c.t, bufio.NewReader(conn)}
	res, err := http.ReadResponse(r.b, nil)
	require.NoError(c.t, err)
	require.Equal(c.t, http.StatusSwitchingProtocols, res.StatusCode)
	return r
}

func (r *raw) reads(want string) {
	r.t.Helper()
	got := make([]byte, len(want))
	n, err := io.ReadFull(r.b, got)
	require.NoError(r.t, err, "%q of %q", got[:n], want)
	require.Equal(r.t, want, string(got))
}

// ends fails the test unless the connection ends without an error after want.
func (r *raw) ends(want string) {
	r.t.Helper()
	r.reads(want)
	rest, err := io.ReadAll(r.b)
	assert.NoError(r.t, err)
	assert.Empty(r.t, rest)
}

// message returns a short frame of the server.
func message(first byte, payload string) string {
	return string([]byte{first, byte(len(payload))}) + payload
}

const (
	textFrame, binaryFrame         = 0x81, 0x82
	endFrame, pingFrame, pongFrame = 0x88, 0x89, 0x8a
	normal, away, internal         = "\x03\xe8", "\x03\xe9", "\x03\xf3"
)

// Connections are the same whether they are taken over or not.
func TestFanout(t *testing.T) {
	for name, tt := range map[string]struct {
		opts   []websocket.Option
		wrap   func(http.Handler) http.Handler
		tls    bool
		reason string
	}{
		"taken over": {},
		"Compression that the client does not offer": {opts: []websocket.Option{websocket.Compression()}},
		"TLS":          {tls: true, reason: `reason="TLS"`},
		"Compression":  {opts: []websocket.Option{websocket.Compression()}, reason: `reason="permessage-deflate"`},
		"a middleware": {wrap: wrapped, reason: `reason="the ResponseWriter websocket_test.unwrapping is not that of net/http with a *net.TCPConn"`},
	} {
		t.Run(name, func(t *testing.T) {
			c := newConcert(t, tt.wrap, tt.opts...)
			if tt.reason != "" {
				c.offer = coder.CompressionContextTakeover
			}
			if tt.tls {
				c.StartTLS()
			} else {
				c.Start()
			}
			position := func(seq uint64) string {
				p := c.hub.Position()
				p.Seq = seq
				return p.String()
			}
			c.push("a", "b", "", "d", "bad", strings.Repeat("x", 200_000))
			live := c.dial("")
			live.checkReceives("bookmark at 6")
			two := c.dial("last=3")
			two.checkReceives("bookmark at 3", "4 d", "6 "+strings.Repeat("x", 200_000))
			after := c.dial("after=" + position(3))
			after.checkReceives("bookmark at 3", "4 d", "6 "+strings.Repeat("x", 200_000))
			unknown := c.dial("after=" + enumerator.Position{Epoch: 1, Seq: 1}.String())
			unknown.checkReceives("reset at 0", "1 a", "2 b", "4 d")
			all := []*client{live, two, after}
			for _, one := range all {
				one.send(coder.MessageText, "dropped")
			}
			c.push("bytes", "h", "", strings.Repeat("y", 70_000), "bad", "l")
			for _, one := range all {
				one.checkReceives("\x07", "8 h", "10 "+strings.Repeat("y", 70_000), "12 l")
			}
			require.NoError(t, live.conn.Close(1000, "bye"))
			o := receive(t, c.ends, "an outcome")
			assert.Equal(t, httpadapter.ClientGone, o.Reason)
			assert.ErrorIs(t, o.Err, httpadapter.ErrClientGone)
			assert.ErrorIs(t, o.Err, context.Canceled)
			assert.Equal(t, httpadapter.Counts{Messages: 6}, o.Counts)
			c.hub.End()
			for _, one := range all[1:] {
				one.checkClosed(1000, "")
			}
			unknown.checkReceives("6 "+strings.Repeat("x", 200_000), "\x07", "8 h", "10 "+strings.Repeat("y", 70_000), "12 l")
			unknown.checkClosed(1000, "")
			for range 3 {
				o := receive(t, c.ends, "an outcome")
				assert.Equal(t, httpadapter.EndOfSource, o.Reason)
				assert.NoError(t, o.Err)
				messages, chunks := 6+3, 1+2+4 // some have no message
				if o.Resets > 0 {
					messages, chunks = 6+6, 1+4+4
				}
				assert.Equal(t, messages, o.Messages)
				assert.Equal(t, chunks, o.Chunks)
				assert.Greater(t, o.Bytes, int64(270_000))
			}
			logged := c.logged()
			assert.Equal(t, 1, strings.Count(logged, "message dropped"), logged)
			want := 1
			if isLinux && tt.reason == "" {
				want = 0
			}
			assert.Equal(t, want, strings.Count(logged, "reason="), logged)
			if isLinux {
				assert.Contains(t, logged, tt.reason)
			}
		})
	}
}

func wrapped(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(unwrapping{w}, r) })
}

// The exact bytes of connections that are taken over, and of others.
func TestFanoutWire(t *testing.T) {
	const ready = "bookmark at 0"
	mask := func(first byte, payload string) string { // with a mask that is not zero
		masked := []byte(payload)
		for i := range masked {
			masked[i] ^= "\x12\x34\x56\x78"[i%4]
		}
		return string([]byte{first, 0x80 | byte(len(payload))}) + "\x12\x34\x56\x78" + string(masked)
	}
	refused := func(code uint16, reason string) string {
		return message(endFrame, string([]byte{byte(code >> 8), byte(code)})+"the client has sent "+reason)
	}
	long := strings.Repeat("x", 70_000)
	for name, tt := range map[string]struct {
		send      string
		want      string // after the bookmark
		fault     bool
		elsewhere bool // Handler answers in another way, because of its library
	}{
		"a close frame":                 {send: mask(endFrame, normal+"bye"), want: message(endFrame, normal), elsewhere: true},
		"a close frame without a code":  {send: mask(endFrame, ""), want: message(endFrame, ""), elsewhere: true},
		"a close frame with code 4000":  {send: mask(endFrame, "\x0f\xa0"), want: message(endFrame, "\x0f\xa0"), elsewhere: true},
		"bytes after a close frame":     {send: mask(endFrame, normal) + mask(pingFrame, "late"), want: message(endFrame, normal), elsewhere: true},
		"a ping":                        {send: mask(pingFrame, "hello") + mask(endFrame, normal), want: message(pongFrame, "hello") + message(endFrame, normal)},
		"an empty ping":                 {send: mask(pingFrame, "") + mask(endFrame, normal), want: message(pongFrame, "") + message(endFrame, normal)},
		"the largest ping":              {send: mask(pingFrame, long[:125]) + mask(endFrame, normal), want: message(pongFrame, long[:125]) + message(endFrame, normal)},
		"two pings":                     {send: mask(pingFrame, "1") + mask(pingFrame, "2") + mask(endFrame, normal), want: message(pongFrame, "1") + message(pongFrame, "2") + message(endFrame, normal)},
		"a pong":                        {send: mask(pongFrame, "unasked") + mask(endFrame, normal), want: message(endFrame, normal)},
		"messages":                      {send: mask(textFrame, "one") + mask(binaryFrame, "") + frame(textFrame, 200, long[:200]) + mask(endFrame, normal), want: message(endFrame, normal)},
		"a ping in a message":           {send: mask(1, "on") + mask(pingFrame, "x") + mask(0, "") + mask(0x80, "e") + mask(endFrame, normal), want: message(pongFrame, "x") + message(endFrame, normal)},
		"a message of the largest size": {send: frame(binaryFrame, 1000, long[:1000]) + mask(endFrame, normal), want: message(endFrame, normal)},

		"a message that is too large":    {send: frame(binaryFrame, 1001, ""), want: refused(1009, "a message of more than 1000 bytes"), fault: true, elsewhere: true},
		"parts that are too large":       {send: frame(1, 1000, long[:1000]) + frame(0, 1, "x"), want: refused(1009, "a message of more than 1000 bytes"), fault: true, elsewhere: true},
		"an unmasked frame":              {send: message(textFrame, "hello"), want: refused(1002, "a frame without a mask"), fault: true, elsewhere: true},
		"a reserved bit":                 {send: mask(0xc0|1, "hello"), want: refused(1002, "a frame with a reserved bit"), fault: true, elsewhere: true},
		"an unknown opcode":              {send: mask(0x83, "hello"), want: refused(1002, "a frame with the opcode 0x3"), fault: true, elsewhere: true},
		"an unknown control":             {send: mask(0x8b, ""), want: refused(1002, "a frame with the opcode 0xb"), fault: true, elsewhere: true},
		"a continuation of nothing":      {send: mask(0x80, "hello"), want: refused(1002, "a continuation without a message, or a message within a message"), fault: true, elsewhere: true},
		"a message in a message":         {send: mask(1, "hello") + mask(textFrame, "hello"), want: refused(1002, "a continuation without a message, or a message within a message"), fault: true, elsewhere: true},
		"a long ping":                    {send: frame(pingFrame, 126, ""), want: refused(1002, "a control frame that is too long"), fault: true, elsewhere: true},
		"a ping in parts":                {send: mask(9, "x"), want: refused(1002, "a control frame in parts"), fault: true, elsewhere: true},
		"a length in too many bytes":     {send: "\x82\xfe\x00\x05\x00\x00\x00\x00hello", want: refused(1002, "a length in too many bytes"), fault: true, elsewhere: true},
		"a length in far too many bytes": {send: "\x82\xff\x00\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00\x00hello", want: refused(1002, "a length in too many bytes"), fault: true, elsewhere: true},
		"a length with the highest bit":  {send: "\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00", want: refused(1002, "a length with the highest bit"), fault: true, elsewhere: true},
		"a code that is not allowed":     {send: mask(endFrame, "\x03\xed"), want: refused(1002, "the close code 1005"), fault: true, elsewhere: true},
		"half a code":                    {send: mask(endFrame, "\x03"), want: refused(1002, "half of a close code"), fault: true, elsewhere: true},
		"a reason that is not UTF-8":     {send: mask(endFrame, normal+"\xff"), want: refused(1007, "a reason that is not UTF-8"), fault: true, elsewhere: true},
		"a request of HTTP":              {send: "GET / HTTP/1.1\r\n\r\n", want: refused(1002, "a frame with a reserved bit"), fault: true, elsewhere: true},
	} {
		for way, wrap := range map[string]func(http.Handler) http.Handler{"taken over": nil, "not taken over": wrapped} {
			for _, together := range []bool{false, true} {
				if wrap != nil && tt.elsewhere || wrap == nil && !isLinux {
					continue
				}
				t.Run(fmt.Sprint(name, " ", way, " ", together), func(t *testing.T) {
					c := newConcert(t, wrap, websocket.MaxMessage(1000))
					c.Start()
					var r *raw
					if together {
						r = c.raw("", tt.send) // the bytes come with the request
					} else {
						r = c.raw("", "")
						r.reads(message(textFrame, ready))
						for _, b := range []byte(tt.send) { // TCP_NODELAY is set, so each is a packet
							if _, err := r.Write([]byte{b}); err != nil {
								break // the server has closed the connection
							}
						}
					}
					if together {
						// The server may answer a ping before or after its first message.
						all, err := io.ReadAll(r.b)
						assert.NoError(t, err)
						got := strings.Replace(string(all), message(textFrame, ready), "", 1)
						assert.Equal(t, tt.want, got)
						if wrap == nil {
							assert.Contains(t, string(all), message(textFrame, ready))
						}
					} else if tt.fault && !together {
						r.reads(tt.want)
						_, _ = r.Write([]byte(mask(endFrame, "\x03\xea")))
						_, _ = io.Copy(io.Discard, r.b)
					} else {
						r.ends(tt.want)
					}
					_ = r.Close()
					o := receive(t, c.ends, "the outcome")
					assert.Equal(t, httpadapter.ClientGone, o.Reason, o.Err)
					assert.Empty(t, errorLines(c.logged()))
				})
			}
		}
	}
}

// errorLines returns the lines of a log that have no reason.
func errorLines(log string) (lines string) {
	for line := range strings.Lines(log) {
		if !strings.Contains(line, "reason=") {
			lines += line
		}
	}
	return lines
}

// The frames of the server for messages of all sizes.
func TestFanoutFrames(t *testing.T) {
	c := newConcert(t, nil)
	c.Start()
	r := c.raw("", "")
	r.reads(message(textFrame, "bookmark at 0"))
	const head = len("1 ")
	for i, tt := range []struct {
		size int
		want string
	}{
		{125, "\x81\x7d"},
		{126, "\x81\x7e\x00\x7e"},
		{0xffff, "\x81\x7e\xff\xff"},
		{0x10000, "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"},
	} {
		if !isLinux && i == 3 {
			continue // it is sent in parts
		}
		value := strings.Repeat("x", tt.size-head)
		c.push(value)
		r.reads(tt.want + fmt.Sprint(i+1, " ", value))
	}
}

// Each end of the stream has its code. The client answers, and the server closes the connection.
func TestFanoutEnds(t *testing.T) {
	for name, tt := range map[string]struct {
		end    func(*concert)
		opts   []websocket.Option
		want   string
		reason httpadapter.Reason
	}{
		"the source":           {end: func(c *concert) { c.hub.End() }, want: normal, reason: httpadapter.EndOfSource},
		"an error":             {end: func(c *concert) { c.hub.EndWithError(errBoom) }, want: internal, reason: httpadapter.Failed},
		"an error of encode":   {end: func(c *concert) { c.push("fail") }, want: internal, reason: httpadapter.Failed},
		"a CloseError":         {end: func(c *concert) { c.push("close") }, want: "\x10\xe1enough", reason: httpadapter.Failed},
		"a panic":              {end: func(c *concert) { c.push("panic") }, want: internal, reason: httpadapter.Panicked},
		"MaxDuration":          {end: func(*concert) {}, opts: []websocket.Option{websocket.Stream(httpadapter.MaxDuration(500 * time.Millisecond))}, want: normal, reason: httpadapter.Expired},
		"http.Server.Shutdown": {end: func(c *concert) { assert.NoError(c.t, c.Config.Shutdown(c.t.Context())) }, want: away, reason: httpadapter.Drained},
	} {
		for way, wrap := range map[string]func(http.Handler) http.Handler{"taken over": nil, "not taken over": recoveringAndWrapped} {
			t.Run(name+", "+way, func(t *testing.T) {
				c := newConcert(t, wrap, tt.opts...)
				c.Start()
				r := c.raw("", "")
				r.reads(message(textFrame, "bookmark at 0"))
				c.push("a")
				r.reads(message(textFrame, "1 a"))
				tt.end(c)
				r.reads(message(endFrame, tt.want))
				write(r, frame(endFrame, 2, tt.want[:2]))
				r.ends("")
				_ = r.Close()
				o := receive(t, c.ends, "the outcome")
				assert.Equal(t, tt.reason, o.Reason)
				assert.Equal(t, 2, o.Chunks)
				assert.Equal(t, int64(len(message(textFrame, "bookmark at 0")+message(textFrame, "1 a"))), o.Bytes)
			})
		}
	}
}

func recoveringAndWrapped(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { _ = recover() }()
		h.ServeHTTP(unwrapping{w}, r)
	})
}

// After a panic, the client gets the code of an error and nothing else, and the place of the stream is free. Each OnStart has
// its OnEnd.
func TestFanoutPanics(t *testing.T) {
	panics := enumeratee.Map(func(enumerator.Item[string]) websocket.Message { panic(errBoom) })
	for name, tt := range map[string]struct {
		encode  enumeratee.Enumeratee[enumerator.Item[string], websocket.Message]
		start   startFunc
		onStart func(*http.Request)
		starts  bool
	}{
		"start":   {encode: numbered, start: func(*http.Request) (enumerator.Position, int, error) { panic(errBoom) }, onStart: func(*http.Request) {}},
		"OnStart": {encode: numbered, start: where, onStart: func(*http.Request) { panic(errBoom) }, starts: true},
		"encode":  {encode: panics, start: where, onStart: func(*http.Request) {}, starts: true},
	} {
		for way, wrap := range map[string]func(http.Handler) http.Handler{"taken over": recovering, "not": recoveringAndWrapped} {
			t.Run(name+", "+way, func(t *testing.T) {
				starts := make(chan bool, 10)
				c := newConcertOf(t, tt.encode, tt.start, wrap, websocket.Stream(httpadapter.Limit(1),
					httpadapter.OnStart(func(*http.Request) { starts <- true }), httpadapter.OnStart(tt.onStart)))
				c.Start()
				for range 2 {
					if tt.starts {
						r := c.raw("", "")
						r.reads(message(endFrame, internal))
						write(r, frame(endFrame, 2, internal))
						r.ends("")
						_ = r.Close()
						receive(t, starts, "a start")
					} else {
						_, res, err := coder.Dial(t.Context(), c.URL, nil)
						require.Error(t, err)
						assert.Equal(t, http.StatusInternalServerError, res.StatusCode)
						http.DefaultClient.CloseIdleConnections()
					}
					o := receive(t, c.ends, "the outcome")
					assert.Equal(t, httpadapter.Panicked, o.Reason)
					assert.Equal(t, tt.starts, o.Started)
				}
				assert.Empty(t, starts)
				assert.Empty(t, c.ends)
			})
		}
	}
}

// Everything that is logged goes to the ErrorLog of the server, also from goroutines without a request.
func TestFanoutLogger(t *testing.T) {
	panics := func(*http.Request) { panic(errBoom) }
	for name, tt := range map[string]struct {
		before, value string // is pushed before or after the client comes
		opt           httpadapter.Option
		want          string
		wantTakenOver string // if it is not want
		end           string // the payload of the close frame, if the stream ends
	}{
		"a message that is not UTF-8":          {value: "bad", want: `httpadapter/websocket: Fanout: message dropped error="httpadapter/websocket: text to send is not UTF-8"`},
		"an earlier message that is not UTF-8": {before: "bad", want: `httpadapter/websocket: Fanout: message dropped error="httpadapter/websocket: text to send is not UTF-8"`},
		"an encoder that fails":                {value: "fail", want: `httpadapter: stream failed method="GET" path="/" status="500" error="boom`, wantTakenOver: `httpadapter: Fanout: all streams failed error="boom`, end: internal},
		"an encoder that panics":               {value: "panic", want: "http: panic serving", wantTakenOver: "httpadapter: Fanout: the source or the encoder has panicked panic=", end: internal},
		"an OnStart that panics":               {opt: httpadapter.OnStart(panics), want: "http: panic serving", end: internal},
		"an OnEnd that panics": {value: "close", opt: httpadapter.OnEnd(func(r *http.Request, _ httpadapter.Outcome) { panics(r) }),
			want: "http: panic serving", wantTakenOver: "httpadapter: Fanout: a function of OnEnd has panicked panic=", end: "\x10\xe1enough"},
	} {
		for way, wrap := range map[string]func(http.Handler) http.Handler{"taken over": nil, "not": wrapped} {
			t.Run(name+", "+way, func(t *testing.T) {
				var opts []websocket.Option
				if tt.opt != nil {
					opts = append(opts, websocket.Stream(tt.opt))
				}
				c := newConcert(t, wrap, opts...)
				lines := make(lineChan, 100)
				c.Config.ErrorLog = log.New(lines, "", 0)
				c.Start()
				if tt.before != "" {
					c.push(tt.before)
				}
				r := c.raw("last=1", "")
				if tt.value != "" {
					r.reads(message(textFrame, "bookmark at 0"))
					c.push(tt.value)
				}
				if tt.end != "" {
					r.reads(message(endFrame, tt.end))
					write(r, frame(endFrame, 2, normal))
				}
				want := tt.want
				if isLinux && wrap == nil && tt.wantTakenOver != "" {
					want = tt.wantTakenOver
				}
				for !strings.Contains(receive(t, lines, want), want) {
				}
				assert.Empty(t, c.logged())
				_ = r.Close()
			})
		}
	}
}

// A lineChan is the Writer of a log.
type lineChan chan string

func (c lineChan) Write(p []byte) (int, error) {
	c <- string(p)
	return len(p), nil
}

func recovering(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { _ = recover() }()
		h.ServeHTTP(w, r)
	})
}

// A server that shuts down ends all streams, whatever they are about to do. Shutdown waits for them. Every second round has
// no Drain.
func TestFanoutShutdownAtAnyTime(t *testing.T) {
	for round := range 20 {
		for way, wrap := range map[string]func(http.Handler) http.Handler{"taken over": nil, "not": wrapped} {
			t.Run(fmt.Sprint(round, " ", way), func(t *testing.T) {
				var starts, ends, answered atomic.Int32
				c := newConcert(t, wrap, websocket.Stream(
					httpadapter.OnStart(func(*http.Request) { starts.Add(1) }),
					httpadapter.OnEnd(func(_ *http.Request, o httpadapter.Outcome) {
						if o.Started {
							ends.Add(1)
						}
					})))
				c.Config.ErrorLog = log.New(io.Discard, "", 0)
				if round%2 == 1 {
					c.Config.BaseContext = nil // as without Drain
				}
				c.Start()
				c.push("a", "b")
				var clients sync.WaitGroup
				for i := range 20 {
					clients.Go(func() {
						for n := 0; ; n++ {
							ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
							conn, res, err := coder.Dial(ctx, c.URL+"/?last=2", nil)
							if err != nil {
								cancel()
								if res != nil {
									assert.Equal(t, http.StatusServiceUnavailable, res.StatusCode)
								}
								return
							}
							for left := (i + n) % 5; err == nil && (left > 0 || i%2 == 0); left-- {
								_, _, err = conn.Read(ctx)
							}
							if err != nil {
								assert.Equal(t, coder.StatusGoingAway, coder.CloseStatus(err), err)
								answered.Add(1)
							}
							_ = conn.CloseNow()
							cancel()
						}
					})
				}
				time.Sleep(time.Duration(round) * time.Millisecond) // any time will do
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				assert.NoError(t, httpadapter.Shutdown(ctx, c.Config))
				assert.Equal(t, starts.Load(), ends.Load())
				clients.Wait()
				assert.Equal(t, starts.Load(), ends.Load())
				t.Logf("%d streams, %d of which were ended by the server", starts.Load(), answered.Load())
				http.DefaultClient.CloseIdleConnections()
			})
		}
	}
}

// Shutdown waits until the client has answered the close frame.
func TestFanoutShutdownWaits(t *testing.T) {
	for way, wrap := range map[string]func(http.Handler) http.Handler{"taken over": nil, "not taken over": wrapped} {
		t.Run(way, func(t *testing.T) {
			c := newConcert(t, wrap)
			c.Start()
			r := c.raw("", "")
			r.reads(message(textFrame, "bookmark at 0"))
			done := make(chan error, 1)
			go func() { done <- httpadapter.Shutdown(context.Background(), c.Config) }()
			r.reads(message(endFrame, away))
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			defer cancel()
			assert.ErrorIs(t, httpadapter.Shutdown(ctx, c.Config), context.DeadlineExceeded)
			write(r, frame(endFrame, 2, away))
			r.ends("")
			_ = r.Close()
			assert.NoError(t, receive(t, done, "Shutdown"))
		})
	}
}

// Shutdown ends all connections without Drain too, also those whose source has not begun.
func TestFanoutShutdownWithoutDrain(t *testing.T) {
	for way, wrap := range map[string]func(http.Handler) http.Handler{"taken over": nil, "not taken over": wrapped} {
		for name, tt := range map[string]struct {
			source enumerator.Source[string]
			encode enumeratee.Enumeratee[enumerator.Item[string], websocket.Message]
			first  string
		}{
			"a source that has not begun": {quiet{}, numbered, ""},
			"a source without Positions":  {unplaced{}, numbered, message(textFrame, "0 a")},
			"a source that has begun":     {enumerator.Broadcast[string](), numbered, message(textFrame, "bookmark at 0")},
			"an encoder that waits": {enumerator.Broadcast[string](), enumeratee.MapM(func(ctx context.Context, _ enumerator.Item[string]) (m websocket.Message, err error) {
				<-ctx.Done()
				return m, context.Cause(ctx)
			}), ""},
		} {
			t.Run(way+"/"+name, func(t *testing.T) {
				t.Cleanup(func() { goleak.VerifyNone(t) })
				ends, begun := make(chan httpadapter.Outcome, 1), make(chan bool, 1)
				h := websocket.Fanout(tt.source, tt.encode, where, websocket.Stream(
					httpadapter.OnStart(func(*http.Request) { begun <- true }),
					httpadapter.OnEnd(func(_ *http.Request, o httpadapter.Outcome) { ends <- o })))
				if wrap != nil {
					h = wrap(h)
				}
				c := &concert{t: t, Server: httptest.NewServer(h)}
				t.Cleanup(c.Close)
				r := c.raw("", "")
				receive(t, begun, "the start")
				r.reads(tt.first)
				done := make(chan error, 1)
				go func() { done <- httpadapter.Shutdown(t.Context(), c.Config) }()
				r.reads(message(endFrame, away))
				write(r, frame(endFrame, 2, away))
				r.ends("")
				_ = r.Close()
				assert.NoError(t, receive(t, done, "Shutdown"))
				assert.Equal(t, httpadapter.Drained, receive(t, ends, "the outcome").Reason)
			})
		}
	}
}

func TestFanoutNoticesAClientThatLeaves(t *testing.T) {
	for name, leave := range map[string]func(*net.TCPConn){
		"close":                      func(c *net.TCPConn) { _ = c.Close() },
		"reset":                      reset,
		"half-close":                 func(c *net.TCPConn) { _ = c.CloseWrite() },
		"close after a message":      func(c *net.TCPConn) { write(c, frame(textFrame, 5, "hello")); _ = c.Close() },
		"half-close in a frame":      func(c *net.TCPConn) { write(c, frame(textFrame, 5, "he")); _ = c.CloseWrite() },
		"close frame and half-close": func(c *net.TCPConn) { write(c, frame(endFrame, 2, normal)); _ = c.CloseWrite() },
		"close frame, and no answer": func(c *net.TCPConn) { write(c, frame(endFrame, 2, normal)) },
	} {
		for way, wrap := range map[string]func(http.Handler) http.Handler{"taken over": nil, "not taken over": wrapped} {
			t.Run(name+", "+way, func(t *testing.T) {
				c := newConcert(t, wrap)
				c.Start()
				r := c.raw("", "")
				r.reads(message(textFrame, "bookmark at 0"))
				leave(r.TCPConn)
				o := receive(t, c.ends, "the outcome")
				assert.Equal(t, httpadapter.ClientGone, o.Reason)
				assert.ErrorIs(t, o.Err, httpadapter.ErrClientGone)
				if strings.HasPrefix(name, "close frame") {
					r.reads(message(endFrame, normal))
				}
				_ = r.Close()
				assert.Empty(t, errorLines(c.logged()))
			})
		}
	}
}

// Refused requests get the answers that they get from Handler.
func TestFanoutRefuses(t *testing.T) {
	c := newConcert(t, nil, websocket.Stream(httpadapter.Limit(1)), websocket.Subprotocols("v1"))
	c.Start()
	dial := func(query string, opts *coder.DialOptions) (*coder.Conn, *http.Response, error) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		return coder.Dial(ctx, c.URL+"/?"+query, opts)
	}
	_, res, err := dial("refuse=status", nil)
	require.Error(t, err)
	assert.Equal(t, http.StatusTeapot, res.StatusCode)
	assert.Equal(t, httpadapter.Failed, receive(t, c.ends, "the outcome").Reason)

	conn, _, err := dial("refuse=code", nil)
	require.NoError(t, err)
	one := &client{t, t.Context(), conn}
	one.checkClosed(4401, "log in first")
	o := receive(t, c.ends, "the outcome")
	assert.Equal(t, httpadapter.Failed, o.Reason)
	assert.False(t, o.Started)
	var code websocket.CloseError
	assert.ErrorAs(t, o.Err, &code)

	_, res, err = dial("", &coder.DialOptions{HTTPHeader: http.Header{"Origin": {"https://elsewhere.example"}}})
	require.Error(t, err)
	assert.Equal(t, http.StatusForbidden, res.StatusCode)
	assert.False(t, receive(t, c.ends, "the outcome").Started)

	plain, err := c.Client().Get(c.URL)
	require.NoError(t, err)
	_ = plain.Body.Close()
	assert.Equal(t, http.StatusUpgradeRequired, plain.StatusCode)
	assert.False(t, receive(t, c.ends, "the outcome").Started)
	posted, err := c.Client().Post(c.URL, "", nil)
	require.NoError(t, err)
	_ = posted.Body.Close()
	assert.Equal(t, http.StatusUpgradeRequired, posted.StatusCode)
	assert.False(t, receive(t, c.ends, "the outcome").Started)

	first, res, err := dial("", &coder.DialOptions{Subprotocols: []string{"v2", "v1"}})
	require.NoError(t, err)
	assert.Equal(t, "v1", res.Header.Get("Sec-WebSocket-Protocol"))
	one = &client{t, t.Context(), first}
	one.checkReceives("bookmark at 0")
	_, res, err = dial("", nil)
	require.Error(t, err)
	assert.Equal(t, http.StatusServiceUnavailable, res.StatusCode)
	assert.Equal(t, httpadapter.Refused, receive(t, c.ends, "the outcome").Reason)
	require.NoError(t, first.Close(1000, ""))
	assert.Equal(t, httpadapter.ClientGone, receive(t, c.ends, "the outcome").Reason)
	second, _, err := dial("", nil)
	require.NoError(t, err, "the place is free again")
	require.NoError(t, second.CloseNow())
	assert.NotContains(t, c.logged(), "superfluous")
	c.Client().CloseIdleConnections()
	http.DefaultClient.CloseIdleConnections()
}

// quiet is a source that has not begun.
type quiet struct{}

func (quiet) Last(int) enumerator.Enumerator[enumerator.Item[string]] {
	return enumerator.Never[enumerator.Item[string]]()
}
func (q quiet) From(enumerator.Position) enumerator.Enumerator[enumerator.Item[string]] {
	return q.Last(0)
}
func (quiet) Position() enumerator.Position { return enumerator.Position{} }

// A client that leaves before its first Item is noticed by pings.
func TestFanoutOfASourceThatHasNotBegun(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	ends := make(chan httpadapter.Outcome, 1)
	c := &concert{t: t}
	c.Server = httptest.NewServer(websocket.Fanout[string](quiet{}, numbered, where, websocket.Ping(5*time.Millisecond),
		websocket.Stream(httpadapter.OnEnd(func(_ *http.Request, o httpadapter.Outcome) { ends <- o }))))
	defer c.Close()
	r := c.raw("", "")
	r.reads(message(pingFrame, "") + message(pingFrame, ""))
	_ = r.Close()
	o := receive(t, ends, "the outcome")
	assert.Equal(t, httpadapter.ClientGone, o.Reason)
	assert.True(t, o.Started)
}

// unplaced is a source of Items without Positions.
type unplaced struct{ quiet }

func (unplaced) Last(int) enumerator.Enumerator[enumerator.Item[string]] {
	return enumerator.Of(enumerator.Item[string]{Value: "a"}).AndThen(enumerator.Never[enumerator.Item[string]]())
}

// The client of a source without Positions is heard, although it is not taken over.
func TestFanoutOfItemsWithoutPositions(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	c := &concert{t: t, Server: httptest.NewServer(websocket.Fanout[string](unplaced{}, numbered, where))}
	defer c.Close()
	r := c.raw("", "")
	r.reads(message(textFrame, "0 a"))
	write(r, frame(pingFrame, 1, "x"))
	r.reads(message(pongFrame, "x"))
	write(r, frame(endFrame, 2, normal))
	r.ends(message(endFrame, normal))
}

// slow is a hub whose runs wait before each Item.
type slow struct{ *enumerator.Hub[string] }

func (s slow) From(p enumerator.Position) enumerator.Enumerator[enumerator.Item[string]] {
	return enumerator.Map(s.Hub.From(p), func(i enumerator.Item[string]) enumerator.Item[string] {
		time.Sleep(time.Millisecond)
		return i
	})
}

// A client that is far behind is heard before it has caught up.
func TestFanoutOfAClientThatIsFarBehind(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	hub := enumerator.Broadcast[string](enumerator.Capacity(1000))
	c := &concert{t: t, hub: hub, Server: httptest.NewServer(websocket.Fanout(slow{hub}, numbered, where, websocket.Timeout(50*time.Millisecond)))}
	defer c.Close()
	start := hub.Position()
	const n = 500
	for range n {
		c.push("x")
	}
	first := c.raw("", "")
	first.reads(message(textFrame, fmt.Sprint("bookmark at ", n)))
	late := c.raw("after="+start.String(), "")
	write(late, frame(pingFrame, 4, "ping"))
	late.reads(message(textFrame, "bookmark at 0"))
	early := false
	for seq := 1; seq <= n; seq++ {
		head, err := late.b.Peek(1)
		require.NoError(t, err)
		if head[0] == pongFrame {
			late.reads(message(pongFrame, "ping"))
			early = seq < n
		}
		late.reads(message(textFrame, fmt.Sprint(seq, " x")))
	}
	assert.True(t, early)
	c.push("y")
	want := message(textFrame, fmt.Sprint(n+1, " y"))
	first.reads(want)
	late.reads(want)
	for _, r := range []*raw{first, late} {
		write(r, frame(endFrame, 2, normal))
		r.ends(message(endFrame, normal))
	}
}

// A message is collected in memory that grows with it.
func TestFanoutOfALargeMessage(t *testing.T) {
	c := newConcert(t, wrapped)
	c.Start()
	one := c.dial("")
	one.checkReceives("bookmark at 0")
	value := strings.Repeat("x", 16<<20)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	c.push(value)
	one.checkReceives("1 " + value)
	runtime.ReadMemStats(&after)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<30))
	require.NoError(t, one.conn.Close(1000, ""))
}

// A ResponseWriter that cannot be hijacked is an error of the server.
func TestFanoutWithoutHijacker(t *testing.T) {
	c := newConcert(t, func(h http.Handler) http.Handler { return http.TimeoutHandler(h, time.Minute, "") })
	c.Start()
	_, res, err := coder.Dial(t.Context(), c.URL, nil)
	require.Error(t, err)
	assert.Equal(t, http.StatusNotImplemented, res.StatusCode)
	assert.Contains(t, c.logged(), "http.Hijacker")
	http.DefaultClient.CloseIdleConnections()
}

// A client that joins while the connections of the others end is served as by Handler.
func TestFanoutJoinsWhileOthersEnd(t *testing.T) {
	c := newConcert(t, nil)
	c.Start()
	r := c.raw("", "")
	r.reads(message(textFrame, "bookmark at 0"))
	c.push("fail")
	r.reads(message(endFrame, internal)) // the client does not answer
	late := c.raw("", "")
	late.reads(message(textFrame, "bookmark at 1"))
	write(late, frame(pingFrame, 1, "x"))
	late.reads(message(pongFrame, "x"))
	c.push("a")
	late.reads(message(textFrame, "2 a"))
	write(late, frame(endFrame, 2, normal))
	late.ends(message(endFrame, normal))
}

// Heartbeats are pings. A client that answers stays, and a client that is silent counts as gone.
func TestFanoutPings(t *testing.T) {
	if !isLinux {
		t.Skip("connections are those of Handler")
	}
	c := newConcert(t, nil, websocket.Ping(20*time.Millisecond), websocket.Timeout(2*time.Second))
	c.Start()
	talks, silent := c.raw("", ""), c.raw("", "")
	talks.reads(message(textFrame, "bookmark at 0"))
	for gone := false; !gone; {
		talks.reads(message(pingFrame, ""))
		write(talks, frame(pongFrame, 0, ""))
		select {
		case o := <-c.ends:
			gone = true
			assert.Equal(t, httpadapter.ClientGone, o.Reason)
			assert.ErrorIs(t, o.Err, os.ErrDeadlineExceeded)
		default:
		}
	}
	_, err := io.Copy(io.Discard, silent.b)
	assert.NotErrorIs(t, err, os.ErrDeadlineExceeded, "the connection has ended")
	c.push("a")
	for { // the client that answers has stayed
		head, err := talks.b.Peek(2)
		require.NoError(t, err)
		if head[0] == textFrame {
			break
		}
		talks.reads(message(pingFrame, ""))
	}
	talks.reads(message(textFrame, "1 a"))
}

// The heartbeat after an element without a message has a message with the Position.
func TestFanoutBookmarks(t *testing.T) {
	if !isLinux {
		t.Skip("connections are those of Handler")
	}
	c := newConcert(t, nil, websocket.Ping(50*time.Millisecond))
	c.Start()
	r := c.raw("", "")
	r.reads(message(textFrame, "bookmark at 0"))
	c.push("")
	r.reads(message(textFrame, "bookmark at 1") + message(pingFrame, ""))
}

// A client that floods is refused.
func TestFanoutFlood(t *testing.T) {
	if !isLinux {
		t.Skip("connections are those of Handler")
	}
	for name, flood := range map[string]string{
		"pings":    frame(pingFrame, 1, "x"),
		"pongs":    frame(pongFrame, 0, ""),
		"messages": frame(textFrame, 100, strings.Repeat("x", 100)),
		"parts":    frame(0x01, 0, "") + strings.Repeat(frame(0x00, 0, ""), 20_000),
	} {
		t.Run(name, func(t *testing.T) {
			c := newConcert(t, nil)
			c.Start()
			other := c.raw("", "")
			other.reads(message(textFrame, "bookmark at 0"))
			r := c.raw("", "")
			var all sync.WaitGroup
			all.Go(func() {
				for {
					if _, err := io.WriteString(r, flood); err != nil {
						return
					}
				}
			})
			o := receive(t, c.ends, "the outcome")
			assert.ErrorIs(t, o.Err, httpadapter.ErrClientGone)
			assert.ErrorContains(t, o.Err, "more than 64 KiB in a minute")
			all.Wait()
			c.push("a")
			other.reads(message(textFrame, "1 a"))
		})
	}
}

// A client that has stopped reading gets whole messages, gaps and the newest pong when it reads again.
func TestFanoutPongsOfAClientThatDoesNotRead(t *testing.T) {
	if !isLinux {
		t.Skip("connections are those of Handler")
	}
	c := newConcert(t, nil)
	c.Start()
	r := c.raw("", "")
	r.reads(message(textFrame, "bookmark at 0"))
	other := c.raw("", "")
	other.reads(message(textFrame, "bookmark at 0"))
	value := strings.Repeat("x", 1<<20)
	const n = 20 // more than the kernel holds
	size := 0
	for i := range n {
		c.push(value)
		want := fmt.Sprint(i+1, " ", value)
		other.reads("\x81\x7f" + string([]byte{0, 0, 0, 0, 0, byte(len(want) >> 16), byte(len(want) >> 8), byte(len(want))}) + want)
		size += len(want)
	}
	for i := range 100 {
		write(r, frame(pingFrame, 1, string(rune(i))))
	}
	write(other, frame(pingFrame, 1, "x"))
	other.reads(message(pongFrame, "x"))
	// The client gets whole frames. A gap stands for the elements that it has lost.
	pongs, last, closed := "", 0, false
	for !closed {
		if last == n {
			c.hub.End()
		}
		first, err := r.b.ReadByte()
		require.NoError(t, err)
		length, err := r.b.ReadByte()
		require.NoError(t, err)
		n := int64(length)
		if length == 127 {
			wide := make([]byte, 8)
			_, err = io.ReadFull(r.b, wide)
			require.NoError(t, err)
			n = 0
			for _, b := range wide {
				n = n<<8 | int64(b)
			}
		}
		payload := make([]byte, n)
		_, err = io.ReadFull(r.b, payload)
		require.NoError(t, err)
		switch first {
		case textFrame:
			var from, to int
			if _, err := fmt.Sscanf(string(payload[:min(n, 100)]), "gap of %d from %d to %d", new(int), &from, &to); err == nil {
				require.Equal(t, last+1, from)
				last = to
				continue
			}
			last++
			require.Equal(t, fmt.Sprint(last, " ", value), string(payload))
		case pongFrame:
			pongs += string(payload)
		case endFrame:
			closed = true
		default:
			t.Fatalf("first byte %#x", first)
		}
	}
	assert.Equal(t, n, last)
	assert.Equal(t, string(rune(99)), pongs[max(0, len(pongs)-1):])
	assert.LessOrEqual(t, len(pongs), 2, "a pong may have found room before")
}

// A client that does not read does not hold up the others, and counts as gone after Timeout.
func TestFanoutFrozenClient(t *testing.T) {
	c := newConcert(t, nil, websocket.Timeout(2*time.Second))
	c.Start()
	frozen := c.raw("", "")
	_ = frozen.SetReadBuffer(4 << 10)
	reads := c.dial("")
	reads.checkReceives("bookmark at 0")
	value := strings.Repeat("x", 256<<10)
	for i := 1; ; i++ {
		c.push(value)
		reads.checkReceives(fmt.Sprint(i, " ", value))
		select {
		case o := <-c.ends:
			assert.Equal(t, httpadapter.ClientGone, o.Reason)
			assert.ErrorIs(t, o.Err, os.ErrDeadlineExceeded)
			return
		default:
			require.Less(t, i, 10_000)
		}
	}
}

// Clients come and go while the source sends. Each client gets all messages in order, or a gap in place of messages.
func TestFanoutJoinsAndLeaves(t *testing.T) {
	n := 100
	if probe.Long() {
		n = 1000
	}
	c := newConcert(t, nil)
	c.Start()
	stop := make(chan struct{})
	var pushing, clients sync.WaitGroup
	pushing.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				assert.NoError(t, c.hub.Push(context.Background(), "a value"))
			}
		}
	})
	places := make(chan struct{}, 20)
	for i := range n {
		places <- struct{}{}
		clients.Go(func() {
			defer func() { <-places }()
			conn, err := net.Dial("tcp", c.Listener.Addr().String())
			if !assert.NoError(t, err) {
				return
			}
			defer func() { _ = conn.Close() }()
			_ = conn.SetReadDeadline(time.Now().Add(2 * patience))
			_, _ = fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: halley\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
				"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", frame(pingFrame, 4, fmt.Sprintf("%04d", i)))
			b := bufio.NewReader(conn)
			if _, err := http.ReadResponse(b, nil); !assert.NoError(t, err) {
				return
			}
			last, ponged := 0, false
			for got := 0; got < 10+i%50 || !ponged; got++ {
				head := make([]byte, 2)
				if _, err := io.ReadFull(b, head); !assert.NoError(t, err) {
					return
				}
				payload := make([]byte, head[1])
				if _, err := io.ReadFull(b, payload); !assert.NoError(t, err) {
					return
				}
				switch {
				case head[0] == pongFrame:
					ponged = true
					assert.Equal(t, fmt.Sprintf("%04d", i), string(payload))
				case bytes.HasPrefix(payload, []byte("bookmark")):
					_, err = fmt.Sscanf(string(payload), "bookmark at %d", &last)
					assert.NoError(t, err)
				case bytes.HasPrefix(payload, []byte("gap")):
					var from int
					_, err = fmt.Sscanf(string(payload), "gap of %d from %d to %d", new(int), &from, &last)
					assert.NoError(t, err)
				default:
					last++
					if !assert.Equal(t, fmt.Sprint(last, " a value"), string(payload)) {
						return
					}
				}
			}
			switch i % 3 {
			case 0:
				write(conn, frame(endFrame, 2, normal))
				_, _ = io.Copy(io.Discard, b)
			case 1:
				reset(conn.(*net.TCPConn))
			}
		})
	}
	clients.Wait()
	close(stop)
	pushing.Wait()
	for range n {
		assert.Equal(t, httpadapter.ClientGone, receive(t, c.ends, "an outcome").Reason)
	}
}

func TestFanoutMisuse(t *testing.T) {
	hub := enumerator.Broadcast[string]()
	assert.PanicsWithValue(t, "httpadapter/websocket: Fanout: source must not be nil", func() { websocket.Fanout(nil, numbered, where) })
	assert.PanicsWithValue(t, "httpadapter/websocket: Fanout: start must not be nil", func() { websocket.Fanout(hub, numbered, nil) })
}
