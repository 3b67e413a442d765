package fanout

import (
	"hash/crc32"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

// The Sum of a client follows from that of the stream, whatever else the client has got before.
func TestZipSums(t *testing.T) {
	text := rapid.SliceOfN(rapid.Byte(), 0, 300)
	rapid.Check(t, func(t *rapid.T) {
		before, joined, stream := text.Draw(t, "own"), text.Draw(t, "stream before"), Sum{}
		stream = stream.Plus(joined)
		var z zip
		z.set(Sum{}.Plus(before), stream)
		own := before
		for range 3 {
			more := text.Draw(t, "stream")
			stream, own = stream.Plus(more), append(own, more...)
			notice := text.Draw(t, "notice")
			z.set(z.at(stream).Plus(notice), stream)
			own = append(own, notice...)
		}
		assert.Equal(t, Sum{crc32.ChecksumIEEE(own), int64(len(own))}, z.at(stream))
	})
}

// A history holds whole frames, not too many and not too long.
func TestHistory(t *testing.T) {
	var h history
	for range 100 {
		h.add([]byte("ab"))
	}
	assert.Len(t, h.sizes, maxHistoryFrames)
	assert.Len(t, h.text, 2*maxHistoryFrames)
	h.add(make([]byte, maxHistory))
	assert.Len(t, h.sizes, 1)
	h.add([]byte("c"))
	assert.Equal(t, "c", string(h.text))
	h.add(make([]byte, maxHistory+1))
	assert.Empty(t, h.sizes)
	assert.Empty(t, h.text)
}
