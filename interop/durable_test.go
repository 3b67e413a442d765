package interop_test

import (
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/durable"
	"github.com/halley-go/halley/httpadapter/httpadaptertest"
	"github.com/halley-go/halley/internal/probe"
)

// streams returns a handler of streams by path.
func streams() http.Handler {
	name := func(r *http.Request) (string, error) { return r.URL.Path, nil }
	// node cannot read a 413 while it is still sending the body, so the 10 MB that the suite sends are accepted.
	h := durable.Handler(topics.Memory(100_000), name, durable.MaxBytes(16<<20))
	return httpadapter.CORS{Origins: []string{"*"}, Headers: []string{"If-None-Match"}}.Handler(h)
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
	skip := notServed
	if !probe.Long() {
		skip += "|" + slow
	}
	server := httptest.NewServer(streams()) // keeps idle connections, which node may use again at any time
	defer server.Close()
	cmd := exec.CommandContext(t.Context(), "node", "node_modules/vitest/vitest.mjs", "run", "--root", ".",
		"--test-timeout", "60000", "--testNamePattern", "^(?!.*("+skip+"))", "durable.test.mjs")
	cmd.Env = append(cmd.Environ(), "CONFORMANCE_TEST_URL="+server.URL, "NO_COLOR=1")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	t.Logf("%s", out[max(0, len(out)-300):])
}

// The client of the protocol gets each message once, and its producer appends each once, while connections are cut.
func TestDurableClient(t *testing.T) {
	for _, live := range []string{"long-poll", "sse"} {
		t.Run(live, func(t *testing.T) {
			t.Parallel()
			var reads, writes storm
			all := streams()
			server := httpadaptertest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.URL.Path == "/enough":
					if !reads.isOver() || !writes.isOver() {
						w.WriteHeader(http.StatusNotFound)
					}
					return
				case r.Method == http.MethodGet:
					reads.admit()
				case r.Method == http.MethodPost:
					writes.admit()
				}
				all.ServeHTTP(w, r)
			}))
			reads.proxy, writes.proxy = httpadaptertest.NewProxy(t, server.URL), httpadaptertest.NewProxy(t, server.URL)
			sent := start(t, "durable-writer", writes.proxy.URL+"/a", "2000", server.URL+"/enough")
			s := &stage{T: t}
			s.eventually(func() bool {
				answer, err := server.Client().Head(server.URL + "/a")
				return err == nil && answer.StatusCode == http.StatusOK
			})
			got := start(t, "durable-reader", reads.proxy.URL+"/a", live)
			s.eventually(func() bool { return len(sent()) > 0 })
			total, err := strconv.Atoi(sent()[0])
			require.NoError(t, err)
			s.eventually(func() bool { lines := got(); return slices.Contains(lines, "closed") })
			lines, want := got(), append(messages(0, total), "closed")
			for i, line := range lines[:min(len(lines), len(want))] {
				require.Equal(t, want[i], line)
			}
			require.Len(t, lines, len(want))
		})
	}
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
