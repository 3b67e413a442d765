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
//   - A request for a foreign host, which is any except hosts, localhost, the loopback addresses
//     and the address of the connection. A site can make its name resolve to this machine (DNS
//     rebinding). The browser then takes the gallery for a part of that site.
//   - A request with any method from a page of another origin. Links to pages are allowed.
//   - A request with a body, unless the method is POST or it puts a row. No handler reads such a body.
func protect(h http.Handler, hosts ...string) http.Handler {
	origins := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !isFor(r, hosts):
			http.Error(w, fmt.Sprintf("the host %q is not served here; add it with the flag -host", r.Host), http.StatusMisdirectedRequest)
		case !isLink(r) && origins.Check(asPost(r)) != nil:
			http.Error(w, "requests from pages of other origins are refused", http.StatusForbidden)
		case r.Method != http.MethodPost && !(r.Method == http.MethodPut && r.URL.Path == "/table/rows") && r.ContentLength != 0:
			// Error closes the connection. Otherwise the server would wait for the body.
			httpadapter.Error(w, r, &httpadapter.StatusError{Status: http.StatusRequestEntityTooLarge, Text: "this request must not have a body"})
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

// local returns the local address of the connection of r, or the zero Addr if it is unknown.
func local(r *http.Request) netip.Addr {
	addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return netip.Addr{}
	}
	addrPort, _ := netip.ParseAddrPort(addr.String())
	return addrPort.Addr().Unmap().WithZone("")
}

// isLink reports whether r comes from a link or the address bar, according to the browser.
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
