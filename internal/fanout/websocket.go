package fanout

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"unicode/utf8"
)

// A WebSocket configures a [Crowd] whose connections are WebSockets. The text of each [Frame] of this Crowd consists of
// whole frames of the protocol.
type WebSocket struct {
	MaxMessage int64                                        // limits the bytes of a message from a client
	Close      func(err error) (code uint16, reason string) // the close frame of a stream that ends with err
}

// The opcodes of frames.
const (
	opContinuation = 0x0
	OpText         = 0x1
	OpBinary       = 0x2
	opClose        = 0x8
	OpPing         = 0x9
	opPong         = 0xA
)

// The bits of the first two bytes of a frame.
const (
	finBit      = 0x80 // the last frame of a message
	reservedBit = 0x70
	opBits      = 0x0F
	controlBit  = 0x08 // of the opcode
	maskBit     = 0x80
)

// maxControl is the size of the largest payload of a control frame.
const maxControl = 125

// The close codes of faults of clients.
const (
	codeProtocol = 1002
	codeText     = 1007
	codePolicy   = 1008
	codeTooBig   = 1009
)

// A ProtocolError is the reason why the server closes a WebSocket.
type ProtocolError struct {
	Code uint16
	Text string
}

func (e *ProtocolError) Error() string { return "the client has sent " + e.Text }

// AppendFrame appends a message or a control frame to dst, as one frame of a server.
func AppendFrame(dst []byte, op byte, payload []byte) []byte {
	dst = slices.Grow(dst, len(payload)+10)
	dst = append(dst, finBit|op)
	switch n := len(payload); {
	case n <= maxControl:
		dst = append(dst, byte(n))
	case n <= 0xFFFF:
		dst = binary.BigEndian.AppendUint16(append(dst, 126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, 127), uint64(n))
	}
	return append(dst, payload...)
}

// NewMessages returns the Frame of a text that consists of frames of a WebSocket.
func NewMessages(text []byte, after Mark, anew bool) *Frame {
	return &Frame{Bytes: text, After: after, Anew: anew}
}

// appendClose appends a close frame.
func appendClose(dst []byte, code uint16, reason string) []byte {
	return AppendFrame(dst, opClose, append(binary.BigEndian.AppendUint16(nil, code), reason...))
}

// A Header is the beginning of a frame.
type Header struct {
	First  byte // the bits and the opcode
	Length int64
	mask   [4]byte
}

// Op returns the opcode.
func (h Header) Op() byte { return h.First & opBits }

func (h Header) isControl() bool { return h.First&controlBit != 0 }

// ParseHeader returns the Header with which p begins, and its size. The size is 0 if p is too short.
func ParseHeader(p []byte) (h Header, size int) {
	if len(p) < 2 {
		return h, 0
	}
	h = Header{First: p[0], Length: int64(p[1] &^ maskBit)}
	size = 2
	switch h.Length {
	case 126:
		size += 2
	case 127:
		size += 8
	}
	masked := p[1]&maskBit != 0
	if masked {
		size += len(h.mask)
	}
	if len(p) < size {
		return h, 0
	}
	switch h.Length {
	case 126:
		h.Length = int64(binary.BigEndian.Uint16(p[2:]))
	case 127:
		h.Length = int64(binary.BigEndian.Uint64(p[2:]))
	}
	if masked {
		copy(h.mask[:], p[size-len(h.mask):size])
	}
	return h, size
}

// check returns an error if a client may not send a frame that begins with p. It checks the first two bytes as soon as
// they have come.
func check(p []byte, h Header, size int) error {
	if len(p) < 2 {
		return nil
	}
	first, length := p[0], p[1]&^maskBit
	fault := ""
	switch op := first & opBits; {
	case first&reservedBit != 0:
		fault = "a frame with a reserved bit"
	case op > OpBinary && op < opClose || op > opPong:
		fault = fmt.Sprintf("a frame with the opcode %#x", op)
	case p[1]&maskBit == 0:
		fault = "a frame without a mask"
	case op&controlBit != 0 && first&finBit == 0:
		fault = "a control frame in parts"
	case op&controlBit != 0 && length > maxControl:
		fault = "a control frame that is too long"
	case size > 0 && (length == 126 && h.Length < 126 || length == 127 && uint64(h.Length) <= 0xFFFF):
		fault = "a length in too many bytes"
	case size > 0 && h.Length < 0:
		fault = "a length with the highest bit"
	default:
		return nil
	}
	return &ProtocolError{codeProtocol, fault}
}

// frames reads the frames of a client. It drops messages, and keeps nothing of them but their size.
type frames struct {
	partial []byte // the beginning of a header or of a control frame
	skip    int64  // the bytes of the current frame of a message that have not come
	size    int64  // the bytes of the message, up to the end of the current frame
	begun   bool   // more frames of the message must follow
}

// next reads p up to the end of the first control frame. If there is none, it reads all of p, and op is 0. It may change p.
func (f *frames) next(p []byte, maxMessage int64) (op byte, payload, rest []byte, err error) {
	for {
		n := min(f.skip, int64(len(p)))
		p, f.skip = p[n:], f.skip-n
		if len(p) == 0 {
			return 0, nil, nil, nil
		}
		if f.partial != nil {
			p, f.partial = append(f.partial, p...), nil
		}
		h, size := ParseHeader(p)
		if err := check(p, h, size); err != nil {
			return 0, nil, nil, err
		}
		if size == 0 || h.isControl() && len(p) < size+int(h.Length) {
			f.partial = bytes.Clone(p)
			return 0, nil, nil, nil
		}
		p = p[size:]
		if h.isControl() {
			payload = p[:h.Length]
			for i := range payload {
				payload[i] ^= h.mask[i%len(h.mask)]
			}
			return h.Op(), payload, p[h.Length:], nil
		}
		switch {
		case f.begun != (h.Op() == opContinuation):
			return 0, nil, nil, &ProtocolError{codeProtocol, "a continuation without a message, or a message within a message"}
		case h.Length > maxMessage-f.size:
			return 0, nil, nil, &ProtocolError{codeTooBig, fmt.Sprintf("a message of more than %d bytes", maxMessage)}
		}
		f.skip, f.size, f.begun = h.Length, f.size+h.Length, h.First&finBit == 0
		if !f.begun {
			f.size = 0
		}
	}
}

// closeAnswer returns the frame that answers a close frame.
func closeAnswer(payload []byte) ([]byte, error) {
	if len(payload) == 0 {
		return AppendFrame(nil, opClose, nil), nil
	}
	if len(payload) == 1 {
		return nil, &ProtocolError{codeProtocol, "half of a close code"}
	}
	code := binary.BigEndian.Uint16(payload)
	switch {
	case code < 1000, code >= 1004 && code <= 1006, code >= 1015 && code < 3000, code > 4999:
		return nil, &ProtocolError{codeProtocol, fmt.Sprintf("the close code %d", code)}
	case !utf8.Valid(payload[2:]):
		return nil, &ProtocolError{codeText, "a reason that is not UTF-8"}
	}
	return appendClose(nil, code, ""), nil
}

// wire returns text in the form in which connections get it.
func (c *Crowd) wire(text []byte) []byte {
	if c.WebSocket != nil {
		return text
	}
	return AppendChunk(nil, text)
}

// ending returns the last bytes of a stream that ends with err, without gzip.
func (c *Crowd) ending(err error) []byte {
	switch {
	case c.WebSocket != nil:
		code, reason := c.WebSocket.Close(err)
		return appendClose(nil, code, reason)
	case err == nil, err == ErrExpired, err == ErrDrained:
		return []byte(lastChunk)
	}
	return nil // so that no client takes the stream for a complete one
}
