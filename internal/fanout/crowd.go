// Package fanout writes the chunks of one source to many connections. A connection is a descriptor and a place
// in a ring of frames. It has no goroutine and no buffer of its own.
package fanout

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	"github.com/halley-go/halley/enumerator"
)

// A Config has the functions and limits of a [Crowd]. Its functions are called in the goroutines of the Crowd, and must
// not panic.
type Config struct {
	// Source feeds the Crowd until ctx ends, or until it has no more elements. It returns the last Frame, which may be
	// empty. It runs in a goroutine of its own.
	Source func(ctx context.Context, feed *Feed) (last *Frame, err error)

	// Gap returns the text for a client that has lost the elements between two Marks. If anew is true, the
	// client must be told to start anew at the second one. An error ends the client.
	Gap func(from, to Mark, anew bool) (text []byte, err error)

	// Beat returns the text of a heartbeat, which may be empty. hidden is true if the encoder has made no chunk of the
	// last element, so clients do not know of it. An error ends all clients.
	Beat func(at Mark, hidden bool) (text []byte, err error)

	// WebSocket is nil if the connections are responses of HTTP/1.1.
	WebSocket *WebSocket

	BeatEvery time.Duration // the time without a frame after which clients get a heartbeat; 0 for none
	Timeout   time.Duration // how long a client may have no room
	Ended     func()        // is called when all connections and all other goroutines have ended
}

// The end of the chunks of HTTP/1.1.
const lastChunk = "0\r\n\r\n"

// These are the Errs of clients that get a complete response although the source has not ended.
var (
	ErrExpired = errors.New("the stream has lasted long enough")
	ErrDrained = errors.New("the crowd is draining")
)

// ErrInput is the End.Err of a client that counts as gone because it has sent too much.
var ErrInput = errors.New("the client has sent more than 64 KiB after its request")

// An End tells how the stream of a client has ended.
type End struct {
	Err    error // nil: the source has run out
	Gone   bool  // Err tells why the client counts as gone
	Counts       // of the part of the stream that the client got from the Crowd
}

// A Client is a connection that joins a Crowd.
type Client struct {
	FD    int       // belongs to the Crowd
	First []byte    // the bytes that are written first
	Zip   *Zip      // nil if the client does not get gzip
	Input []byte    // the bytes that a WebSocket has sent before it joined
	Ends  time.Time // when the stream ends as if the source had run out; zero for never
	Over  func(End) // is called in a goroutine of its own when the stream has ended; may be nil
}

// A Crowd is the set of connections that one run of a source feeds. It ends when its last member leaves.
type Crowd struct {
	Config
	start  time.Time
	linger time.Duration      // see the constants
	cancel context.CancelFunc // ends the source
	done   chan struct{}
	stop   chan struct{}  // closed when there are no members
	others sync.WaitGroup // the goroutines besides that of run

	history history // belongs to the source

	mu      sync.Mutex // guards the fields below
	changed sync.Cond  // the ring has begun, has got room, or is over
	ring    ring
	corked  time.Duration // since when frames wait for the end of a burst, or 0
	full    bool          // the source waits for room
	last    time.Duration // when the last frame came
	shards  []*shard
	members int
	closed  bool // Enter returns false
	drained bool
	deflate func(dst, text, history []byte) []byte // nil until a client gets gzip
	anew    bool                                   // clients have got bytes that are not in the history
}

// Start returns a new Crowd with one member.
func Start(config Config) *Crowd {
	c := newCrowd(config)
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	go c.run(ctx)
	return c
}

func newCrowd(config Config) *Crowd {
	c := &Crowd{Config: config, start: time.Now(), done: make(chan struct{}), stop: make(chan struct{}), members: 1}
	c.linger = linger
	if config.WebSocket != nil {
		c.linger = closeWait
	}
	c.ring.maxFrames, c.ring.maxBytes = MaxFrames, MaxBytes
	c.changed.L = &c.mu
	return c
}

func (c *Crowd) now() time.Duration { return time.Since(c.start) }

// run drives the source, and then waits for the end.
func (c *Crowd) run(ctx context.Context) {
	last, err := c.Source(ctx, &Feed{c})
	if err != nil {
		last = &Frame{After: c.ring.end()} // only this goroutine changes the ring
	}
	last.Bytes = append(last.Bytes, c.ending(err)...)
	last.last, last.err = true, err
	c.push(last)
	<-c.stop
	c.cancel()
	c.others.Wait()
	if c.Ended != nil {
		c.Ended()
	}
	close(c.done)
}

// Done returns a channel that is closed when the goroutines and the connections of the Crowd have ended.
func (c *Crowd) Done() <-chan struct{} { return c.done }

// Enter keeps the Crowd alive until Leave. It returns false if the Crowd takes no more members.
func (c *Crowd) Enter() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.members++
	return true
}

// Open reports whether the Crowd takes new members.
func (c *Crowd) Open() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.closed
}

// Leave ends the membership that Enter or Start began.
func (c *Crowd) Leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.members--; c.members == 0 {
		c.closed = true
		c.cancel()
		c.changed.Broadcast()
		close(c.stop)
	}
}

// Drain ends all streams, now and later, as if the source had run out.
func (c *Crowd) Drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed, c.drained = true, true
	c.wake()
}

// wake wakes all shards.
func (c *Crowd) wake() {
	for _, s := range c.shards {
		s.wake()
	}
}

// A Feed takes the frames of a Source.
type Feed struct{ c *Crowd }

// Begin sets the Position before the first frame. It must be called before Push.
func (f *Feed) Begin(p enumerator.Position) {
	f.c.mu.Lock()
	defer f.c.mu.Unlock()
	f.c.ring.begin(p)
	f.c.changed.Broadcast()
}

// Push hands frame to all clients. If the ring is full, it waits until the oldest frame may leave.
func (f *Feed) Push(frame *Frame) { f.c.push(frame) }

// longestBurst limits how long frames wait for the end of a burst.
const longestBurst = 10 * time.Millisecond

// Cork tells whether more frames follow at once.
func (f *Feed) Cork(corked bool) {
	f.c.mu.Lock()
	defer f.c.mu.Unlock()
	switch {
	case !corked:
		f.c.uncork()
	case f.c.corked == 0:
		f.c.corked = f.c.now()
	}
}

func (c *Crowd) uncork() {
	if c.corked > 0 {
		c.corked = 0
		c.wake()
	}
}

func (c *Crowd) push(f *Frame) {
	f.After.sum = c.ring.end().sum.Plus(f.Text) // only this goroutine changes the ring
	c.zip(f)
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.makeRoom(f) {
		c.uncork()
		c.full = true
		c.changed.Wait()
	}
	c.full = false
	if f.last {
		c.closed, c.corked = true, 0
	}
	c.ring.add(f)
	c.last = c.now()
	if c.corked == 0 || c.last-c.corked > longestBurst {
		c.wake()
	}
	if f.last {
		c.changed.Broadcast()
	}
}

// makeRoom removes the oldest frames until there is room for f. It returns false if one of them must stay.
func (c *Crowd) makeRoom(f *Frame) bool {
	for c.ring.full(f) {
		if c.members > 0 && c.kept() <= c.ring.first {
			return false
		}
		c.ring.evict()
	}
	return true
}

// kept returns the index of the oldest frame that must stay in the ring. A frame must stay until all clients that
// keep up or are about to join have got it. If there are no such clients, it must stay until the fastest of the
// others has got it. So the source goes at the pace of the fastest client.
func (c *Crowd) kept() uint64 {
	index, fastest := c.ring.next(), uint64(0)
	stuck, keepsUp := false, false
	for _, s := range c.shards {
		index = min(index, s.done)
		keepsUp = keepsUp || len(s.tickets) > 0
		if s.fastest != unknown {
			stuck, fastest = true, max(fastest, s.fastest)
		}
	}
	if stuck && !keepsUp {
		index = min(index, fastest)
	}
	return index
}

// A Ticket is the place of a client that is about to join.
type Ticket struct {
	s      *shard
	p      enumerator.Position
	index  uint64 // of the next frame, or unknown
	client *Client
	gone   bool
}

// Reserve returns a Ticket for a client that has all elements up to p. Until Join or Cancel, the frames after p
// stay in the ring. It waits until the source has begun, or ctx ends. It returns nil if the ring lacks frames
// after p, if the source or ctx has ended, or if the source is still far before p, because the client would have to wait
// for it. The caller is a member, and stays one until Cancel or the end of the stream.
func (c *Crowd) Reserve(ctx context.Context, p enumerator.Position) *Ticket {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ring.begun {
		c.await(ctx)
	}
	index, ok := c.ring.after(p)
	if !ok || ctx.Err() != nil || index == unknown && !c.full && p.Seq > c.ring.end().Position.Seq+MaxFrames {
		return nil
	}
	s := c.shard()
	if s == nil {
		return nil
	}
	t := &Ticket{s: s, p: p, index: index}
	s.tickets = append(s.tickets, t)
	s.done = min(s.done, index)
	s.load++
	c.changed.Broadcast() // the source need not wait for others
	return t
}

// await waits until the source has begun or ended, or ctx ends. It is called with the lock.
func (c *Crowd) await(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.changed.Broadcast()
	})
	defer stop()
	for !c.ring.begun && !c.ring.ended() && ctx.Err() == nil {
		c.changed.Wait()
	}
}

// crowded is the number of clients of each shard at which another shard is made.
const crowded = 1000

// shard returns the shard with the fewest clients, which may be a new one. It returns nil if none can be made. Half of the
// processors get a shard. The kernel and the rest of the program need the others: with more shards, a write took a fifth
// more processor time, and the last client got its frame later.
func (c *Crowd) shard() *shard {
	var least *shard
	for _, s := range c.shards {
		if least == nil || s.load < least.load {
			least = s
		}
	}
	if least != nil && (least.load < crowded || len(c.shards) >= runtime.GOMAXPROCS(0)/2) {
		return least
	}
	k, err := newKernel()
	if err != nil {
		return least
	}
	s := newShard(c, k)
	s.done = c.ring.next()
	c.shards = append(c.shards, s)
	c.others.Add(2)
	go s.run()
	go s.listen()
	return s
}

// Join hands client over to the Crowd.
func (t *Ticket) Join(client *Client) {
	t.s.crowd.mu.Lock()
	defer t.s.crowd.mu.Unlock()
	t.client = client
	if client.Zip != nil {
		t.s.crowd.deflate = client.Zip.Deflate
	}
	t.s.wake()
}

// Cancel gives the place back. The caller is still a member.
func (t *Ticket) Cancel() {
	t.s.crowd.mu.Lock()
	defer t.s.crowd.mu.Unlock()
	t.gone = true
	t.s.wake()
}
