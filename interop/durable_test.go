package interop_test

import (
	"context"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/enumerator/topics/jetstream"
	"github.com/halley-go/halley/enumerator/topics/jetstream/embedded"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/durable"
	"github.com/halley-go/halley/httpadapter/httpadaptertest"
	"github.com/halley-go/halley/internal/browsertest"
	"github.com/halley-go/halley/internal/probe"
)

// stores are the stores of the streams, by name.
var stores = map[string]func(*testing.T) topics.Store{
	"memory": func(*testing.T) topics.Store { return topics.Memory(100_000) },
	"jetstream": func(t *testing.T) topics.Store {
		nc, stop, err := embedded.Start(t.TempDir(), embedded.SyncLater())
		require.NoError(t, err)
		t.Cleanup(stop)
		s, err := jetstream.Open(t.Context(), nc, "streams", jetstream.Keep(100_000))
		require.NoError(t, err)
		return s
	},
}

// streams returns a handler of the streams in store, by path. Pages of all origins may use it.
func streams(store topics.Store) http.Handler {
	name := func(r *http.Request) (string, error) { return r.URL.Path, nil }
	// node cannot read a 413 while it is still sending the body, so the 10 MB that the suite sends are accepted.
	h := durable.Handler(store, name, durable.MaxBytes(16<<20))
	return httpadapter.CORS{
		Origins: []string{"*"},
		Headers: []string{"If-None-Match", "Producer-Id", "Producer-Epoch", "Producer-Seq", "Stream-Closed"},
		Expose: []string{
			"ETag", "Location", "Producer-Epoch", "Producer-Seq", "Producer-Expected-Seq", "Producer-Received-Seq",
			"Stream-Closed", "Stream-Cursor", "Stream-Next-Offset", "Stream-SSE-Data-Encoding", "Stream-Up-To-Date",
		},
	}.Handler(h)
}

// notServed are the tests of the suite for the parts of the protocol that the handler answers with 501: streams that
// are forks of others. The suite leaves out subscriptions by itself.
const notServed = `Fork - `

// slow are the tests of the suite that wait for the end of a long poll, or of the time of a stream.
const slow = `long-poll|TTL|Expires-At`

// All tests of the suite must pass, except notServed. Two of them wait for a long poll, so they need more time than
// the 5 seconds that vitest gives a test.
func TestDurableConformance(t *testing.T) {
	t.Parallel()
	needModules(t)
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			skip := notServed
			if !probe.Long() {
				skip += "|" + slow
			}
			server := httptest.NewServer(streams(open(t))) // keeps idle connections, which node may use again at any time
			defer server.Close()
			cmd := exec.CommandContext(t.Context(), "node", "node_modules/vitest/vitest.mjs", "run", "--root", ".",
				"--test-timeout", "60000", "--testNamePattern", "^(?!.*("+skip+"))", "durable.test.mjs")
			cmd.Env = append(cmd.Environ(), "CONFORMANCE_TEST_URL="+server.URL, "NO_COLOR=1")
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s", out)
			t.Logf("%s", out[max(0, len(out)-300):])
		})
	}
}

// A durableClient starts the client of the protocol: the role read or write with its arguments. It returns a function
// that returns the lines that the client has written.
type durableClient func(t *testing.T, site string, args ...string) (lines func() []string)

// inNode starts the client in node.
func inNode(t *testing.T, _ string, args ...string) func() []string {
	return start(t, "durable", args...)
}

// inChromium returns the start of the client in a page of the site.
func inChromium(browser context.Context) durableClient {
	return func(t *testing.T, site string, args ...string) func() []string {
		return openPage(t, browser, site+"/pages/durable.html?"+url.Values{"arg": args}.Encode(), `got`)
	}
}

// The client of the protocol gets each message once, and its producer appends each once, while connections are cut.
func TestDurableClient(t *testing.T) {
	needModules(t)
	for name, client := range map[string]func(*testing.T) durableClient{
		"node":     func(*testing.T) durableClient { return inNode },
		"chromium": func(t *testing.T) durableClient { return inChromium(browsertest.Start(t)) },
	} {
		t.Run(name, func(t *testing.T) { // ends when its parallel tests have ended
			client := client(t)
			for store, open := range stores {
				for _, live := range []string{"long-poll", "sse"} {
					t.Run(store+" "+live, func(t *testing.T) {
						t.Parallel()
						eachOnce(t, open(t), client, live)
					})
				}
			}
		})
	}
}

// eachOnce reads a stream while it is written, and cuts connections of both.
func eachOnce(t *testing.T, store topics.Store, client durableClient, live string) {
	var reads, writes storm
	all := streams(store)
	mux := http.NewServeMux()
	files := unhurried(http.FileServer(http.Dir(".")))
	for _, folder := range []string{"/pages/", "/drivers/", "/node_modules/"} {
		mux.Handle("GET "+folder, files)
	}
	mux.HandleFunc("GET /enough", func(w http.ResponseWriter, r *http.Request) {
		if !reads.isOver() || !writes.isOver() {
			w.WriteHeader(http.StatusNotFound)
		}
	})
	mux.HandleFunc("/streams/", func(w http.ResponseWriter, r *http.Request) {
		for _, s := range []*storm{&reads, &writes} {
			if s.proxy.URL == "http://"+r.Host {
				s.admit() // also for a preflight: after a cut, the proxy resets all connections until the next call
			}
		}
		all.ServeHTTP(w, r)
	})
	server := httpadaptertest.NewServer(t, mux)
	reads.proxy, writes.proxy = httpadaptertest.NewProxy(t, server.URL), httpadaptertest.NewProxy(t, server.URL)
	sent := client(t, server.URL, "write", writes.proxy.URL+"/streams/a", "2000", server.URL+"/enough")
	s := &stage{T: t}
	s.exists(server.Client(), server.URL+"/streams/a")
	got := client(t, server.URL, "read", reads.proxy.URL+"/streams/a", live)
	s.compare(sent, got)
}

// exists waits for a stream.
func (s *stage) exists(client *http.Client, url string) {
	s.Helper()
	s.eventually(func() bool {
		answer, err := client.Head(url)
		if err != nil {
			return false
		}
		answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
}

// progress waits until a reader has got something more.
func (s *stage) progress(got func() []string) {
	s.Helper()
	before := len(got())
	require.Eventually(s, func() bool { return len(got()) > before || slices.Contains(got(), "closed") }, patience, 5*time.Millisecond,
		"after %d messages", before)
}

// compare waits for the end of a writer and a reader, and compares the messages that they have sent and received.
func (s *stage) compare(sent, got func() []string) {
	s.Helper()
	s.Cleanup(func() {
		if lines := got(); s.Failed() {
			s.Logf("the writer has written %q, and the reader %d lines, at the end %q", sent(), len(lines), lines[max(0, len(lines)-3):])
		}
	})
	for !slices.Contains(got(), "closed") {
		s.progress(got)
	}
	s.eventually(func() bool { return len(sent()) > 0 })
	total, err := strconv.Atoi(sent()[0])
	require.NoError(s, err, "the writer has written %q", sent())
	lines, want := got(), append(messages(0, total), "closed")
	for i, line := range lines[:min(len(lines), len(want))] {
		require.Equal(s, want[i], line)
	}
	require.Len(s, lines, len(want))
}

// cuts is the number of the connections that a storm cuts for certain.
const cuts = 13

// storm cuts the first connections of a proxy: one in the head of the answer, one at a random byte, and so on.
type storm struct {
	proxy *httpadaptertest.Proxy

	mu    sync.Mutex
	asked int // the number of requests so far
}

func (s *storm) admit() {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch s.asked++; {
	case s.asked > 2*cuts:
		s.proxy.Cut(-1)
	case s.asked%2 == 1:
		s.proxy.Cut(1 + rand.Int64N(100))
	default:
		s.proxy.Cut(1 + rand.Int64N(1500))
	}
}

func (s *storm) isOver() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked > 2*cuts
}
