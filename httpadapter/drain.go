package httpadapter

import (
	"context"
	"net"
	"net/http"
)

// Drain has srv.Shutdown end the streams of [Serve] and [Handler], as if their sources
// had run out: what the sources hold open is closed, and each client gets the end of a
// complete response. So Shutdown, which waits for handlers, returns soon, and its
// context says how long it waits for a client that takes its time. Who asks for a
// stream meanwhile gets a 503. A stream that has a Content-Length is not cut: Shutdown
// waits for its end.
//
// Call it before srv starts. It sets srv.BaseContext, and calls the one that was there.
func Drain(srv *http.Server) {
	ctx, cancel := context.WithCancel(context.Background())
	srv.RegisterOnShutdown(cancel)
	base := srv.BaseContext
	srv.BaseContext = func(l net.Listener) context.Context {
		parent := context.Background()
		if base != nil {
			parent = base(l)
		}
		return context.WithValue(parent, drainKey{}, ctx)
	}
}

type drainKey struct{}

// draining returns the context that ends when the server of r shuts down, nil if that
// does not say.
func draining(r *http.Request) context.Context {
	ctx, _ := r.Context().Value(drainKey{}).(context.Context)
	return ctx
}
