package ndjson

import (
	"bytes"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/internal/whole"
)

// WholeLines returns the adapter that hands on a stream of bytes in chunks of whole lines, with
// their bytes unchanged. It is for a gateway: bytes come from an upstream server in any pieces, and
// a heartbeat or a line that goes out between two of them must not fall into the middle of a line.
// A line is handed on as soon as it has ended. Lines end in LF.
//
// What follows the last end is a line too, as it is for [Decode]: it gets an LF at EOF. The text
// sequences that [EncodeSeq] makes are such lines.
//
// A line of more than limit bytes, with its end, ends the run with an error that wraps
// [bufio.ErrTooLong], as soon as that is seen; the lines before it have been handed on by then. So
// WholeLines holds no more than limit and the chunk that it is handed. Lines that are within one
// chunk are handed on as a part of it, and not as a copy.
//
// If the consumer ends on a chunk, the bytes that follow are left over, and before them what the
// consumer leaves over. WholeLines panics if limit is not positive.
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
