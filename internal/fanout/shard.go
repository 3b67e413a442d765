package fanout

import (
	"container/list"
	"context"
	"os"
	"slices"
	"time"
)

// kernel has the functions of the operating system that a shard needs. Only wait may block.
type kernel interface {
	// add makes wait report the events of a descriptor.
	add(fd int, id uint64) error

	// write returns less than len(p) if there is no more room. An event tells when there is.
	write(fd int, p []byte) (int, error)

	finish(fd int) // tells the client that no more bytes follow

	// read reads bytes that the client has sent. It returns 0 if there are none.
	read(fd int, p []byte) int

	// received reports whether the client has got everything.
	received(fd int) bool

	close(fd int)
	reset(fd int) // closes, and drops the bytes that the client has not got

	// wait calls f with events until stop is called or f returns false.
	wait(f func([]event) bool)
	stop()
}

// An event tells that a descriptor has room, or that its client has sent something or has left.
type event struct {
	id    uint64 // the id that add was given
	input bool
	left  bool
}

const (
	// linger is the time for a client to close the connection after the end of the stream. After that, the server closes
	// it as soon as the client has got everything. An earlier close could cost the client the end, because input that
	// comes after a close resets the connection.
	linger = 500 * time.Millisecond

	// closeWait is linger for a WebSocket. Its client has to answer the close frame first.
	closeWait = 5 * time.Second

	// endEvery is the least time between two looks for streams that have lasted long enough.
	endEvery = 100 * time.Millisecond

	// maxInput limits the bytes that a client may send after its request. They are read, because otherwise the kernel
	// could not report that the client has left, and a close would reset the connection.
	maxInput = 64 << 10

	// inputEvery is the time in which a WebSocket may send maxInput bytes.
	inputEvery = time.Minute

	// maxBatch limits the bytes of several frames that are written together.
	maxBatch = 64 << 10
)

// A shard is a part of a Crowd. Its goroutine alone writes to its clients and closes them.
type shard struct {
	crowd  *Crowd
	kernel kernel
	bell   chan struct{}
	events chan []event

	// These belong to the goroutine of the shard.
	conns     []conn
	free      []int32       // the places in conns that are free
	batches   [3]batch      // by kind
	passed    uint64        // the clients that keep up have got all frames before this one
	blocked   list.List     // the places of clients that have no room; the first must make room first
	lingering list.List     // the places of clients to which everything was written; the first must leave first
	beaten    time.Duration // when the last heartbeat was sent
	nextEnd   time.Duration // when a stream may have lasted long enough, or 0 for never
	drained   bool
	input     [4 << 10]byte

	// These are guarded by the lock of the Crowd.
	tickets []*Ticket
	done    uint64 // this frame and later ones stay in the ring: passed, or less because of tickets
	fastest uint64 // the next frame of the client that is furthest ahead, or unknown if none wants a frame
	load    int    // the number of clients and tickets
}

// conn is a client. It is small, because there are many clients and most of them are idle.
type conn struct {
	fd    int32         // -1 if the place is free
	gen   uint32        // how often the place has become free
	input uint32        // the number of bytes that the client has sent
	next  uint64        // the index of the next frame, or unknown if none follows
	ends  time.Duration // when the stream ends, or 0
	stuck *stuck        // nil if the client keeps up
	told  *told         // nil if the end of the stream need not be reported
	zip   *zip          // nil if the client does not get gzip
	heard *heard        // nil if the connection is not a WebSocket
}

// heard is the part of a conn for a WebSocket.
type heard struct {
	frames
	asked  time.Duration // when the first ping without an answer was sent, or 0
	since  time.Duration // when the count of the input began
	pong   []byte        // the newest pong that waits for room
	closed bool          // frames of the client are ignored
}

// stuck is the part of a conn for a client that has no room, or to which everything was written.
type stuck struct {
	place    *list.Element // in blocked or lingering
	since    time.Duration // when the client last had room, or when a client that lingers was last looked at
	rest     []byte        // the bytes that remain to be written
	mark     Mark          // the place after rest
	last     bool          // no bytes follow rest
	err      error         // with which the stream ends after rest
	lingers  bool          // everything was written
	finished time.Duration // when everything was written
}

// told is the part of a conn that tells how the stream has ended.
type told struct {
	over  func(End)
	begin Counts // the place where the client has joined, moved by the frames that it has lost
}

func newShard(c *Crowd, k kernel) *shard {
	next := c.ring.next()
	return &shard{crowd: c, kernel: k, bell: make(chan struct{}, 1), events: make(chan []event), passed: next, done: next, fastest: unknown}
}

// wake makes the shard look at the ring and at its tickets.
func (s *shard) wake() {
	select {
	case s.bell <- struct{}{}:
	default:
	}
}

// listen hands the events of the kernel to the goroutine of the shard.
func (s *shard) listen() {
	defer s.crowd.others.Done()
	s.kernel.wait(func(events []event) bool {
		select {
		case s.events <- events:
			return true
		case <-s.crowd.stop:
			return false
		}
	})
}

func (s *shard) run() {
	defer s.crowd.others.Done()
	defer s.kernel.stop()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-s.crowd.stop:
			return
		case <-s.bell:
		case events := <-s.events:
			for _, e := range events {
				s.handle(e)
			}
		case <-timer.C:
		}
		s.pass()
		timer.Reset(s.due() - s.crowd.now())
	}
}

// pass writes the new frames to all clients that keep up, and does everything that is due.
func (s *shard) pass() {
	c := s.crowd
	c.mu.Lock()
	joined := s.takeTickets()
	to, drained := c.ring.next(), c.drained
	c.mu.Unlock()

	for i := range s.conns {
		if conn := &s.conns[i]; conn.next < to && conn.stuck == nil {
			s.send(int32(i), to)
		}
	}
	s.passed = to
	for _, t := range joined {
		s.join(t)
	}
	if drained && !s.drained {
		s.drained = true
		for i := range s.conns {
			s.complete(int32(i), ErrDrained)
		}
	}
	s.expire()
	s.beat()

	fastest := s.fastestClient()
	c.mu.Lock()
	defer c.mu.Unlock()
	s.done, s.fastest = to, fastest
	for _, t := range s.tickets {
		s.done = min(s.done, t.index)
	}
	c.changed.Broadcast()
}

// fastestClient returns the next frame of the client that is furthest ahead, or unknown if none wants a frame.
func (s *shard) fastestClient() uint64 {
	if len(s.conns) > len(s.free)+s.blocked.Len()+s.lingering.Len() {
		return s.passed
	}
	next, found := uint64(0), false
	for e := s.blocked.Front(); e != nil; e = e.Next() {
		if c := &s.conns[e.Value.(int32)]; !c.stuck.last {
			next, found = max(next, c.next), true
		}
	}
	if !found {
		return unknown
	}
	return next
}

// takeTickets returns the tickets of the clients that have joined. It is called with the lock.
func (s *shard) takeTickets() (joined []*Ticket) {
	ring := &s.crowd.ring
	waiting := s.tickets[:0]
	for _, t := range s.tickets {
		if t.index == unknown {
			index, ok := ring.after(t.p)
			if !ok { // the source has begun anew
				index = max(ring.base, ring.first+1) - 1
			}
			t.index = index
		}
		switch {
		case t.gone:
			s.load--
		case t.client != nil && t.index != unknown:
			joined = append(joined, t)
		default:
			waiting = append(waiting, t)
		}
	}
	clear(s.tickets[len(waiting):])
	s.tickets = waiting
	return joined
}

// join adds a client, and writes to it its first bytes and the frames that it has not got yet.
func (s *shard) join(t *Ticket) {
	if len(s.free) == 0 {
		s.free = append(s.free, int32(len(s.conns)))
		s.conns = append(s.conns, conn{})
	}
	i := s.free[len(s.free)-1]
	s.free = s.free[:len(s.free)-1]
	c := &s.conns[i]
	c.fd, c.next = int32(t.client.FD), t.index
	if s.crowd.WebSocket != nil {
		c.heard = &heard{}
	}
	mark := s.markOf(c)
	if t.client.Over != nil {
		c.told = &told{over: t.client.Over, begin: mark.Counts}
	}
	if t.client.Zip != nil {
		c.zip = &zip{fresh: t.index}
		c.zip.set(t.client.Zip.Sum, mark.sum)
	}
	if !t.client.Ends.IsZero() {
		c.ends = max(t.client.Ends.Sub(s.crowd.start), 1)
		if s.nextEnd == 0 || c.ends < s.nextEnd {
			s.nextEnd = c.ends
		}
	}
	if err := s.kernel.add(t.client.FD, uint64(c.gen)<<32|uint64(i)); err != nil {
		s.cut(i, End{Err: err})
		return
	}
	switch n, err := s.kernel.write(t.client.FD, t.client.First); {
	case err != nil:
		s.cut(i, End{Err: err, Gone: true})
	case n < len(t.client.First):
		s.block(i, stuck{rest: t.client.First[n:], mark: mark})
	default:
		s.send(i, s.passed)
	}
	if len(t.client.Input) > 0 && c.fd >= 0 {
		s.take(i, t.client.Input)
	}
	if s.drained {
		s.complete(i, ErrDrained)
	}
}

// handle handles an event.
func (s *shard) handle(e event) {
	i := int32(uint32(e.id))
	c := &s.conns[i]
	switch {
	case c.fd < 0 || c.gen != uint32(e.id>>32): // it was closed after the event
	case e.input && c.heard != nil && !s.hear(i):
	case e.left:
		s.cut(i, End{Err: context.Canceled, Gone: true})
	case e.input && c.heard == nil && !s.discard(i):
	case c.stuck != nil && !c.stuck.lingers:
		s.resume(i)
	}
}

// discard drops the bytes that a client has sent. It returns false if they are too many.
func (s *shard) discard(i int32) bool {
	c := &s.conns[i]
	for c.input <= maxInput {
		n := s.kernel.read(int(c.fd), s.input[:])
		if n == 0 {
			return true
		}
		c.input += uint32(n)
	}
	s.cut(i, End{Err: ErrInput, Gone: true})
	return false
}

// hear reads the frames that a WebSocket has sent. It returns false if the connection was closed.
func (s *shard) hear(i int32) bool {
	for {
		n := s.kernel.read(int(s.conns[i].fd), s.input[:])
		if n == 0 {
			return true
		}
		if !s.take(i, s.input[:n]) {
			return false
		}
	}
}

// take handles the bytes that a WebSocket has sent. It returns false if the connection was closed.
func (s *shard) take(i int32, p []byte) bool {
	c := &s.conns[i]
	h, now := c.heard, s.crowd.now()
	h.asked = 0
	if now >= h.since+inputEvery && !h.closed {
		h.since, c.input = now, 0
	}
	if c.input += uint32(len(p)); c.input > maxInput {
		if h.closed {
			s.close(i)
			return false
		}
		return s.refuse(i, &ProtocolError{codePolicy, "more than 64 KiB in a minute"})
	}
	for len(p) > 0 && !h.closed {
		op, payload, rest, err := h.next(p, s.crowd.WebSocket.MaxMessage)
		p = rest
		switch {
		case err != nil:
			return s.refuse(i, err)
		case op == OpPing && !s.pong(i, payload):
			return false
		case op == opClose:
			answer, err := closeAnswer(payload)
			if err != nil {
				return s.refuse(i, err)
			}
			return s.leaves(i, answer, context.Canceled)
		}
	}
	return true
}

// pong answers a ping. A WebSocket that has no room gets only the newest pong. It returns false if the connection was
// closed.
func (s *shard) pong(i int32, payload []byte) bool {
	c := &s.conns[i]
	pong := AppendFrame(nil, opPong, payload)
	switch {
	case c.stuck == nil:
		n, err := s.kernel.write(int(c.fd), pong)
		if err != nil {
			s.cut(i, End{Err: err, Gone: true})
			return false
		}
		if n < len(pong) {
			s.block(i, stuck{rest: pong[n:], mark: s.markOf(c)})
		}
	case !c.stuck.last && !c.stuck.lingers:
		c.heard.pong = pong
	}
	return true
}

// refuse ends the stream of a WebSocket that has broken the rules. It returns false if the connection was closed.
func (s *shard) refuse(i int32, err error) bool {
	fault := err.(*ProtocolError)
	return s.leaves(i, appendClose(nil, fault.Code, fault.Error()), err)
}

// leaves ends the stream of a WebSocket that has sent a close frame or has broken the rules. The client gets last, a close
// frame, unless it has got a close frame before. leaves returns false if the connection was closed.
func (s *shard) leaves(i int32, last []byte, err error) bool {
	c := &s.conns[i]
	c.heard.closed, c.heard.frames, c.input = true, frames{}, 0
	s.report(c, End{Err: err, Gone: true})
	if c.stuck != nil && c.stuck.lingers {
		s.kernel.finish(int(c.fd))
	} else {
		s.end(i, last, err)
	}
	return c.fd >= 0
}

// batch is the bytes of consecutive frames, which are written together. Most clients get the same ones.
type batch struct {
	from, to uint64 // the indices of the frames
	most     uint64 // the limit of to when the batch was made
	before   Mark
	frames   []*Frame
	parts    [][]byte // the bytes of the frames
	bytes    []byte
	joined   []byte // the memory for the bytes of several frames
}

// These are the kinds of bytes.
const (
	asPlain = iota
	asGzip  // for clients that have the history
	asAlone // gzip without a history
)

// pending returns frames that begin with the next one of a client and end before the index to. It returns nil if the
// ring does not hold the first of them.
func (s *shard) pending(c *conn, to uint64) *batch {
	from := c.next
	if b := &s.batches[asPlain]; c.zip == nil && b.from == from && b.most == to {
		return b
	}
	s.crowd.mu.Lock()
	ring := &s.crowd.ring
	if from < ring.first {
		s.crowd.mu.Unlock()
		return nil
	}
	kind := asPlain
	if c.zip != nil {
		kind = asAlone
		if f := ring.at(from); f.zip != nil && f.needs >= c.zip.fresh {
			kind = asGzip
		}
	}
	b := &s.batches[kind]
	if b.from == from && b.most == to {
		s.crowd.mu.Unlock()
		return b
	}
	b.from, b.to, b.most, b.before = from, from, to, ring.before(from)
	b.frames, b.parts, b.joined = b.frames[:0], b.parts[:0], b.joined[:0]
	for size := 0; b.to < to; b.to++ {
		f := ring.at(b.to)
		if size += len(f.Bytes); b.to > from && (size > maxBatch || kind == asGzip && f.zip == nil) {
			break
		}
		b.frames = append(b.frames, f)
	}
	deflate := s.crowd.deflate
	s.crowd.mu.Unlock()

	for _, f := range b.frames {
		part := f.Bytes
		switch kind {
		case asGzip:
			part = f.zip
		case asAlone:
			part = zipped(deflate, f.Text, nil)
		}
		b.parts = append(b.parts, part)
	}
	if b.bytes = b.parts[0]; len(b.parts) > 1 {
		for _, part := range b.parts {
			b.joined = append(b.joined, part...)
		}
		b.bytes = b.joined
	}
	return b
}

// send writes the frames before the index to. It returns false if the client has no room or its stream has ended.
func (s *shard) send(i int32, to uint64) bool {
	c := &s.conns[i]
	for c.next < to {
		b := s.pending(c, to)
		if b == nil {
			if !s.skip(i) {
				return false
			}
			continue
		}
		n := 0
		if len(b.bytes) > 0 {
			var err error
			if n, err = s.kernel.write(int(c.fd), b.bytes); err != nil {
				s.cut(i, End{Err: err, Gone: true})
				return false
			}
		}
		if n < len(b.bytes) {
			s.blockIn(i, b, n)
			return false
		}
		c.next = b.to
		last := b.frames[len(b.frames)-1]
		if c.stuck != nil {
			c.stuck.mark = last.After
			s.touch(c)
		}
		if last.last {
			if c.zip != nil && last.err == nil {
				s.block(i, stuck{rest: c.zip.end(last.After.sum), mark: last.After, last: true})
				c.next = unknown
				if !s.sendRest(i) {
					return false
				}
			}
			s.finish(i, last.err)
			return false
		}
	}
	return true
}

// skip moves a client that the ring has overtaken to the oldest frame, and writes a notice of the lost ones. It
// returns false if the client has no room or its stream has ended.
func (s *shard) skip(i int32) bool {
	c := &s.conns[i]
	s.crowd.mu.Lock()
	first, floor, void := s.crowd.ring.first, s.crowd.ring.floor, s.crowd.ring.void
	s.crowd.mu.Unlock()
	from := c.stuck.mark
	anew := c.next < void
	text, err := s.crowd.Gap(from, floor, anew)
	if err != nil {
		s.fail(i, err)
		return false
	}
	notice := s.crowd.wire(text)
	if c.zip != nil {
		notice = s.zipped(text)
		c.zip.set(c.zip.at(from.sum).Plus(text), floor.sum)
		c.zip.fresh = first
	}
	if c.told != nil {
		lost := floor.Minus(from.Counts)
		got := Counts{Lost: lost.Elements()}
		if anew {
			got = Counts{Resets: 1}
		}
		c.told.begin = c.told.begin.Plus(lost).Minus(got)
	}
	c.next, c.stuck.mark, c.stuck.rest = first, floor, notice
	return s.sendRest(i)
}

// sendRest writes the bytes that remain of an earlier write. It returns false if the client has no room or has
// gone.
func (s *shard) sendRest(i int32) bool {
	c := &s.conns[i]
	for len(c.stuck.rest) > 0 || c.owesPong() {
		n, err := s.kernel.write(int(c.fd), c.stuck.rest)
		if err != nil {
			s.cut(i, End{Err: err, Gone: true})
			return false
		}
		if n > 0 {
			s.touch(c)
		}
		if n < len(c.stuck.rest) {
			c.stuck.rest = c.stuck.rest[n:]
			return false
		}
		c.stuck.rest = nil
	}
	return true
}

// owesPong reports whether a pong waits for room. If so, it moves the pong to the rest of the client.
func (c *conn) owesPong() bool {
	if c.heard == nil || c.heard.pong == nil || c.stuck.last {
		return false
	}
	c.stuck.rest, c.heard.pong = c.heard.pong, nil
	return true
}

// touch notes that a client without room has taken some bytes.
func (s *shard) touch(c *conn) {
	c.stuck.since = s.crowd.now()
	s.blocked.MoveToBack(c.stuck.place)
}

// resume writes to a client that has room again.
func (s *shard) resume(i int32) {
	c := &s.conns[i]
	switch {
	case !s.sendRest(i):
	case c.stuck.last:
		s.finish(i, c.stuck.err)
	case s.send(i, s.passed):
		s.blocked.Remove(c.stuck.place)
		c.stuck = nil
	}
}

// blockIn notes that a client has had room for n bytes of b. The client keeps only the rest of the frame that was
// begun, if any.
func (s *shard) blockIn(i int32, b *batch, n int) {
	c := &s.conns[i]
	next, mark, written := b.from, b.before, n
	for j, f := range b.frames {
		if part := b.parts[j]; n < len(part) {
			if n > 0 {
				next, mark = next+1, f.After
				rest := part[n:]
				if c.zip != nil && f.last && f.err == nil {
					rest = slices.Concat(rest, c.zip.end(mark.sum))
				}
				s.block(i, stuck{rest: rest, mark: mark, last: f.last, err: f.err})
			} else {
				s.block(i, stuck{mark: mark})
			}
			break
		}
		n -= len(b.parts[j])
		next, mark = next+1, f.After
	}
	c.next = next
	if written > 0 {
		s.touch(c)
	}
}

// block notes that a client has no room.
func (s *shard) block(i int32, now stuck) {
	c := &s.conns[i]
	if c.stuck == nil {
		c.stuck = &stuck{place: s.blocked.PushBack(i), since: s.crowd.now()}
	}
	now.place, now.since = c.stuck.place, c.stuck.since
	*c.stuck = now
}

// complete ends a stream as if the source had run out.
func (s *shard) complete(i int32, err error) {
	c := &s.conns[i]
	c.ends = 0
	if c.fd < 0 {
		return
	}
	last := s.crowd.ending(err)
	if c.zip != nil {
		last = c.zip.end(s.markOf(c).sum)
	}
	s.end(i, last, err)
}

// end writes the last bytes of a stream, unless they were written or wait for room.
func (s *shard) end(i int32, last []byte, err error) {
	c := &s.conns[i]
	if c.stuck != nil && (c.stuck.last || c.stuck.lingers) {
		return
	}
	mark := s.markOf(c)
	if c.stuck != nil {
		c.next = unknown
		c.stuck.rest, c.stuck.last, c.stuck.err = slices.Concat(c.stuck.rest, last), true, err
		return
	}
	switch n, failure := s.kernel.write(int(c.fd), last); {
	case failure != nil:
		s.cut(i, End{Err: failure, Gone: true})
	case n < len(last):
		s.block(i, stuck{rest: last[n:], mark: mark, last: true, err: err})
		c.next = unknown
	default:
		s.finish(i, err)
	}
}

// fail ends a stream that cannot go on.
func (s *shard) fail(i int32, err error) {
	c := &s.conns[i]
	if c.heard == nil {
		s.cut(i, End{Err: err})
		return
	}
	s.complete(i, err)
	if c.stuck != nil && c.stuck.last && s.sendRest(i) { // there may be room
		s.finish(i, err)
	}
}

// finish lets a client that has got everything close the connection. A WebSocket has to answer the close frame first.
func (s *shard) finish(i int32, err error) {
	c := &s.conns[i]
	s.report(c, End{Err: err})
	if c.heard == nil || c.heard.closed {
		s.kernel.finish(int(c.fd))
	}
	if c.stuck != nil {
		s.blocked.Remove(c.stuck.place)
	}
	c.next = unknown
	now := s.crowd.now()
	c.stuck = &stuck{place: s.lingering.PushBack(i), since: now, lingers: true, finished: now}
}

// cut ends a stream so that the client cannot take it for a complete one.
func (s *shard) cut(i int32, end End) {
	c := &s.conns[i]
	s.report(c, end)
	if end.Err == os.ErrDeadlineExceeded {
		s.kernel.reset(int(c.fd))
		s.leave(i)
		return
	}
	s.close(i)
}

func (s *shard) close(i int32) {
	s.kernel.close(int(s.conns[i].fd))
	s.leave(i)
}

// leave frees the place of a client whose descriptor is closed.
func (s *shard) leave(i int32) {
	c := &s.conns[i]
	switch {
	case c.stuck == nil:
	case c.stuck.lingers:
		s.lingering.Remove(c.stuck.place)
	default:
		s.blocked.Remove(c.stuck.place)
	}
	*c = conn{fd: -1, gen: c.gen + 1, next: unknown}
	s.free = append(s.free, i)
	s.crowd.mu.Lock()
	s.load--
	s.crowd.mu.Unlock()
	s.crowd.Leave()
}

// report reports the end of a stream, unless it was reported before.
func (s *shard) report(c *conn, end End) {
	if c.told == nil {
		return
	}
	mark, begin, over := s.markOf(c), c.told.begin, c.told.over
	c.told = nil
	end.Counts = mark.Minus(begin)
	s.crowd.others.Add(1)
	go func() {
		defer s.crowd.others.Done()
		over(end)
	}()
}

// markOf returns the place of a client.
func (s *shard) markOf(c *conn) Mark {
	if c.stuck != nil {
		return c.stuck.mark
	}
	s.crowd.mu.Lock()
	defer s.crowd.mu.Unlock()
	return s.crowd.ring.before(c.next)
}

// expire ends streams that have lasted too long, and the connections of clients that take too long.
func (s *shard) expire() {
	now := s.crowd.now()
	for e := s.blocked.Front(); e != nil; e = s.blocked.Front() {
		i := e.Value.(int32)
		if now < s.conns[i].stuck.since+s.crowd.Timeout {
			break
		}
		s.cut(i, End{Err: os.ErrDeadlineExceeded, Gone: true})
	}
	for e := s.lingering.Front(); e != nil; e = s.lingering.Front() {
		i := e.Value.(int32)
		c := &s.conns[i]
		if now < c.stuck.since+s.crowd.linger {
			break
		}
		if s.kernel.received(int(c.fd)) || now >= c.stuck.finished+s.crowd.Timeout {
			s.close(i)
			continue
		}
		c.stuck.since = now
		s.lingering.MoveToBack(c.stuck.place)
	}
	if s.nextEnd == 0 || now < s.nextEnd {
		return
	}
	s.nextEnd = 0
	for i := range s.conns {
		c := &s.conns[i]
		if c.ends > 0 && c.ends <= now {
			s.complete(int32(i), ErrExpired)
		} else if c.ends > 0 && (s.nextEnd == 0 || c.ends < s.nextEnd) {
			s.nextEnd = c.ends
		}
	}
	if s.nextEnd > 0 {
		s.nextEnd = max(s.nextEnd, now+endEvery)
	}
}

// beat sends a heartbeat if it is due.
func (s *shard) beat() {
	if s.crowd.BeatEvery == 0 {
		return
	}
	now := s.crowd.now()
	s.crowd.mu.Lock()
	last, ended := s.crowd.last, s.crowd.ring.ended()
	mark, hidden := s.crowd.ring.before(s.passed), s.crowd.ring.hides(s.passed)
	s.crowd.mu.Unlock()
	if ended || now < max(last, s.beaten)+s.crowd.BeatEvery {
		return
	}
	s.beaten = now
	text, err := s.crowd.Beat(mark, hidden)
	var bytes, zipped []byte
	if bytes = s.crowd.wire(text); len(bytes) > 0 {
		s.crowd.mu.Lock()
		s.crowd.anew = true
		s.crowd.mu.Unlock()
	}
	for i := range s.conns {
		c := &s.conns[i]
		if c.fd < 0 || c.stuck != nil {
			continue
		}
		if err != nil {
			s.fail(int32(i), err)
			continue
		}
		if len(bytes) == 0 {
			continue
		}
		if h := c.heard; h != nil && h.asked > 0 && now >= h.asked+s.crowd.Timeout {
			s.cut(int32(i), End{Err: os.ErrDeadlineExceeded, Gone: true})
			continue
		} else if h != nil && h.asked == 0 {
			h.asked = now
		}
		beat := bytes
		if c.zip != nil {
			if zipped == nil {
				zipped = s.zipped(text)
			}
			beat = zipped
			c.zip.set(c.zip.at(mark.sum).Plus(text), mark.sum)
			c.zip.fresh = c.next
		}
		n, err := s.kernel.write(int(c.fd), beat)
		if err != nil {
			s.cut(int32(i), End{Err: err, Gone: true})
		} else if n < len(beat) {
			s.block(int32(i), stuck{rest: beat[n:], mark: mark})
		}
	}
}

// zipped returns text as gzip on the wire, for a client that may not have the history.
func (s *shard) zipped(text []byte) []byte {
	s.crowd.mu.Lock()
	deflate := s.crowd.deflate
	s.crowd.mu.Unlock()
	return zipped(deflate, text, nil)
}

// due returns the time at which pass must run again.
func (s *shard) due() time.Duration {
	at := s.crowd.now() + time.Hour
	if e := s.blocked.Front(); e != nil {
		at = min(at, s.conns[e.Value.(int32)].stuck.since+s.crowd.Timeout)
	}
	if e := s.lingering.Front(); e != nil {
		at = min(at, s.conns[e.Value.(int32)].stuck.since+s.crowd.linger)
	}
	if s.nextEnd > 0 {
		at = min(at, s.nextEnd)
	}
	if s.crowd.BeatEvery > 0 {
		s.crowd.mu.Lock()
		at = min(at, max(s.crowd.last, s.beaten)+s.crowd.BeatEvery)
		s.crowd.mu.Unlock()
	}
	return at
}
