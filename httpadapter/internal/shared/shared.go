// Package shared has the interface of encoders whose work many streams of package httpadapter can share.
package shared

// A Deflater is an encoder of gzip with which Fanout encodes an element once for many streams.
type Deflater interface {
	// Deflate appends text to dst as blocks of deflate. The blocks end on a whole byte, and none of them is marked as
	// the last one. They may refer to history, the text before them. Deflate does not change the stream of the encoder.
	Deflate(dst, text, history []byte) []byte

	// Sum reports whether the header of the stream has been written. digest is the CRC-32 of the text so far, and size
	// is its length modulo 1<<32. The caller has flushed the encoder.
	Sum() (begun bool, digest, size uint32)
}
