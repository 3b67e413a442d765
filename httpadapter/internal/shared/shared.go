// Package shared has the interfaces between Fanout and other packages: encoders whose work many streams share, and
// WebSockets.
package shared

import (
	"net"
	"net/http"

	"github.com/halley-go/halley/internal/fanout"
)

// A Deflater is an encoder of gzip with which Fanout encodes an element once for many streams.
type Deflater interface {
	// Deflate appends text to dst as blocks of deflate. The blocks end on a whole byte, and none of them is marked as
	// the last one. They may refer to history, the text before them. Deflate does not change the stream of the encoder.
	Deflate(dst, text, history []byte) []byte

	// Sum reports whether the header of the stream has been written. digest is the CRC-32 of the text so far, and size
	// is its length modulo 1<<32. The caller has flushed the encoder.
	Sum() (begun bool, digest, size uint32)
}

// Sockets is a handler of Fanout that can serve WebSockets.
type Sockets interface {
	http.Handler

	// ForSockets makes the handler serve WebSockets. The chunks of its streams are frames, and each ResponseWriter is a
	// Socket. Only these options have an effect then: Limit, LimitPerKey, MaxDuration, OnStart, OnEnd, WriteTimeout,
	// Heartbeat and Logger.
	ForSockets(*fanout.WebSocket)
}

// A Socket is the ResponseWriter of a WebSocket. After Open, Write takes frames.
type Socket interface {
	http.ResponseWriter

	// Underlying returns the ResponseWriter of the request.
	Underlying() http.ResponseWriter

	// Open makes the handshake. If it returns an error, it has answered the request. It returns the reason why the
	// connection cannot be handed over, or "".
	Open() (reason string, err error)

	// Stay tells the Socket that the connection is not handed over. From then on, the Socket reads the connection.
	Stay()

	// Take hands the connection over, with the bytes that were read from it.
	Take() (conn net.Conn, input []byte)

	// End closes the connection of a stream that has ended with err, and waits until it is closed.
	End(err error)
}
