package interop_test

import (
	"net/http"
	"os/exec"
	"strconv"
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
	h := durable.Handler(topics.Memory(100_000), func(r *http.Request) (string, error) { return r.URL.Path, nil })
	return httpadapter.CORS{Origins: []string{"*"}, Headers: []string{"If-None-Match"}}.Handler(h)
}

// notServed are the tests of the suite for the parts of the protocol that the handler answers with 501: streams that
// are forks of others. The suite leaves out subscriptions by itself.
const notServed = `Fork - `

// slow are the tests of the suite that wait for the end of a long poll, or of the time of a stream.
const slow = `long-poll|TTL|Expires-At`

// The suite has no test that fails for an assumption of its own: all tests but notServed must pass. Two of them wait
// for a long poll, so they need more time than the 5 seconds that vitest gives a test.
func TestDurableConformance(t *testing.T) {
	t.Parallel()
	needModules(t)
	skip := notServed
	if !probe.Long() {
		skip += "|" + slow
	}
	server := httpadaptertest.NewServer(t, streams())
	cmd := exec.CommandContext(t.Context(), "node", "node_modules/vitest/vitest.mjs", "run", "--root", ".",
		"--test-timeout", "60000", "--testNamePattern", "^(?!.*("+skip+"))", "durable.test.mjs")
	cmd.Env = append(cmd.Environ(), "CONFORMANCE_TEST_URL="+server.URL, "NO_COLOR=1")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	t.Logf("%s", out[max(0, len(out)-300):])
}

// The client of the protocol gets each message once, and its producer appends each once, while connections are cut.
func TestDurableClient(t *testing.T) {
	const total, cuts = 2000, 13
	for _, live := range []string{"long-poll", "sse"} {
		t.Run(live, func(t *testing.T) {
			t.Parallel()
			s := &stage{T: t}
			server := httpadaptertest.NewServer(t, streams())
			reads, writes := httpadaptertest.NewProxy(t, server.URL), httpadaptertest.NewProxy(t, server.URL)
			sent := start(t, "durable-writer", writes.URL+"/a", strconv.Itoa(total), "50")
			s.eventually(func() bool {
				answer, err := server.Client().Head(server.URL + "/a")
				return err == nil && answer.StatusCode == http.StatusOK
			})
			got := start(t, "durable-reader", reads.URL+"/a", live)
			for n := range cuts {
				s.eventually(func() bool { return len(got()) >= (n+1)*total/(cuts+2) })
				reads.Cut(int64(n * 37))
				writes.Cut(int64(n * 53))
			}
			s.expect(got, append(messages(0, total), "closed"))
			s.expect(sent, []string{"closed"})
		})
	}
}
