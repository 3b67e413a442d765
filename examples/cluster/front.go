package main

import (
	"embed"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"sync/atomic"

	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/examples/style"
	"github.com/halley-go/halley/httpadapter"
)

//go:embed page.html
var page embed.FS

// front returns the handler in front of the nodes. It takes the place of a load balancer: it sends the requests of a
// browser to one node, as long as that node is up.
func front(c *cluster) http.Handler {
	mux := http.NewServeMux()
	b := &balancer{cluster: c}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		b.choose(w, r) // now, so that all streams of the page go to the same node
		http.ServeFileFS(w, r, page, "page.html")
	})
	mux.Handle("GET /style.css", http.FileServerFS(style.Files))
	mux.Handle("GET /icon.svg", http.FileServerFS(style.Files))
	mux.Handle("GET /halley.js", client.Script())

	// The nodes themselves.
	mux.Handle("GET /nodes/stream", client.Handler(func(_ *http.Request, after enumerator.Position) (enumerator.Enumerator[enumerator.Item[[]state]], error) {
		return c.states.FromOrLast(after, 1), nil
	}, httpadapter.Limit(1000)))
	mux.HandleFunc("POST /nodes/{node}/kill", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.PathValue("node"))
		if err != nil || n < 1 || n > nodes {
			http.NotFound(w, r)
			return
		}
		c.nodes[n-1].kill()
		w.WriteHeader(http.StatusNoContent)
	})

	proxy := b.proxy()
	mux.Handle("GET /", proxy)
	mux.Handle("POST /chat/messages", proxy)
	return http.NewCrossOriginProtection().Handler(mux)
}

// A balancer chooses the node of each browser. A cookie holds the node.
type balancer struct {
	cluster  *cluster
	visitors atomic.Uint32
}

// choose returns the node of the browser that has sent r, or the next node that is not down. It returns nil if all
// nodes are down.
func (b *balancer) choose(w http.ResponseWriter, r *http.Request) *node {
	has := ""
	if cookie, err := r.Cookie("node"); err == nil {
		has = cookie.Value
	}
	first, err := strconv.Atoi(has)
	if err != nil {
		first = int(b.visitors.Add(1))
	}
	for i := range nodes {
		n := b.cluster.nodes[uint(first-1+i)%nodes]
		if !n.isUp() {
			continue
		}
		if name := strconv.Itoa(n.Node); name != has {
			http.SetCookie(w, &http.Cookie{Name: "node", Value: name, Path: "/", SameSite: http.SameSiteLaxMode})
		}
		return n
	}
	return nil
}

// proxy returns the proxy to the nodes.
func (b *balancer) proxy() http.Handler {
	var proxies [nodes]http.Handler
	for i, n := range b.cluster.nodes {
		target := &url.URL{Scheme: "http", Host: n.Addr}
		proxies[i] = &httputil.ReverseProxy{
			Rewrite: func(r *httputil.ProxyRequest) {
				r.SetURL(target)
				r.Out.Host = r.In.Host // the nodes compare it with the Origin
			},
			FlushInterval: -1, // each chunk of a stream leaves at once
			ErrorLog:      log.New(io.Discard, "", 0),
			ErrorHandler:  func(w http.ResponseWriter, _ *http.Request, _ error) { unavailable(w) },
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n := b.choose(w, r); n != nil {
			proxies[n.Node-1].ServeHTTP(w, r)
		} else {
			unavailable(w)
		}
	})
}

func unavailable(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "1")
	http.Error(w, "the node has gone: try again", http.StatusServiceUnavailable)
}
