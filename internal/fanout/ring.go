package fanout

import (
	"slices"
	"sort"
	"strconv"

	"github.com/halley-go/halley/enumerator"
)

// A Mark is a place in the stream, after some elements.
type Mark struct {
	Position enumerator.Position
	Counts   // of everything before the Mark
	sum      Sum
}

// Counts are the numbers of a part of the stream.
type Counts struct {
	Messages int
	Lost     uint64 // the elements that gaps count
	Resets   int
	Chunks   int
	Bytes    int64 // in the chunks
}

// Plus returns the sum of two Counts.
func (c Counts) Plus(d Counts) Counts {
	return Counts{c.Messages + d.Messages, c.Lost + d.Lost, c.Resets + d.Resets, c.Chunks + d.Chunks, c.Bytes + d.Bytes}
}

// Minus returns the difference of two Counts.
func (c Counts) Minus(d Counts) Counts {
	return Counts{c.Messages - d.Messages, c.Lost - d.Lost, c.Resets - d.Resets, c.Chunks - d.Chunks, c.Bytes - d.Bytes}
}

// Elements returns the number of messages and of elements that are lost.
func (c Counts) Elements() uint64 { return uint64(c.Messages) + c.Lost }

// A Frame holds the bytes that each client gets for one element. It does not change.
type Frame struct {
	Text  []byte // empty if the encoder has made no chunk of the element
	Bytes []byte // Text as on the wire
	After Mark   // the place after the element
	Anew  bool   // everything before the Frame is void: a client that misses it gets a Reset and not a Gap
	last  bool   // no Frame follows
	err   error  // of the source, if this is the last Frame
	zip   []byte // Text as gzip on the wire, for clients that have the history
	needs uint64 // the first frame of the history
}

// NewFrame returns the Frame of a text.
func NewFrame(text []byte, after Mark, anew bool) *Frame {
	f := &Frame{Bytes: AppendChunk(nil, text), After: after, Anew: anew}
	if end := len(f.Bytes) - len("\r\n"); end > 0 {
		f.Text = f.Bytes[end-len(text) : end : end] // so that the ring holds it once
	}
	return f
}

// AppendChunk appends text as a chunk of HTTP/1.1, unless it is empty.
func AppendChunk(dst, text []byte) []byte {
	if len(text) == 0 {
		return dst
	}
	dst = slices.Grow(dst, len(text)+len("ffffffff\r\n\r\n"))
	dst = strconv.AppendInt(dst, int64(len(text)), 16)
	dst = append(dst, "\r\n"...)
	dst = append(dst, text...)
	return append(dst, "\r\n"...)
}

// A ring holds the newest frames, as many as these limits allow, and always the newest one. A client that is
// further behind gets a gap.
const (
	MaxFrames = 256
	MaxBytes  = 4 << 20
)

// ring is a queue of frames with consecutive indices.
type ring struct {
	maxFrames, maxBytes int

	frames []*Frame
	first  uint64 // the index of frames[0]
	bytes  int    // in frames
	floor  Mark   // the place before frames[0]
	void   uint64 // a client whose next index is below void gets a Reset

	base   uint64              // the index of the first frame whose Position can be compared with lowest
	lowest enumerator.Position // a client that has everything up to an older Position cannot join
	begun  bool                // lowest is known
}

// begin sets the place before the first frame.
func (r *ring) begin(p enumerator.Position) {
	r.begun, r.lowest, r.floor.Position = true, p, p
}

func (r *ring) next() uint64 { return r.first + uint64(len(r.frames)) }

// at returns the frame with an index that is in the ring.
func (r *ring) at(index uint64) *Frame { return r.frames[index-r.first] }

// before returns the Mark before the frame with the index, which is in the ring or the next one.
func (r *ring) before(index uint64) Mark {
	if index == r.first {
		return r.floor
	}
	return r.at(index - 1).After
}

// full reports whether the oldest frame must leave before f can be added.
func (r *ring) full(f *Frame) bool {
	return len(r.frames) > 0 && !f.last && (len(r.frames) >= r.maxFrames || r.bytes+len(f.Bytes) > r.maxBytes)
}

// evict removes the oldest frame.
func (r *ring) evict() {
	f := r.frames[0]
	if r.first >= r.base {
		r.lowest = f.After.Position
	}
	r.frames[0] = nil
	r.frames = r.frames[1:]
	r.first++
	r.bytes -= len(f.Bytes)
	r.floor = f.After
	if f.Anew {
		r.void = r.first
	}
}

// add adds f, for which there is room.
func (r *ring) add(f *Frame) {
	r.frames = append(r.frames, f)
	r.bytes += len(f.Bytes)
	if f.Anew {
		r.base, r.lowest = r.next(), f.After.Position
	}
}

// hides reports whether clients that have got all frames before the index do not know of the last element.
func (r *ring) hides(index uint64) bool {
	return index > r.first && len(r.at(index-1).Bytes) == 0
}

// end returns the place after all frames.
func (r *ring) end() Mark { return r.before(r.next()) }

// ended reports whether the last frame has come.
func (r *ring) ended() bool { return len(r.frames) > 0 && r.at(r.next()-1).last }

// after returns the index of the first frame after p, or unknown if p is ahead of the ring. It returns false
// if the ring lacks elements after p.
func (r *ring) after(p enumerator.Position) (index uint64, ok bool) {
	if !r.begun || p.Epoch != r.lowest.Epoch || p.Seq < r.lowest.Seq {
		return 0, false
	}
	from := max(r.base, r.first)
	n := sort.Search(int(r.next()-from), func(i int) bool {
		f := r.at(from + uint64(i))
		return f.After.Position.Seq > p.Seq || f.last
	})
	if index = from + uint64(n); index == r.next() && p.Seq > r.end().Position.Seq {
		return unknown, true
	}
	return index, true
}

// unknown is an index that no frame has.
const unknown = 1<<64 - 1
