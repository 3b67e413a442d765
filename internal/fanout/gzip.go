package fanout

import (
	"encoding/binary"
	"hash/crc32"
)

// Each client that gets gzip has one gzip member of its own, but the clients share its blocks. The blocks end on whole
// bytes, so they can follow one another in any order, as long as the client has the text to which a block refers.

// A Sum is the CRC-32 and the length of a text.
type Sum struct {
	Digest uint32
	Size   int64
}

// Plus returns the Sum of the text of s followed by text.
func (s Sum) Plus(text []byte) Sum {
	return Sum{crc32.Update(s.Digest, crc32.IEEETable, text), s.Size + int64(len(text))}
}

// A Zip is the gzip of a client that joins.
type Zip struct {
	// Deflate appends text to dst as blocks. They end on a whole byte, and none of them is marked as the last one. They
	// may refer to history, the text before them.
	Deflate func(dst, text, history []byte) []byte

	Begun bool // the client has got the header
	Sum        // of the text that the client has got
}

// Append appends text to dst, as a chunk of HTTP/1.1.
func (z *Zip) Append(dst, text []byte) []byte {
	var blocks []byte
	if !z.Begun {
		z.Begun = true
		blocks = append(blocks, "\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"...)
	}
	z.Sum = z.Plus(text)
	if len(text) > 0 {
		blocks = z.Deflate(blocks, text, nil)
	}
	return AppendChunk(dst, blocks)
}

// zip is the part of a conn for a client that gets gzip. It gives the Sum of the client when the Sum of the stream is
// known.
type zip struct {
	mixed uint32 // the digest of the client at a place of the stream, xor the digest of the stream there
	from  int64  // the size of the stream at that place
	size  int64  // the size of the text of the client at that place
	fresh uint64 // from this frame on, the client has got the frames and nothing else
}

// set notes the Sum of the client and the Sum of the stream at the same place.
func (z *zip) set(has, stream Sum) {
	z.mixed, z.from, z.size = has.Digest^stream.Digest, stream.Size, has.Size
}

// at returns the Sum of the client at a later place.
func (z *zip) at(stream Sum) Sum {
	n := stream.Size - z.from
	return Sum{shift(z.mixed, n) ^ stream.Digest, z.size + n}
}

// end returns the end of the response at a place of the stream.
func (z *zip) end(stream Sum) []byte {
	sum := z.at(stream)
	blocks := []byte{1, 0, 0, 0xff, 0xff} // the last block, which is empty
	blocks = binary.LittleEndian.AppendUint32(blocks, sum.Digest)
	blocks = binary.LittleEndian.AppendUint32(blocks, uint32(sum.Size))
	return append(AppendChunk(nil, blocks), lastChunk...)
}

// shift returns the share of a text in the CRC-32 of the text and n bytes after it. crc is the CRC-32 of the text. The
// share and the CRC-32 of the n bytes, joined by xor, are the CRC-32 of both.
func shift(crc uint32, n int64) uint32 {
	power := uint32(1) << 31 // of x, modulo the polynomial; the highest bit is the lowest power
	for square := uint32(1) << 23; n > 0; n >>= 1 {
		if n&1 != 0 {
			power = times(power, square)
		}
		square = times(square, square)
	}
	return times(power, crc)
}

// times multiplies polynomials modulo that of the CRC-32.
func times(a, b uint32) (product uint32) {
	for ; a != 0; a <<= 1 {
		if a>>31 != 0 {
			product ^= b
		}
		b = b>>1 ^ crc32.IEEE&-(b&1)
	}
	return product
}

// history is the text of the last frames. The next frame may refer to it.
type history struct {
	text  []byte
	sizes []int // of the frames
}

const (
	maxHistory       = 8 << 10
	maxHistoryFrames = 64 // the first frames of a client, up to this number, are compressed by themselves
)

// add adds the text of a frame, and drops the oldest ones.
func (h *history) add(text []byte) {
	h.text, h.sizes = append(h.text, text...), append(h.sizes, len(text))
	for len(h.text) > maxHistory || len(h.sizes) > maxHistoryFrames {
		h.text = h.text[:copy(h.text, h.text[h.sizes[0]:])]
		h.sizes = h.sizes[1:]
	}
}

// zip encodes f for the clients that have its history. Only the goroutine of the source calls it.
func (c *Crowd) zip(f *Frame) {
	c.mu.Lock()
	deflate := c.deflate
	if c.anew {
		c.history, c.anew = history{}, false
	}
	c.mu.Unlock()
	if deflate == nil {
		return
	}
	f.needs = c.ring.next() - uint64(len(c.history.sizes))
	f.zip = zipped(deflate, f.Text, c.history.text)
	c.history.add(f.Text)
}

// zipped returns text as a chunk of HTTP/1.1, or nil if it is empty.
func zipped(deflate func(dst, text, history []byte) []byte, text, history []byte) []byte {
	if len(text) == 0 {
		return nil
	}
	return AppendChunk(nil, deflate(nil, text, history))
}
