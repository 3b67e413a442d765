package httpadapter

import (
	"context"
	"io"
)

// ForgetWarnings lets a test see what is logged once in the life of a program.
func ForgetWarnings() { warned.Clear() }

// Negotiate is the name of the coding for an Accept-Encoding, "" for none.
func Negotiate(accept ...string) string {
	if c := negotiate(accept); c != nil {
		return c.name
	}
	return ""
}

// WithDraining is the context of a request to a server that [Drain] ends when drain ends.
func WithDraining(ctx, drain context.Context) context.Context {
	return context.WithValue(ctx, drainKey{}, drain)
}

// A GzipWriter is what compresses a stream with gzip.
type GzipWriter = *gzipWriter

// NewGzip returns one that writes to w.
func NewGzip(w io.Writer) GzipWriter { return &gzipWriter{w: w} }
