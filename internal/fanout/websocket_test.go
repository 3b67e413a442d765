package fanout

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/enumerator"
)

// masked returns a frame of a client.
func masked(first byte, payload string) string {
	f := AppendFrame(nil, first&opBits, []byte(payload))
	f[0] = first
	f[1] |= maskBit
	_, size := ParseHeader(append(bytes.Clone(f), 0, 0, 0, 0))
	head := f[:size-4]
	for i := range payload {
		f[len(head)+i] ^= "mask"[i%4]
	}
	return string(head) + "mask" + string(f[len(head):])
}

func TestAppendFrame(t *testing.T) {
	for size, want := range map[int]string{
		0:         "\x82\x00",
		125:       "\x82\x7d",
		126:       "\x82\x7e\x00\x7e",
		0xffff:    "\x82\x7e\xff\xff",
		0x1_0000:  "\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00",
		0x12_3456: "\x82\x7f\x00\x00\x00\x00\x00\x12\x34\x56",
	} {
		payload := bytes.Repeat([]byte("x"), size)
		got := AppendFrame([]byte("before"), OpBinary, payload)
		assert.Equal(t, "before"+want, string(got[:len(got)-size]))
		assert.Equal(t, payload, got[len(got)-size:])
		h, n := ParseHeader(got[len("before"):])
		assert.Equal(t, Header{First: 0x82, Length: int64(size)}, h)
		assert.Equal(t, len(want), n)
		for short := range want {
			_, n := ParseHeader([]byte(want[:short]))
			assert.Zero(t, n)
		}
	}
}

// control returns a control frame as text.
func control(op byte, payload []byte) string { return fmt.Sprintf("%x %q", op, payload) }

// hears returns the control frames that frames finds in input if it gets parts of a given size, and its error.
func hears(input []byte, part int) (controls []string, err error) {
	var f frames
	for len(input) > 0 {
		n := min(part, len(input))
		p := bytes.Clone(input[:n])
		input = input[n:]
		for len(p) > 0 {
			op, payload, rest, err := f.next(p, 1000)
			if err != nil {
				return controls, err
			}
			if op != 0 {
				controls = append(controls, control(op, payload))
			}
			p = rest
		}
		if len(f.partial) > 14+maxControl {
			panic("it holds a message")
		}
	}
	return controls, nil
}

// frames finds the same control frames for parts of all sizes. It never panics, and holds little.
func FuzzFrames(f *testing.F) {
	f.Add([]byte(masked(0x81, "hello") + masked(0x89, "ping") + masked(0x88, "\x03\xe8")))
	f.Add([]byte(masked(0x01, "he") + masked(0x8a, "") + masked(0x80, strings.Repeat("l", 500))))
	f.Add([]byte(masked(0x82, strings.Repeat("x", 999)) + "\x82\xff\xff"))
	f.Add([]byte("\x81\x05hello"))
	f.Add([]byte("\x82\xfe\x00\x05mask"))
	f.Fuzz(func(t *testing.T, input []byte) {
		whole, err := hears(input, len(input)+1)
		for _, part := range []int{1, 2, 3, 7, 131} {
			got, failure := hears(input, part)
			require.Equal(t, whole, got)
			require.Equal(t, err, failure)
		}
		var fault *ProtocolError
		if err != nil {
			require.ErrorAs(t, err, &fault)
			require.Contains(t, []uint16{codeProtocol, codeTooBig}, fault.Code)
			require.LessOrEqual(t, len(fault.Error()), 123, "it fits a close frame")
		}
	})
}

func TestCloseAnswer(t *testing.T) {
	for code := range uint16(5001) {
		payload := append(binary.BigEndian.AppendUint16(nil, code), "reason"...)
		answer, err := closeAnswer(payload)
		standard := code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006
		if standard || code >= 3000 && code <= 4999 {
			require.NoError(t, err, code)
			require.Equal(t, append([]byte{0x88, 2}, payload[:2]...), answer)
		} else {
			require.EqualError(t, err, fmt.Sprintf("the client has sent the close code %d", code))
		}
	}
}

// newSocketCrowd returns a Crowd of WebSockets with a shard that a test drives.
func newSocketCrowd() (*Crowd, *shard, *webSockets) {
	k := &webSockets{sockets: &sockets{all: map[int]*socket{}}, input: map[int]string{}}
	c := newCrowd(Config{
		Gap:       func(Mark, Mark, bool) ([]byte, error) { return nil, errLost },
		Beat:      func(Mark, bool) ([]byte, error) { return AppendFrame(nil, OpPing, nil), nil },
		BeatEvery: 30 * time.Minute,
		Timeout:   time.Hour,
		WebSocket: &WebSocket{MaxMessage: 1000, Close: func(err error) (uint16, string) {
			if err == nil {
				return 1000, ""
			}
			return 1011, ""
		}},
	})
	k.now = c.now
	c.cancel = func() {}
	c.ring.maxFrames = 3
	s := newShard(c, k)
	c.shards = append(c.shards, s)
	(&Feed{c}).Begin(enumerator.Position{Epoch: epoch})
	return c, s, k
}

// webSockets are sockets whose clients send text.
type webSockets struct {
	*sockets
	input map[int]string
}

func (k *webSockets) read(fd int, p []byte) int {
	n := copy(p, k.input[fd])
	k.input[fd] = k.input[fd][n:]
	return n
}

// sends lets a client send text.
func (k *webSockets) sends(s *shard, fd int, text string) {
	k.input[fd] += text
	s.handle(event{id: k.all[fd].id, input: true})
}

func (k *webSockets) room(s *shard, fd, room int) {
	k.events = nil
	k.give(fd, room)
	for _, e := range k.events {
		s.handle(e)
	}
}

// A pong comes between two messages, never within one, and only the newest one is kept.
func TestPongsHaveTheirPlace(t *testing.T) {
	c, s, k := newSocketCrowd()
	join(t, c, k.sockets, 3, 5)
	s.pass()
	k.sends(s, 3, masked(0x89, "a"))
	assert.Equal(t, "\x8a\x01a", k.all[3].got.String())
	require.True(t, push(c, "[hello]"))
	s.pass()
	for _, payload := range []string{"b", "c", "d"} {
		k.sends(s, 3, masked(0x89, payload))
	}
	assert.Equal(t, "\x8a\x01a[h", k.all[3].got.String())
	k.room(s, 3, 6)
	require.True(t, push(c, "[world]"))
	s.pass()
	assert.Equal(t, "\x8a\x01a[hello]\x8a", k.all[3].got.String())
	k.sends(s, 3, masked(0x89, "e"))
	k.room(s, 3, 100)
	assert.Equal(t, "\x8a\x01a[hello]\x8a\x01d\x8a\x01e[world]", k.all[3].got.String())
	assert.Zero(t, s.blocked.Len())
}

// A pong that finds no room waits.
func TestAPongWithoutRoom(t *testing.T) {
	c, s, k := newSocketCrowd()
	join(t, c, k.sockets, 3, 1)
	s.pass()
	k.sends(s, 3, masked(0x89, "a"))
	k.sends(s, 3, masked(0x89, "b"))
	require.True(t, push(c, "[x]"))
	s.pass()
	k.room(s, 3, 100)
	assert.Equal(t, "\x8a\x01a\x8a\x01b[x]", k.all[3].got.String())
}

// The close frame of the server comes after the message that has begun. The connection is closed when the client has
// answered and left, or after closeWait.
func TestCloseHandshakes(t *testing.T) {
	ending := AppendFrame(nil, opClose, []byte("\x03\xe8"))
	for name, tt := range map[string]struct {
		room     int
		do       func(t *testing.T, c *Crowd, s *shard, k *webSockets)
		want     string
		finished bool
	}{
		"the client answers": {room: fast, do: func(_ *testing.T, _ *Crowd, s *shard, k *webSockets) {
			k.sends(s, 3, masked(0x81, "late")+masked(0x89, "late"))
			k.sends(s, 3, masked(0x88, "\x03\xe8"))
		}, want: "[x]" + string(ending), finished: true},
		"the client does not answer": {room: fast, do: func(_ *testing.T, c *Crowd, s *shard, k *webSockets) {
			c.start = c.start.Add(-closeWait)
			s.pass()
		}, want: "[x]" + string(ending)},
		"the client breaks the rules instead": {room: fast, do: func(_ *testing.T, _ *Crowd, s *shard, k *webSockets) {
			k.sends(s, 3, "\x81\x00")
		}, want: "[x]" + string(ending), finished: true},
		"the client has no room": {room: 1, do: func(_ *testing.T, _ *Crowd, s *shard, k *webSockets) {
			k.sends(s, 3, masked(0x89, "late")+masked(0x88, "\x03\xe8"))
			k.room(s, 3, 100)
		}, want: "[x]" + string(ending), finished: true},
		"the client has closed before": {room: 1, do: nil, want: "[x]\x88\x02\x0f\xa0", finished: true},
	} {
		t.Run(name, func(t *testing.T) {
			c, s, k := newSocketCrowd()
			ends := make(chan End, 1)
			join(t, c, k.sockets, 3, tt.room).client.Over = func(end End) { ends <- end }
			s.pass()
			require.True(t, push(c, "[x]"))
			s.pass()
			if tt.do == nil {
				k.sends(s, 3, masked(0x88, "\x0f\xa0"))
				end := <-ends
				assert.Equal(t, context.Canceled, end.Err)
				assert.True(t, end.Gone)
			}
			f := &Frame{Bytes: c.ending(nil), After: c.ring.end(), last: true}
			c.push(f)
			s.pass()
			if tt.do != nil {
				tt.do(t, c, s, k)
			} else {
				k.room(s, 3, 100)
			}
			assert.Equal(t, tt.want, k.all[3].got.String())
			assert.Equal(t, tt.finished, k.all[3].finished)
			if tt.finished {
				assert.False(t, k.all[3].closed)
				s.handle(event{id: k.all[3].id, left: true})
			}
			assert.True(t, k.all[3].closed)
			assert.False(t, k.all[3].reset)
			c.others.Wait()
			assert.Equal(t, 1, c.members)
		})
	}
}

// A client whose gap cannot be encoded gets the close code of an error.
func TestAGapThatFails(t *testing.T) {
	c, s, k := newSocketCrowd()
	ends := make(chan End, 1)
	join(t, c, k.sockets, 3, 0).client.Over = func(end End) { ends <- end }
	join(t, c, k.sockets, 4, fast)
	s.pass()
	for range 5 {
		require.True(t, push(c, "[x]"))
		s.pass()
	}
	k.room(s, 3, 100)
	assert.Equal(t, "\x88\x02\x03\xf3", k.all[3].got.String())
	end := <-ends
	assert.ErrorIs(t, end.Err, errLost)
	assert.False(t, end.Gone)
	assert.Equal(t, strings.Repeat("[x]", 5), k.all[4].got.String())
}

// A client that sends anything between two pings stays.
func TestPingsThatAreNotAnswered(t *testing.T) {
	c, s, k := newSocketCrowd()
	gone := make(chan error, 2)
	join(t, c, k.sockets, 3, fast).client.Over = func(end End) { gone <- end.Err }
	join(t, c, k.sockets, 4, fast)
	s.pass()
	for i := range 6 {
		c.start = c.start.Add(-31 * time.Minute)
		s.pass()
		if i < 2 {
			k.sends(s, 3, masked(0x8a, ""))
		}
		k.sends(s, 4, masked(0x81, "here"))
	}
	require.ErrorIs(t, <-gone, os.ErrDeadlineExceeded)
	assert.Equal(t, strings.Repeat("\x89\x00", 4), k.all[3].got.String())
	assert.True(t, k.all[3].reset)
	assert.Equal(t, strings.Repeat("\x89\x00", 6), k.all[4].got.String())
	assert.False(t, k.all[4].closed)
}

// The input of a client is counted anew each minute.
func TestInputOfAWebSocket(t *testing.T) {
	c, s, k := newSocketCrowd()
	ends := make(chan End, 1)
	join(t, c, k.sockets, 3, fast).client.Over = func(end End) { ends <- end }
	s.pass()
	message := masked(0x82, strings.Repeat("x", 992)) // 1,000 bytes
	for range 5 {
		k.sends(s, 3, strings.Repeat(message, 65))
		c.start = c.start.Add(-inputEvery)
	}
	assert.Empty(t, k.all[3].got.String())
	k.sends(s, 3, strings.Repeat(message, 66))
	want := &ProtocolError{codePolicy, "more than 64 KiB in a minute"}
	assert.Equal(t, want, (<-ends).Err)
	assert.Equal(t, string(appendClose(nil, codePolicy, want.Error())), k.all[3].got.String())
	assert.True(t, k.all[3].finished)
	k.sends(s, 3, strings.Repeat(message, 60)) // messages after the end are dropped
	assert.False(t, k.all[3].closed)
	k.sends(s, 3, strings.Repeat(message, 10))
	assert.True(t, k.all[3].closed)
}

// talker is a WebSocket as the model knows it.
type talker struct {
	fd, from int
	pings    int // the number of pings that it has sent
	unsent   string
	closed   bool // true after it has sent a close frame
}

// A client gets the messages that are pushed after it has joined, in order and as whole frames. Pongs come between them,
// and the last one answers its last ping. Nothing comes after the close frame. Writes and reads may be cut at any byte.
func TestWebSocketModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, s, k := newSocketCrowd()
		c.ring.maxFrames = 1 << 20
		var all []*talker
		pushed, ended := 0, false
		pick := func() *talker {
			if len(all) == 0 {
				t.Skip("there is no client")
			}
			return rapid.SampledFrom(all).Draw(t, "client")
		}
		deliver := func(w *talker, most int) {
			if socket := k.all[w.fd]; socket.added && !socket.closed {
				n := min(most, len(w.unsent))
				text := w.unsent[:n]
				w.unsent = w.unsent[n:]
				k.sends(s, w.fd, text)
			}
		}
		check := func(w *talker, complete bool) {
			got := []byte(k.all[w.fd].got.String())
			next, pong, closed := w.from+1, 0, false
			for len(got) > 0 {
				h, size := ParseHeader(got)
				if size == 0 || len(got) < size+int(h.Length) {
					break // the frame is cut
				}
				require.False(t, closed, "nothing comes after the close frame")
				payload := string(got[size:][:h.Length])
				got = got[size:][h.Length:]
				switch h.Op() {
				case OpText:
					require.Equal(t, fmt.Sprintf("%d %s", next, strings.Repeat("x", next%200)), payload)
					next++
				case opPong:
					n := 0
					_, err := fmt.Sscan(payload, &n)
					require.NoError(t, err)
					require.Greater(t, n, pong)
					pong = n
				case OpPing:
				case opClose:
					closed = true
				default:
					t.Fatalf("opcode %d", h.Op())
				}
			}
			if complete {
				require.Empty(t, got)
				require.True(t, closed)
				require.True(t, k.all[w.fd].closed)
				if !w.closed {
					require.Equal(t, pushed+1, next)
					require.Equal(t, w.pings, pong)
				}
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				if !ended {
					pushed++
					f := frame(c, "")
					f.Text, f.Bytes = nil, AppendFrame(nil, OpText, fmt.Appendf(nil, "%d %s", pushed, strings.Repeat("x", pushed%200)))
					c.push(f)
				}
			},
			"join": func(t *rapid.T) {
				if ended || len(all) > 5 || !c.Enter() {
					return
				}
				ticket := c.Reserve(context.Background(), c.ring.end().Position)
				w := &talker{fd: len(all) + 3, from: pushed}
				k.all[w.fd] = &socket{room: rapid.SampledFrom([]int{0, 5, 300, fast}).Draw(t, "room")}
				ticket.Join(&Client{FD: w.fd})
				all = append(all, w)
			},
			"room": func(t *rapid.T) {
				k.room(s, pick().fd, rapid.IntRange(1, 300).Draw(t, "room"))
			},
			"ping": func(t *rapid.T) {
				if w := pick(); !w.closed && w.pings < 100 {
					w.pings++
					w.unsent += masked(0x89, fmt.Sprint(w.pings))
				}
			},
			"message": func(t *rapid.T) {
				if w := pick(); !w.closed && len(w.unsent) < 5000 {
					w.unsent += masked(0x01, "a") + masked(0x80, strings.Repeat("b", rapid.IntRange(0, 300).Draw(t, "size")))
				}
			},
			"close": func(t *rapid.T) {
				if w := pick(); rapid.IntRange(0, 5).Draw(t, "closes") == 0 && !w.closed {
					w.closed = true
					w.unsent += masked(0x88, "\x03\xe8")
				}
			},
			"deliver": func(t *rapid.T) { deliver(pick(), rapid.IntRange(1, 200).Draw(t, "most")) },
			"beat": func(t *rapid.T) {
				c.start = c.start.Add(-20 * time.Minute)
				for _, w := range all {
					deliver(w, len(w.unsent))
					if socket := k.all[w.fd]; socket.added && !socket.closed {
						k.room(s, w.fd, 1)
						k.sends(s, w.fd, masked(0x8a, ""))
					}
				}
			},
			"pass": func(t *rapid.T) { s.pass() },
			"": func(t *rapid.T) {
				for _, w := range all {
					check(w, false)
				}
			},
		})
		s.pass()
		for _, w := range all {
			deliver(w, len(w.unsent))
		}
		for _, w := range all {
			k.room(s, w.fd, 1<<20)
		}
		if !ended {
			ended = true
			c.push(&Frame{Bytes: c.ending(nil), After: c.ring.end(), last: true})
		}
		s.pass()
		for _, w := range all {
			if !k.all[w.fd].closed {
				k.sends(s, w.fd, masked(0x88, "\x03\xe8"))
				s.handle(event{id: k.all[w.fd].id, left: true})
			}
			check(w, true)
		}
		require.Equal(t, 1, c.members)
	})
}
