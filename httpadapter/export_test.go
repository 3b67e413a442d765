package httpadapter

import (
	"context"
	"net/http"
)

// ForgetWarnings lets a test see what is logged once in the life of a program.
func ForgetWarnings() { warned.Clear() }

// Negotiate returns the name of the coding for an Accept-Encoding if a server has gzip and zstd, and
// "" for none.
func Negotiate(accept ...string) string {
	if c := negotiate(accept, []*coding{{name: "gzip"}, {name: "zstd"}}); c != nil {
		return c.name
	}
	return ""
}

// WithDraining is the context of a request to a server that [Drain] ends when drain ends.
func WithDraining(ctx, drain context.Context) context.Context {
	return context.WithValue(ctx, drainKey{}, drain)
}

// Repacked returns the header that OnEnd of a Fanout gets for h.
func Repacked(h http.Header) http.Header { return unpacked(packed(h)) }
