package websocket

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/halley-go/halley/internal/check"
)

const protocolHeader = "Sec-WebSocket-Protocol"

// Subprotocols sets the names of the subprotocols that the handler speaks, in order of preference. The handler
// accepts the first of them that the client offers. Names are compared exactly. [Subprotocol] tells
// accept which one it is.
//
// A client may offer none of them. Its connection is opened without a subprotocol, and accept decides. accept can
// speak a default protocol, or return a [CloseError]. A server of graphql-transport-ws returns
// CloseError{Code: 4406, Reason: "Subprotocol not acceptable"}. A browser closes the connection by itself if its
// page has offered names and none is accepted.
//
// Subprotocols panics if there are no names, if a name is not a token of HTTP, or if a name is given twice.
func Subprotocols(names ...string) Option {
	if len(names) == 0 {
		panic("httpadapter/websocket: Subprotocols: names must not be empty")
	}
	for i, name := range names {
		if !check.IsToken(name) {
			panic(fmt.Sprintf("httpadapter/websocket: Subprotocols: a name must be a token of HTTP, got %q", name))
		}
		if slices.Contains(names[:i], name) {
			panic(fmt.Sprintf("httpadapter/websocket: Subprotocols: %q is given twice", name))
		}
	}
	names = slices.Clone(names)
	return func(c *config) { c.subprotocols = names }
}

type subprotocolKey struct{}

// Subprotocol returns the subprotocol that the handler accepts for r, the request that it gives to accept. It
// returns "" if the client has offered none of the names of [Subprotocols].
func Subprotocol(r *http.Request) string {
	name, _ := r.Context().Value(subprotocolKey{}).(string)
	return name
}

// negotiate returns r with its subprotocol.
func (c config) negotiate(r *http.Request) *http.Request {
	offers := r.Header.Values(protocolHeader)
	for _, name := range c.subprotocols {
		for _, offer := range offers {
			for offered := range strings.SplitSeq(offer, ",") {
				if strings.Trim(offered, " \t") == name {
					return r.WithContext(context.WithValue(r.Context(), subprotocolKey{}, name))
				}
			}
		}
	}
	return r
}
