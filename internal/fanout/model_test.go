package fanout

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/flate"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/enumerator"
)

// sockets is a kernel whose sockets have the room that a test gives them.
type sockets struct {
	now    func() time.Duration
	all    map[int]*socket
	events []event
}

type socket struct {
	id       uint64
	added    bool
	room     int
	wanted   bool // a write has found no room
	got      strings.Builder
	wrote    time.Duration // when the client last had room
	finished bool
	closed   bool
	reset    bool
	broken   bool // writes fail
	left     bool // the client has left
	slow     bool // the client has not got everything
	input    int  // the bytes that the client has sent and that were not read
	sent     int  // all of them
}

var (
	errBroken = errors.New("broken")
	errLost   = errors.New("lost")
)

func (k *sockets) add(fd int, id uint64) error {
	k.all[fd].id, k.all[fd].added = id, true
	k.events = append(k.events, event{id: id}) // as epoll does
	return nil
}

func (k *sockets) write(fd int, p []byte) (int, error) {
	s := k.all[fd]
	if s.closed || s.finished {
		panic("written after the end")
	}
	if s.broken {
		return 0, errBroken
	}
	n := min(s.room, len(p))
	s.wanted = n < len(p)
	s.room -= n
	if n > 0 {
		s.wrote = k.now()
	}
	s.got.Write(p[:n])
	return n, nil
}

func (k *sockets) finish(fd int) { k.all[fd].finished = true }

func (k *sockets) read(fd int, p []byte) int {
	n := min(k.all[fd].input, len(p))
	k.all[fd].input -= n
	return n
}

func (k *sockets) received(fd int) bool { return !k.all[fd].slow }

func (k *sockets) close(fd int) {
	if k.all[fd].closed {
		panic("closed twice")
	}
	k.all[fd].closed = true
}

func (k *sockets) reset(fd int) {
	k.close(fd)
	k.all[fd].reset = true
}

func (k *sockets) wait(func([]event) bool) {}
func (k *sockets) stop()                   {}

// give gives a socket more room.
func (k *sockets) give(fd, room int) {
	s := k.all[fd]
	s.room += room
	if s.wanted && !s.closed {
		s.wanted = false
		k.events = append(k.events, event{id: s.id})
	}
}

// fast is the room of a client that always has room.
const fast = 1 << 30

// listener is a client as the model knows it.
type listener struct {
	fd    int
	from  int  // the element after which it has joined
	ahead bool // the ring did not have that element yet
	mu    sync.Mutex
	ended bool
	end   End

	zipped bool // it gets gzip
}

func deflate(dst, text, history []byte) []byte {
	out := bytes.NewBuffer(dst)
	_ = flate.StatelessDeflate(out, text, false, history)
	return out.Bytes()
}

// decode returns the text of a response, with lastChunk if it is complete. cut tells that it ends within a chunk.
func (m *model) decode(wire string, zipped bool) (text string, cut bool) {
	var payload strings.Builder
	complete := false
	for wire != "" && !cut && !complete {
		length, rest, ok := strings.Cut(wire, "\r\n")
		n, _ := strconv.ParseInt(length, 16, 64)
		switch {
		case !ok:
			cut = true
		case wire == lastChunk:
			complete = true
		case n == 0:
			cut = true
			require.True(m.t, strings.HasPrefix(lastChunk, wire), "%q", wire)
		case len(rest) < int(n)+2:
			cut = true
			payload.WriteString(rest[:min(int(n), len(rest))])
		default:
			require.Equal(m.t, "\r\n", rest[n:n+2])
			payload.WriteString(rest[:n])
			wire = rest[n+2:]
		}
	}
	text = payload.String()
	if zipped {
		z, err := gzip.NewReader(strings.NewReader(text))
		if err != nil {
			require.True(m.t, cut || text == "", "%v", err)
			return "", cut
		}
		b, err := io.ReadAll(z)
		if err != nil {
			require.ErrorIs(m.t, err, io.ErrUnexpectedEOF)
		}
		require.True(m.t, !complete || err == nil, "the last chunk comes after the end of gzip")
		text = string(b)
	}
	if complete {
		text += lastChunk
	}
	return text, cut
}

// model drives a shard by hand and compares the bytes that each client gets with the list of all elements.
type model struct {
	t         *rapid.T
	crowd     *Crowd
	shard     *shard
	kernel    *sockets
	sizes     []int        // of the chunks of the elements; 0 for those without a chunk
	anew      map[int]bool // the elements with which the source has begun anew
	listeners []*listener
	ended     bool // the source has ended
	failing   bool // there are no notices of gaps
}

const epoch = 7

func newModel(t *rapid.T) *model {
	m := &model{t: t, kernel: &sockets{all: map[int]*socket{}}, anew: map[int]bool{}}
	m.crowd = newCrowd(Config{
		Gap: func(from, to Mark, anew bool) ([]byte, error) {
			switch {
			case m.failing:
				return nil, errLost
			case anew:
				return fmt.Appendf(nil, "reset %d\n", to.Position.Seq), nil
			}
			return fmt.Appendf(nil, "gap %d %d\n", from.Position.Seq, to.Elements()-from.Elements()), nil
		},
		Beat:      func(Mark, bool) ([]byte, error) { return []byte("beat\n"), nil },
		BeatEvery: time.Hour,
		Timeout:   3 * time.Hour,
	})
	m.crowd.cancel = func() {}
	m.kernel.now = m.crowd.now
	m.crowd.ring.maxFrames, m.crowd.ring.maxBytes = 5, 200
	m.shard = newShard(m.crowd, m.kernel)
	m.crowd.shards = append(m.crowd.shards, m.shard)
	(&Feed{m.crowd}).Begin(enumerator.Position{Epoch: epoch})
	return m
}

// line is the chunk of an element.
func (m *model) line(element int) string {
	if m.sizes[element-1] == 0 {
		return ""
	}
	return fmt.Sprintf("%d %s\n", element, strings.Repeat("x", m.sizes[element-1]))
}

// push pushes an element, unless that would wait for a client.
func (m *model) push(size int, anew bool) {
	if anew {
		size = max(size, 1)
	}
	n := len(m.sizes) + 1
	m.sizes = append(m.sizes, size)
	line := m.line(n)
	end := m.crowd.ring.end()
	f := NewFrame([]byte(line), Mark{
		Position: enumerator.Position{Epoch: epoch, Seq: uint64(n)},
		Counts:   end.Counts,
	}, anew)
	f.After.Messages++
	f.After.Bytes += int64(len(line))
	if line != "" {
		f.After.Chunks++
	}
	if !m.crowd.makeRoom(f) {
		m.sizes = m.sizes[:n-1]
		return
	}
	if anew {
		m.anew[n] = true
	}
	m.crowd.push(f)
}

// end ends the source.
func (m *model) end() {
	if !m.ended {
		m.ended = true
		m.crowd.push(&Frame{Bytes: []byte(lastChunk), After: m.crowd.ring.end(), last: true})
	}
}

// join joins after an element that the ring may not have, or not have yet.
func (m *model) join(after, room int, expires bool) {
	if !m.crowd.Enter() {
		return
	}
	ticket := m.crowd.Reserve(m.t.Context(), enumerator.Position{Epoch: epoch, Seq: uint64(after)})
	if ticket == nil {
		if uint64(after) >= m.crowd.ring.lowest.Seq {
			m.t.Fatalf("no place after %d", after)
		}
		m.crowd.Leave()
		return
	}
	if rapid.IntRange(0, 9).Draw(m.t, "changes its mind") == 0 {
		ticket.Cancel()
		m.crowd.Leave()
		return
	}
	l := &listener{fd: len(m.listeners) + 3, from: after, ahead: after > len(m.sizes), zipped: rapid.Bool().Draw(m.t, "gzip")}
	m.listeners = append(m.listeners, l)
	m.kernel.all[l.fd] = &socket{room: room}
	first := []byte("head\n")
	var zip *Zip
	if l.zipped {
		zip = &Zip{Deflate: deflate}
		first = zip.Append(first, nil)
	}
	client := &Client{FD: l.fd, First: first, Zip: zip, Over: func(end End) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.ended {
			panic("ended twice")
		}
		l.ended, l.end = true, end
	}}
	if expires {
		client.Ends = m.crowd.start.Add(m.crowd.now() + 2*time.Hour)
	}
	ticket.Join(client)
}

func (m *model) handle() {
	events := m.kernel.events
	m.kernel.events = nil
	for _, e := range events {
		m.shard.handle(e)
	}
	m.shard.pass()
}

// check compares the bytes that a client has got with the list.
func (m *model) check(l *listener) {
	s := m.kernel.all[l.fd]
	got := s.got.String()
	next, chunks, bytes := l.from+1, 0, int64(0)
	expect := func(want string) bool {
		if len(got) < len(want) {
			if !strings.HasPrefix(want, got) {
				m.t.Fatalf("client %d got %q and not %q", l.fd, got, want)
			}
			return false
		}
		if got[:len(want)] != want {
			return false
		}
		got = got[len(want):]
		return true
	}
	if !expect("head\n") {
		if got != "" && !strings.HasPrefix("head\n", got) {
			m.t.Fatalf("client %d got %q in place of a head", l.fd, got)
		}
		return
	}
	got, cut := m.decode(got, l.zipped)
	if s.room > fast/2 && (strings.Contains(got, "gap") || strings.Contains(got, "reset")) {
		m.t.Fatalf("client %d has lost elements although it has room: %q", l.fd, got)
	}
	if l.ahead {
		// If the source has begun anew before the client joins, the client begins there too.
		for e := range m.anew {
			if line := m.line(e); got != "" && (strings.HasPrefix(got, line) || strings.HasPrefix(line, got)) {
				next = max(next, e)
			}
		}
	}
	complete := false
	for got != "" {
		if complete {
			m.t.Fatalf("client %d got %q after the end", l.fd, got)
		}
		var from, n int
		for next <= len(m.sizes) && m.sizes[next-1] == 0 && !strings.HasPrefix(got, fmt.Sprintf("gap %d ", next-1)) {
			next++
		}
		switch {
		case got == lastChunk:
			complete, got = true, ""
		case strings.HasPrefix(lastChunk, got), strings.HasPrefix("beat\n", got):
			got = "" // a part
		case strings.HasPrefix(got, "beat\n"):
			got = got[len("beat\n"):]
		case strings.HasPrefix(got, "gap") && strings.Contains(got, "\n"):
			if _, err := fmt.Sscanf(got, "gap %d %d\n", &from, &n); err != nil || n == 0 {
				m.t.Fatalf("client %d got %q", l.fd, got)
			}
			// An element without a chunk can count as lost or not.
			for from < next-1 && m.sizes[next-2] == 0 {
				next--
			}
			if from != next-1 {
				m.t.Fatalf("client %d got a gap after %d, and not %d", l.fd, from, next-1)
			}
			for e := next; e < next+n; e++ {
				if m.anew[e] {
					m.t.Fatalf("client %d got a gap for %d, with which the source has begun anew", l.fd, e)
				}
			}
			next += n
			got = got[strings.Index(got, "\n")+1:]
		case strings.HasPrefix(got, "reset") && strings.Contains(got, "\n"):
			if _, err := fmt.Sscanf(got, "reset %d\n", &n); err != nil || n < next-1 {
				m.t.Fatalf("client %d got %q after %d", l.fd, got, next-1)
			}
			found := false
			for next > l.from+1 && m.sizes[next-2] == 0 {
				next-- // it may have got the element, or not
			}
			for ; next <= n; next++ {
				found = found || m.anew[next]
			}
			if !found {
				m.t.Fatalf("client %d got a reset at %d for nothing", l.fd, n)
			}
			got = got[strings.Index(got, "\n")+1:]
		case strings.HasPrefix(got, "gap"), strings.HasPrefix("gap", got), strings.HasPrefix(got, "reset"), strings.HasPrefix("reset", got):
			got = ""
		case next > len(m.sizes):
			m.t.Fatalf("client %d got %q after all elements", l.fd, got)
		default:
			line := m.line(next)
			chunks++
			bytes += int64(len(line))
			if strings.HasPrefix(line, got) {
				got = ""
			} else if !expect(line) {
				m.t.Fatalf("client %d got %q in place of %q", l.fd, got, line)
			}
			next++
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended && l.end.Err == context.Canceled && !s.left {
		m.t.Fatalf("client %d counts as gone", l.fd)
	}
	if l.ended && l.end.Err == ErrInput && s.sent <= maxInput {
		m.t.Fatalf("client %d counts as gone after %d bytes", l.fd, s.sent)
	}
	if l.ended && l.end.Err == os.ErrDeadlineExceeded && m.crowd.now() < s.wrote+m.crowd.Timeout {
		m.t.Fatalf("client %d counts as stuck", l.fd)
	}
	if s.finished && !complete {
		m.t.Fatalf("client %d is finished without the last chunk", l.fd)
	}
	if cut { // it counts as one that the client has got
		for next <= len(m.sizes) && m.sizes[next-1] == 0 {
			next++
		}
		if next <= len(m.sizes) && l.end.Chunks == chunks+1 {
			chunks, bytes, next = chunks+1, bytes+int64(m.sizes[next-1])+int64(len(strconv.Itoa(next)))+2, next+1
		}
	}
	if l.ended && (l.end.Chunks != chunks || l.end.Bytes != bytes) {
		m.t.Fatalf("client %d: %d chunks with %d bytes are reported, and it got %d with %d", l.fd, l.end.Chunks, l.end.Bytes, chunks, bytes)
	}
	if l.ended && l.end.Err == nil && len(m.anew) == 0 && !l.ahead && l.end.Elements() != uint64(len(m.sizes)-l.from) {
		m.t.Fatalf("client %d: %d messages and %d lost ones are reported, of %d", l.fd, l.end.Messages, l.end.Lost, len(m.sizes)-l.from)
	}
	if l.ended && l.end.Err == nil && next <= len(m.sizes) {
		for ; next <= len(m.sizes); next++ {
			if m.sizes[next-1] != 0 {
				m.t.Fatalf("client %d got a complete stream without element %d", l.fd, next)
			}
		}
	}
}

// advance lets time pass.
func (m *model) advance(d time.Duration) { m.crowd.start = m.crowd.start.Add(-d) }

// A shard gives each client the elements after the one where it has joined, in order, with gaps for those that it
// has lost. Writes may be cut at any byte.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(t)
		random := func(max int) int { return rapid.IntRange(0, max).Draw(t, "n") }
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				if !m.ended {
					m.push(rapid.SampledFrom([]int{0, 1, 10, 10, 150, 300}).Draw(t, "size"), random(20) == 0)
				}
			},
			"join": func(t *rapid.T) {
				if len(m.listeners) < 8 {
					m.join(max(0, len(m.sizes)+2-random(8)), rapid.SampledFrom([]int{0, 3, 20, 200, fast}).Draw(t, "room"), rapid.Bool().Draw(t, "expires"))
				}
			},
			"room": func(t *rapid.T) {
				if len(m.listeners) > 0 {
					m.kernel.give(m.listeners[random(len(m.listeners)-1)].fd, 1+random(400))
				}
			},
			"leave": func(t *rapid.T) {
				if len(m.listeners) > 0 {
					s := m.kernel.all[m.listeners[random(len(m.listeners)-1)].fd]
					if s.added {
						s.left = true
						m.kernel.events = append(m.kernel.events, event{id: s.id, left: true})
					}
				}
			},
			"send": func(t *rapid.T) {
				if len(m.listeners) > 0 {
					s := m.kernel.all[m.listeners[random(len(m.listeners)-1)].fd]
					if s.added {
						n := rapid.SampledFrom([]int{1, 100, maxInput}).Draw(t, "input")
						s.input, s.sent = s.input+n, s.sent+n
						m.kernel.events = append(m.kernel.events, event{id: s.id, input: true})
					}
				}
			},
			"break": func(t *rapid.T) {
				if len(m.listeners) > 0 && random(5) == 0 {
					m.kernel.all[m.listeners[random(len(m.listeners)-1)].fd].broken = true
				}
			},
			"handle": func(t *rapid.T) { m.handle() },
			"pass": func(t *rapid.T) {
				now := m.crowd.now()
				m.shard.pass()
				for e := m.shard.blocked.Front(); e != nil; e = e.Next() {
					if since := m.shard.conns[e.Value.(int32)].stuck.since; since+m.crowd.Timeout <= now {
						t.Fatalf("a client has had no room for %v", now-since)
					}
				}
			},
			"advance": func(t *rapid.T) {
				m.advance(time.Duration(random(60)) * time.Minute)
			},
			"end": func(t *rapid.T) {
				if random(10) == 0 {
					m.end()
				}
			},
			"drain": func(t *rapid.T) {
				if random(20) == 0 {
					m.crowd.Drain()
				}
			},
			"fail": func(t *rapid.T) { m.failing = random(5) == 0 },
			"": func(t *rapid.T) {
				m.crowd.others.Wait()
				for _, l := range m.listeners {
					m.check(l)
				}
			},
		})

		// All clients have room now, and the stream ends.
		m.shard.pass()
		m.end()
		m.shard.pass()
		for _, l := range m.listeners {
			m.kernel.give(l.fd, 1<<20)
		}
		m.handle()
		m.handle()
		m.crowd.others.Wait()
		for _, l := range m.listeners {
			m.check(l)
			require.True(t, l.ended, "client %d", l.fd)
			s := m.kernel.all[l.fd]
			switch {
			case l.end.Err == nil, l.end.Err == ErrDrained, l.end.Err == ErrExpired:
				require.True(t, s.finished)
			case l.end.Err == os.ErrDeadlineExceeded:
				require.True(t, s.reset)
			default:
				require.True(t, s.closed)
			}
		}
		m.advance(time.Second)
		m.shard.pass()
		for _, l := range m.listeners {
			require.True(t, m.kernel.all[l.fd].closed)
		}
		require.Equal(t, 1, m.crowd.members, "only the caller is a member")
		require.Zero(t, m.shard.load)
		require.Equal(t, len(m.shard.conns), len(m.shard.free))
	})
}
