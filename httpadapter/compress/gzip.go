package compress

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"
)

// A gzipWriter is an Encoder that keeps 4 KiB between flushes: the end of the text so far, which the
// next block can repeat. The tables for that are made for each block, in memory that no stream keeps.
type gzipWriter struct {
	w      io.Writer
	begun  bool   // the header is written
	window []byte // the last gzipWindow bytes that were compressed
	held   []byte // bytes that wait to be compressed, fewer than gzipBlock
	digest uint32 // of all bytes
	size   uint32 // of all bytes, modulo 1<<32
}

const (
	gzipWindow = 4 << 10
	gzipBlock  = 16 << 10
	gzipHeader = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff" // no name, no time, fast, any system
)

func (z *gzipWriter) Reset(w io.Writer) { *z = gzipWriter{w: w, window: z.window[:0]} }

func (z *gzipWriter) Write(p []byte) (int, error) {
	n := len(p)
	z.digest = crc32.Update(z.digest, crc32.IEEETable, p)
	z.size += uint32(n)
	for len(z.held)+len(p) >= gzipBlock {
		room := gzipBlock - len(z.held)
		z.held = append(z.held, p[:room]...)
		p = p[room:]
		if err := z.Flush(); err != nil {
			return 0, err
		}
	}
	z.held = append(z.held, p...)
	return n, nil
}

// Flush compresses the held bytes into blocks that end on a whole byte, and writes these.
func (z *gzipWriter) Flush() error {
	if len(z.held) == 0 {
		return nil
	}
	err := z.write(func(out *bytes.Buffer) {
		_ = flate.StatelessDeflate(out, z.held, false, z.window) // a Buffer does not fail
	})
	z.remember(z.held)
	z.held = nil
	return err
}

// Close compresses and writes the held bytes and the end of the stream.
func (z *gzipWriter) Close() error {
	if err := z.Flush(); err != nil {
		return err
	}
	return z.write(func(out *bytes.Buffer) {
		_ = flate.StatelessDeflate(out, nil, true, nil)
		out.Write(binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, z.digest), z.size))
	})
}

// Deflate appends text to dst as blocks that end on a whole byte, for httpadapter.Fanout.
func (*gzipWriter) Deflate(dst, text, history []byte) []byte {
	out := bytes.NewBuffer(dst)
	_ = flate.StatelessDeflate(out, text, false, history) // a Buffer does not fail
	return out.Bytes()
}

// Sum returns the state of the stream after a flush, for httpadapter.Fanout.
func (z *gzipWriter) Sum() (begun bool, digest, size uint32) { return z.begun, z.digest, z.size }

// deflated has the buffers that are not in use.
var deflated = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// write calls fill with a buffer and writes the buffer.
func (z *gzipWriter) write(fill func(*bytes.Buffer)) error {
	out := deflated.Get().(*bytes.Buffer)
	defer deflated.Put(out)
	out.Reset()
	if !z.begun {
		z.begun = true
		out.WriteString(gzipHeader)
	}
	fill(out)
	_, err := z.w.Write(out.Bytes())
	return err
}

// remember appends text to the window.
func (z *gzipWriter) remember(text []byte) {
	if z.window == nil {
		z.window = make([]byte, 0, gzipWindow)
	}
	text = text[max(0, len(text)-gzipWindow):]
	if over := len(z.window) + len(text) - gzipWindow; over > 0 {
		z.window = z.window[:copy(z.window, z.window[over:])]
	}
	z.window = append(z.window, text...)
}
