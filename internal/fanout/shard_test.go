package fanout

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/halley-go/halley/enumerator"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// byHand returns a Crowd with a shard that a test drives.
func byHand(t *testing.T, timeout time.Duration) (*Crowd, *shard, *sockets) {
	k := &sockets{all: map[int]*socket{}}
	c := newCrowd(Config{
		Gap:     func(Mark, Mark, bool) ([]byte, error) { return []byte("gap\n"), nil },
		Timeout: timeout,
	})
	k.now = c.now
	c.cancel = func() {}
	c.ring.maxFrames = 3
	s := newShard(c, k)
	c.shards = append(c.shards, s)
	(&Feed{c}).Begin(enumerator.Position{Epoch: epoch})
	return c, s, k
}

func join(t *testing.T, c *Crowd, k *sockets, fd, room int) *Ticket {
	require.True(t, c.Enter())
	ticket := c.Reserve(t.Context(), c.ring.end().Position)
	require.NotNil(t, ticket)
	k.all[fd] = &socket{room: room}
	ticket.Join(&Client{FD: fd})
	return ticket
}

func frame(c *Crowd, text string) *Frame {
	after := c.ring.end()
	after.Position.Seq++
	after.Position.Epoch = epoch
	after.Messages++
	return &Frame{Text: []byte(text), Bytes: []byte(text), After: after}
}

// push pushes a frame if it need not wait, and reports whether it did.
func push(c *Crowd, text string) bool {
	f := frame(c, text)
	if !c.makeRoom(f) {
		return false
	}
	c.push(f)
	return true
}

// While one client keeps up, the source does not wait for the others. If no client keeps up, it waits for the
// fastest.
func TestSourceGoesAtThePaceOfTheFastestClient(t *testing.T) {
	c, s, k := byHand(t, time.Hour)
	join(t, c, k, 3, fast)
	join(t, c, k, 4, 0)
	join(t, c, k, 5, 2)
	s.pass()
	for range 10 {
		require.True(t, push(c, "x"))
		s.pass()
	}
	assert.Equal(t, "xxxxxxxxxx", k.all[3].got.String())
	s.handle(event{id: k.all[3].id, left: true})
	s.pass()
	pushed := 0
	for ; push(c, "y"); pushed++ {
		s.pass()
		require.Less(t, pushed, 10)
	}
	assert.Zero(t, pushed, "the ring is full of frames that the others do not have")
	ticket := c.Reserve(t.Context(), enumerator.Position{Epoch: epoch, Seq: 20})
	require.NotNil(t, ticket)
	assert.True(t, push(c, "x"), "a new client does not wait for those that are stuck")
	ticket.Cancel()
	s.pass()
	k.give(5, 100)
	for _, e := range k.events {
		s.handle(e)
	}
	s.pass()
	assert.Equal(t, "xx4\r\ngap\n\r\nxxx", k.all[5].got.String())
	assert.True(t, push(c, "y"))
}

// The frames that a client has not got stay in the ring from Reserve to Join.
func TestTicketKeepsFrames(t *testing.T) {
	c, s, k := byHand(t, time.Hour)
	require.True(t, c.Enter())
	ticket := c.Reserve(t.Context(), c.ring.end().Position)
	for _, text := range []string{"1", "2", "3"} {
		require.True(t, push(c, text))
		s.pass()
	}
	assert.False(t, push(c, "4"))
	k.all[3] = &socket{room: fast}
	ticket.Join(&Client{FD: 3})
	s.pass()
	assert.Equal(t, "123", k.all[3].got.String())
	assert.True(t, push(c, "4"))

	cancelled := c.Reserve(t.Context(), c.ring.end().Position)
	for range 3 {
		push(c, "x")
		s.pass()
	}
	assert.False(t, push(c, "x"))
	cancelled.Cancel()
	s.pass()
	assert.True(t, push(c, "x"))
}

// A client that makes room has a later deadline than the clients that make none.
func TestDeadlinesInOrder(t *testing.T) {
	c, s, k := byHand(t, time.Hour)
	ends := make(chan int, 3)
	for fd := 3; fd < 6; fd++ {
		ticket := join(t, c, k, fd, 0)
		ticket.client.Over = func(End) { ends <- fd }
	}
	s.pass()
	require.True(t, push(c, strings.Repeat("x", 100)))
	s.pass()
	elapse := func(d time.Duration) {
		c.start = c.start.Add(-d)
		s.pass()
		c.others.Wait()
	}
	elapse(40 * time.Minute)
	k.give(3, 1)
	for _, e := range k.events {
		s.handle(e)
	}
	assert.InDelta(t, (20 * time.Minute).Seconds(), (s.due() - c.now()).Seconds(), 1)
	elapse(30 * time.Minute)
	assert.Len(t, ends, 2)
	assert.False(t, k.all[3].closed)
	assert.True(t, k.all[4].reset)
	elapse(20 * time.Minute)
	assert.False(t, k.all[3].closed)
	elapse(20 * time.Minute)
	assert.True(t, k.all[3].reset)
}

// A connection is closed when the client has got everything, or after the time in which it must make room.
func TestLinger(t *testing.T) {
	c, s, k := byHand(t, time.Hour)
	for fd := 3; fd < 6; fd++ {
		join(t, c, k, fd, fast)
	}
	k.all[3] = &socket{room: fast, slow: true}
	k.all[4] = &socket{room: fast, slow: true}
	s.pass()
	c.push(&Frame{Bytes: []byte(lastChunk), After: c.ring.end(), last: true})
	s.pass()
	closed := func() (all []bool) {
		s.pass()
		for fd := 3; fd < 6; fd++ {
			all = append(all, k.all[fd].closed)
		}
		return all
	}
	elapse := func(d time.Duration) { c.start = c.start.Add(-d) }
	assert.Equal(t, []bool{false, false, false}, closed())
	elapse(linger)
	assert.Equal(t, []bool{false, false, true}, closed())
	assert.InDelta(t, linger.Seconds(), (s.due() - c.now()).Seconds(), 0.1)
	k.all[3].slow = false
	elapse(linger)
	assert.Equal(t, []bool{true, false, true}, closed())
	elapse(time.Hour - 3*linger)
	assert.Equal(t, []bool{true, false, true}, closed())
	elapse(linger)
	assert.Equal(t, []bool{true, true, true}, closed())
}

// Each 1,000 clients get a shard, up to half the number of processors. All goroutines end with the last member.
func TestCrowdHasShards(t *testing.T) {
	if !Supported {
		t.Skip("the system is not Linux")
	}
	for _, c := range []struct{ processors, clients, shards int }{
		{1, 2500, 1}, {2, 2500, 1}, {3, 2500, 1}, {4, 1000, 1}, {4, 1001, 2}, {4, 2500, 2}, {8, 2500, 3},
	} {
		t.Run(fmt.Sprintf("%d clients of %d processors", c.clients, c.processors), func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(c.processors))
			assert.Equal(t, c.shards, shardsOf(t, c.clients))
		})
	}
}

// shardsOf returns the number of shards of a Crowd with so many clients.
func shardsOf(t *testing.T, clients int) int {
	began := make(chan struct{})
	ended := false
	c := Start(Config{
		Source: func(ctx context.Context, feed *Feed) (*Frame, error) {
			feed.Begin(enumerator.Position{Epoch: epoch})
			close(began)
			<-ctx.Done()
			return nil, ctx.Err()
		},
		Ended: func() { ended = true },
	})
	<-began
	var tickets []*Ticket
	for range clients {
		require.True(t, c.Enter())
		ticket := c.Reserve(t.Context(), enumerator.Position{Epoch: epoch})
		require.NotNil(t, ticket)
		tickets = append(tickets, ticket)
	}
	c.mu.Lock()
	shards := len(c.shards)
	c.mu.Unlock()
	for _, ticket := range tickets {
		ticket.Cancel()
		c.Leave()
	}
	assert.True(t, c.Open())
	c.Leave()
	<-c.Done()
	assert.True(t, ended)
	assert.False(t, c.Enter())
	assert.False(t, c.Open())
	return shards
}

// A client cannot join a source that has not begun when its context ends, or that ends without having begun.
func TestReserveWaitsForTheSource(t *testing.T) {
	release := make(chan struct{})
	c := Start(Config{Source: func(context.Context, *Feed) (*Frame, error) {
		<-release
		return nil, context.Canceled
	}})
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	assert.Nil(t, c.Reserve(ctx, enumerator.Position{Epoch: epoch}))
	close(release)
	assert.Nil(t, c.Reserve(t.Context(), enumerator.Position{Epoch: epoch}))
	c.Leave()
	<-c.Done()
}
