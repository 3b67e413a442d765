package websocket_test

import (
	"bytes"
	"compress/flate"
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	coder "github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter/websocket"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

const deflateOffer = "Sec-WebSocket-Extensions: permessage-deflate"

func TestCompressionOffers(t *testing.T) {
	const accepted = "permessage-deflate; client_no_context_takeover; server_no_context_takeover"
	for offer, want := range map[string]string{
		"":                   "",
		"permessage-deflate": accepted,
		"permessage-deflate; client_max_window_bits":                             accepted, // Chromium
		"permessage-deflate;client_max_window_bits = 10":                         "",
		"permessage-deflate; client_max_window_bits=10":                          accepted,
		"permessage-deflate; server_no_context_takeover":                         accepted,
		"permessage-deflate; client_no_context_takeover":                         accepted,
		"permessage-deflate; server_max_window_bits=15":                          accepted,
		"permessage-deflate; server_max_window_bits=10":                          "", // the library cannot make the window smaller
		"permessage-deflate; server_max_window_bits=10, permessage-deflate":      accepted,
		"permessage-deflate; unknown":                                            "",
		"x-webkit-deflate-frame":                                                 "",
		"x-unknown; a=1, permessage-deflate; client_max_window_bits":             accepted,
		"permessage-deflate\r\nSec-WebSocket-Extensions: x-unknown":              accepted,
		"permessage-deflate; \"client_no_context_takeover\"":                     "",
		"permessage-deflate; server_max_window_bits=15; server_max_window_bits=": "",
	} {
		t.Run(offer, func(t *testing.T) {
			for opt, want := range map[string]string{"with the option": want, "without": ""} {
				var opts []websocket.Option
				if opt == "with the option" {
					opts = append(opts, websocket.Compression())
				}
				s := serve(t, handler(iteratee.Ignore[string](), silent[string](), opts...))
				response, conn := s.open("Sec-WebSocket-Extensions: " + offer)
				conn.Close()
				assert.Equal(t, http.StatusSwitchingProtocols, response.StatusCode)
				assert.Equal(t, want, response.Header.Get("Sec-WebSocket-Extensions"), opt)
				s.checkReturned()
			}
		})
	}
}

// counting counts the bytes on the wire.
type counting struct {
	net.Conn
	read, written atomic.Int64
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.read.Add(int64(n))
	return n, err
}

func (c *counting) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.written.Add(int64(n))
	return n, err
}

// Messages of all sizes arrive unchanged in both directions, and are smaller on the wire if they can be.
func TestCompressedMessages(t *testing.T) {
	words := strings.Repeat("the quick brown fox jumps over the lazy dog. ", 50_000)
	noise := make([]byte, 1<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise)
	for name, mode := range map[string]coder.CompressionMode{
		"a client that wants a context":   coder.CompressionContextTakeover,
		"a client that wants no context":  coder.CompressionNoContextTakeover,
		"a client that does not compress": coder.CompressionDisabled,
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, echo(websocket.Bytes(), websocket.Compression(), websocket.MaxMessage(4<<20)))
			wire, err := net.Dial("tcp", s.Listener.Addr().String())
			require.NoError(t, err)
			counted := &counting{Conn: wire}
			transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return counted, nil }}
			conn, _, err := coder.Dial(t.Context(), s.URL, &coder.DialOptions{HTTPClient: &http.Client{Transport: transport}, CompressionMode: mode})
			require.NoError(t, err)
			defer conn.CloseNow()
			conn.SetReadLimit(-1)
			for _, size := range []int{0, 1, 511, 512, 513, 4096, 64<<10 - 1, 64 << 10, 64<<10 + 1, 128 << 10, 1 << 20, 2<<20 + 1} {
				for kind, data := range map[string][]byte{"words": []byte(words), "noise": noise} {
					data := data[:min(size, len(data))]
					read, written := counted.read.Load(), counted.written.Load()
					errs := make(chan error, 1)
					go func() { errs <- conn.Write(t.Context(), coder.MessageBinary, data) }()
					_, got, err := conn.Read(t.Context())
					require.NoError(t, err)
					require.NoError(t, <-errs)
					require.True(t, bytes.Equal(data, got), "%d bytes of %s", size, kind)
					read, written = counted.read.Load()-read, counted.written.Load()-written
					if mode != coder.CompressionDisabled && kind == "words" && size >= 4096 {
						assert.Less(t, max(read, written), int64(size/5), "%d bytes of %s", size, kind)
					} else if size > 0 {
						assert.Greater(t, min(read, written), int64(len(data)/10), "%d bytes of %s", size, kind)
						assert.Less(t, max(read, written), int64(len(data)+len(data)/16+100), "%d bytes of %s", size, kind)
					}
				}
			}
			require.NoError(t, conn.Close(1000, ""))
			s.checkReturned()
		})
	}
}

// deflate returns the data of a compressed message.
func deflate(message []byte) string {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.BestCompression)
	_, _ = w.Write(message)
	_ = w.Flush()
	return strings.TrimSuffix(b.String(), "\x00\x00\xff\xff")
}

const compressed = 0x40 // the bit of a frame that begins a compressed message

// MaxMessage limits a message after it has been decompressed.
func TestBombs(t *testing.T) {
	const limit = 64 << 10
	bomb := deflate(make([]byte, 32<<20))
	require.Less(t, len(bomb), limit)
	fragments := frame(compressed|2, 1, bomb[:1])
	for _, b := range []byte(bomb[1:1000]) {
		fragments += frame(0, 1, string([]byte{b}))
	}
	for name, c := range map[string]struct {
		frames string
		passes bool
	}{
		"a message of the largest size": {frame(0x80|compressed|2, len(deflate(make([]byte, limit))), deflate(make([]byte, limit))), true},
		"a message of one byte more":    {frame(0x80|compressed|2, len(deflate(make([]byte, limit+1))), deflate(make([]byte, limit+1))), false},
		"a bomb":                        {frame(0x80|compressed|2, len(bomb), bomb), false},
		"a bomb in fragments":           {fragments, false},
	} {
		t.Run(name, func(t *testing.T) {
			logged := probe.Logs(t)
			received := make(chan int, 10)
			consumer := iteratee.ForEach(func(_ context.Context, message []byte) error { received <- len(message); return nil })
			s := serve(t, websocket.Handler(websocket.Bytes(), func(*http.Request) (iteratee.Iteratee[[]byte, struct{}], enumerator.Enumerator[[]byte], error) {
				return consumer, silent[[]byte](), nil
			}, websocket.Compression()))
			_, conn := s.open(deflateOffer)
			write(conn, c.frames+closeFrame)
			if c.passes {
				assert.Equal(t, limit, receive(t, received, "the message"))
			}
			if name == "a bomb" { // which is one frame, so the close frame is not lost in a reset
				head := make([]byte, 4)
				_, err := io.ReadFull(conn, head)
				require.NoError(t, err)
				assert.Equal(t, "\x88", string(head[:1]), "a close frame")
				assert.Equal(t, "\x03\xf1", string(head[2:]), "with code 1009")
			}
			s.checkReturned()
			assert.Empty(t, received)
			assert.Equal(t, !c.passes, strings.Contains(logged(), "message too big"), logged())
		})
	}
}

// The Iteratee gets no message that did not arrive whole.
func TestHostileCompression(t *testing.T) {
	const fin, text = 0x80, 1
	packed := func(first byte, data string) string { return frame(first, len(data), data) }
	whole := deflate([]byte(strings.Repeat("hello ", 1000)))
	far := "\x02\x00\x00" // a fixed block that copies from before the beginning
	for name, c := range map[string]struct {
		frames string
		close  string // the beginning of the close frame, if there is one
	}{
		"cut in the only frame":     {frame(fin|compressed|text, len(whole), whole[:len(whole)-3]), ""},
		"cut after the head":        {frame(fin|compressed|text, len(whole), ""), ""},
		"cut in the last fragment":  {packed(compressed|text, whole[:5]) + frame(fin, len(whole)-5, whole[5:8]), ""},
		"cut between fragments":     {packed(compressed|text, whole[:5]), ""},
		"not deflate":               {packed(fin|compressed|text, strings.Repeat("\xff", 100)), "\x03\xef"},
		"the context of a message":  {packed(fin|compressed|text, far), "\x03\xef"},
		"a compressed continuation": {packed(compressed|text, whole[:5]) + packed(fin|compressed, whole[5:]), "\x03\xea"},
		"a compressed ping":         {packed(fin|compressed|9, "x"), "\x03\xea"},
		"a compressed close":        {packed(fin|compressed|8, "\x03\xe8"), "\x03\xea"},
		"other reserved bits":       {packed(fin|compressed|0x20|text, whole), "\x03\xea"},
	} {
		t.Run(name, func(t *testing.T) {
			probe.Logs(t)
			var received atomic.Int64
			ends := make(chan result[struct{}], 1)
			consumer := iteratee.ForEach(func(_ context.Context, message string) error {
				assert.Equal(t, "first", message)
				received.Add(1)
				return nil
			})
			s := serve(t, handler(telling(consumer, ends), silent[string](), websocket.Compression()))
			_, conn := s.open(deflateOffer)
			write(conn, packed(fin|compressed|text, deflate([]byte("first")))+c.frames)
			_ = conn.(bufferedConn).Conn.(*net.TCPConn).CloseWrite()
			answer, _ := io.ReadAll(conn)
			if c.close == "" {
				assert.Empty(t, answer)
			} else {
				require.Greater(t, len(answer), 3)
				assert.Equal(t, c.close, string(answer[2:4]))
			}
			s.checkReturned()
			assert.Error(t, receive(t, ends, "the result").err)
			assert.LessOrEqual(t, received.Load(), int64(1))
		})
	}
}

// A client that reads slowly and steadily gets a compressed message of any size, and answers pings meanwhile.
func TestALargeCompressedMessageToASlowReader(t *testing.T) {
	large := string(prices(12 << 20))
	h := handler(iteratee.Ignore[string](), sends(large, "next"), websocket.Compression(), websocket.Ping(time.Second), websocket.Timeout(2*time.Second))
	inBubble(t, h, func(t *testing.T, p pipes, returned <-chan time.Duration) {
		slow := &pacedConn{system(p.Dial(), 64<<10), pace{64 << 10, time.Second}, 0}
		transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return slow, nil }}
		conn, _, err := coder.Dial(t.Context(), "ws://halley/", &coder.DialOptions{HTTPClient: &http.Client{Transport: transport}, CompressionMode: coder.CompressionNoContextTakeover})
		require.NoError(t, err)
		conn.SetReadLimit(-1)
		for _, want := range []string{large, "next"} {
			_, message, err := conn.Read(t.Context())
			require.NoError(t, err)
			assert.True(t, want == string(message))
		}
		assert.Less(t, slow.total, 4<<20)
		assert.Empty(t, returned)
		_ = conn.Close(1000, "")
		<-returned
	})
}

// A client that does not read a compressed message is gone after Timeout.
func TestACompressedMessageToAClientThatDoesNotRead(t *testing.T) {
	s := serve(t, handler(iteratee.Ignore[string](), sends(string(prices(32<<20))), websocket.Compression(), websocket.Ping(never), websocket.Timeout(100*time.Millisecond)))
	_, conn := s.open(deflateOffer)
	s.checkReturned()
	conn.Close()
}

func FuzzCompressedFrames(f *testing.F) {
	hello := deflate([]byte("hello hello hello"))
	f.Add([]byte(frame(0x80|compressed|1, len(hello), hello)))
	f.Add([]byte(frame(compressed|1, 5, hello[:5]) + frame(0x80, len(hello)-5, hello[5:])))
	f.Add([]byte(frame(0x80|compressed|1, 8, "\xf3H\xcd\xc9\xc9\x07\x00\x00"))) // with a last block
	quiet := websocket.Logger(slog.New(slog.DiscardHandler))
	f.Fuzz(func(t *testing.T, frames []byte) {
		s := serve(t, handler(iteratee.Collect[string](), silent[string](), websocket.MaxMessage(100), websocket.Compression(), quiet))
		_, conn := s.open(deflateOffer)
		_, _ = conn.Write(frames)
		_ = conn.(bufferedConn).Conn.(*net.TCPConn).CloseWrite()
		s.checkReturned()
		conn.Close()
	})
}
