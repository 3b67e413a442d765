package httpadapter

import (
	"context"
	"net"
	"net/http"
)

// Drain makes srv.Shutdown end the streams of [Serve] and [Handler] as if their sources had run out.
// Everything that the sources hold open is closed, and each client receives a complete response. So
// Shutdown, which waits for handlers, returns soon. Its context limits how long it waits for a slow
// client. A client that asks for a stream meanwhile is answered as one over a [Limit]. Shutdown waits for
// the end of a stream that has a Content-Length.
//
// Call Drain before srv starts. Drain sets srv.BaseContext to a function that calls the previous
// one.
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

// Draining returns a context that ends when the server of r begins to shut down. It is for handlers
// that hold a connection and are not streams of [Serve]. If [Drain] was not called for that server, the
// context ends only for a request of websocket.Fanout, in [Shutdown].
func Draining(r *http.Request) context.Context {
	if ctx := draining(r); ctx != nil {
		return ctx
	}
	return context.Background()
}

type drainKey struct{}

// draining returns the context that ends when the server of r shuts down, or nil if there is none.
func draining(r *http.Request) context.Context {
	ctx, _ := r.Context().Value(drainKey{}).(context.Context)
	return ctx
}
