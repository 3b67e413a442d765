// Package visitor identifies the visitors of the examples, so that limits can apply to each of
// them.
package visitor

import (
	"net/http"
	"net/netip"
)

// Address returns the address of the client of r, as a key for httpadapter.LimitPerKey and
// similar limits. For an IPv6 address it returns the network, which is the first 64 bits,
// because one client can use all addresses of its network. If RemoteAddr is not an address
// and a port, as on a Unix socket, Address returns RemoteAddr unchanged.
//
// Behind a proxy, all clients have the address of the proxy.
func Address(r *http.Request) string {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	addr := from.Addr().Unmap()
	if addr.Is4() {
		return addr.String()
	}
	network, _ := addr.Prefix(64) // fails only for more than 128 bits
	return network.String()
}
