// Package shared has the interface by which package httpadapter finds encoders whose work many streams can share.
package shared

// A Deflater is an encoder of gzip. Fanout encodes an element once for many of its streams.
type Deflater interface {
	// Deflate appends text to dst, as blocks of deflate that end on a whole byte and of which none is the last. The
	// blocks may repeat parts of history, which is the text before them. Deflate does not change the stream of the
	// encoder.
	Deflate(dst, text, history []byte) []byte

	// Sum reports whether the header of the stream is written, and the CRC-32 and the length of its text so far, modulo 1<<32.
	// No text waits for a flush.
	Sum() (begun bool, digest, size uint32)
}
