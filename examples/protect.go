package main

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/halley-go/halley/httpadapter"
)

// protect returns a handler that passes requests on to h and refuses these:
//
//   - A request for a host that is not served here. Served are hosts, localhost, the loopback
//     addresses and the address of the connection. A site can let its own name lead to this
//     machine (DNS rebinding); to the browser its pages then have the origin of the gallery.
//   - A request from a page of another origin, whatever the method. A link to a page passes.
//   - A request with a body that is not a POST. No handler reads such a body.
func protect(h http.Handler, hosts ...string) http.Handler {
	origins := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !isFor(r, hosts):
			http.Error(w, fmt.Sprintf("the host %q is not served here; the flag -host adds one", r.Host), http.StatusMisdirectedRequest)
		case !isLink(r) && origins.Check(asPost(r)) != nil:
			http.Error(w, "not for pages of other origins", http.StatusForbidden)
		case r.Method != http.MethodPost && r.ContentLength != 0:
			// Error has the connection closed: the server would wait for the body otherwise.
			httpadapter.Error(w, r, &httpadapter.StatusError{Status: http.StatusRequestEntityTooLarge, Text: "only a POST has a body here"})
		default:
			h.ServeHTTP(w, r)
		}
	})
}

// isFor reports whether r names one of hosts or this machine.
func isFor(r *http.Request, hosts []string) bool {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil { // it has no port
		host = strings.TrimSuffix(strings.TrimPrefix(r.Host, "["), "]")
	}
	if host == "" {
		return false
	}
	if strings.EqualFold(host, "localhost") || slices.ContainsFunc(hosts, func(name string) bool { return strings.EqualFold(host, name) }) {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && (addr.Unmap().IsLoopback() || addr.Unmap() == local(r))
}

// local returns the address to which the client of r is connected, or the zero one if that
// is not known.
func local(r *http.Request) netip.Addr {
	addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return netip.Addr{}
	}
	at, _ := netip.ParseAddrPort(addr.String())
	return at.Addr().Unmap().WithZone("")
}

// isLink reports whether the browser says that a link or the address bar has led to r.
func isLink(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) &&
		r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
}

// asPost returns r as a POST. http.CrossOriginProtection does not check a GET.
func asPost(r *http.Request) *http.Request {
	post := *r
	post.Method = http.MethodPost
	return &post
}
