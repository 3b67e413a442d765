package httpadapter

import (
	"context"
	"net/http"
)

// Draining returns the context that ends when the server of r begins to shut down, for
// handlers that hold a connection and are no stream of [Serve]. It never ends if [Drain] was
// not called for that server.
func Draining(r *http.Request) context.Context {
	if ctx := draining(r); ctx != nil {
		return ctx
	}
	return context.Background()
}
