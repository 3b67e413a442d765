package compress

import "io"

// A GzipWriter compresses a stream with gzip.
type GzipWriter = *gzipWriter

// NewGzip returns a GzipWriter that writes to w.
func NewGzip(w io.Writer) GzipWriter { return &gzipWriter{w: w} }
