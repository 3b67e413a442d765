package compress

import (
	"github.com/klauspost/compress/zstd"

	"github.com/halley-go/halley/httpadapter"
)

// Option returns the Option of httpadapter.Serve and Handler that compresses the stream with gzip or
// zstd for clients that ask for it in Accept-Encoding. If a client accepts both equally, as a browser
// does, Option takes gzip. Each flush of the stream flushes the compressor too, so that a client can
// read what it has received. A stream that already has a Content-Encoding is not compressed. A stream
// that is compressed loses its Content-Length.
//
// A stream of gzip takes 4 KiB of memory for its window, beyond the bytes that wait for a flush. A
// stream of zstd takes 441 KiB for as long as it lasts. Only a client that prefers zstd, or does not
// accept gzip, gets zstd. To exclude zstd, remove it from the request's Accept-Encoding. With gzip,
// events of 200 bytes become a third as long, and a flush takes 10 to 20 microseconds;
// docs/performance.md has the figures. httpadapter.Fanout compresses an element with gzip once for all its
// streams.
//
// Do not compress a stream that holds both a secret and text that somebody else has chosen: the sizes
// of the chunks would disclose the secret.
//
// Play has a gzip filter.
func Option() httpadapter.Option { return gzipOrZstd }

// gzipOrZstd is one value, so that all streams share its compressors. gzip is first because a stream
// of it takes a hundredth of the memory.
var gzipOrZstd = httpadapter.ContentEncoding(
	httpadapter.Coding{Name: "gzip", New: func() httpadapter.Encoder { return new(gzipWriter) }},
	httpadapter.Coding{Name: "zstd", New: newZstd},
)

func newZstd() httpadapter.Encoder {
	e, err := zstd.NewWriter(nil,
		zstd.WithEncoderConcurrency(1), // no goroutines
		zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithLowerEncoderMem(true),
		zstd.WithWindowSize(8<<10),
		zstd.WithZeroFrames(true), // an empty stream is not an empty body
	)
	if err != nil {
		panic(err) // the options are wrong
	}
	return e
}
