// Package visitor tells the visitors of the examples apart, so that one of them cannot take
// what is there for all.
package visitor

import (
	"net/http"
	"net/netip"
)

// Address returns the address of the client of r, as a key for httpadapter.LimitPerKey and
// the like. Of an IPv6 address it returns the network, the first 64 bits, since one client
// has all the addresses in it. If RemoteAddr is not an address and a port, as on a Unix
// socket, Address returns it as it is.
//
// Behind a proxy all clients have the address of the proxy.
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
