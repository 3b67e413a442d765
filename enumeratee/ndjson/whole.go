package ndjson

import (
	"bytes"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/internal/whole"
)

// WholeLines returns the adapter that regroups a stream of bytes into chunks of whole lines, and does
// not change the bytes otherwise. It is for a gateway: an upstream server sends bytes in arbitrary
// pieces, and a heartbeat that the gateway sends between two of them must not split a line.
//
// A line ends in LF, and is handed on as soon as it has ended. The bytes after the last LF are a line
// too, as for [Decode]. They get an LF at EOF. The text sequences of [EncodeSeq] are such lines.
//
// A line of more than limit bytes, including its LF, ends the run as soon as it exceeds limit, with
// an error that wraps [bufio.ErrTooLong]. The lines before it have been handed on by then. WholeLines
// holds no more than limit bytes and the chunk in hand. Lines within one chunk are handed on as a
// part of that chunk, without a copy.
//
// If the consumer ends on a chunk, the leftovers are those of the consumer, followed by the bytes
// after that chunk. WholeLines panics if limit is not positive.
func WholeLines(limit int) enumeratee.Enumeratee[[]byte, []byte] {
	return whole.Chunks(whole.Format{
		Name:    "enumeratee/ndjson: WholeLines",
		Unit:    "line",
		Scanner: func() whole.Scanner { return endOfLine },
		End:     "\n",
	}, limit)
}

func endOfLine(chunk []byte) int {
	n := bytes.IndexByte(chunk, '\n')
	if n < 0 {
		return -1
	}
	return n + 1
}
