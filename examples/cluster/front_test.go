package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet/follow"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
)

// newFront returns the front of a cluster whose nodes are handlers that answer with their number.
func newFront(t *testing.T) (*cluster, http.Handler) {
	c, err := newCluster(t.TempDir(), io.Discard)
	require.NoError(t, err)
	for _, n := range c.nodes {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, strconv.Itoa(n.Node)+" "+r.Host)
		}))
		t.Cleanup(s.Close)
		n.Addr = s.Listener.Addr().String()
		n.become(up, nil)
	}
	return c, front(c)
}

func ask(h http.Handler, method, target string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// A browser stays at its node while that is up, and then at the next one.
func TestFrontKeepsTheNodeOfABrowser(t *testing.T) {
	c, h := newFront(t)
	for _, test := range []struct {
		cookie, down, node, sets string
	}{
		{"node=2", "", "2", ""},
		{"node=1", "", "1", ""},
		{"node=1", "1", "2", "node=2; Path=/; SameSite=Lax"},
		{"node=3", "3", "1", "node=1; Path=/; SameSite=Lax"},
		{"node=3", "1 3", "2", "node=2; Path=/; SameSite=Lax"},
		{"node=2", "1 3", "2", ""},
		{"node=-9", "1 3", "2", "node=2; Path=/; SameSite=Lax"},
		{"node=x", "1 3", "2", "node=2; Path=/; SameSite=Lax"},
		{"", "1 3", "2", "node=2; Path=/; SameSite=Lax"},
	} {
		for _, n := range c.nodes {
			n.become(up, nil)
			if strings.Contains(test.down, strconv.Itoa(n.Node)) {
				n.become(down, nil)
			}
		}
		w := ask(h, http.MethodGet, "http://example.com/chat", "Cookie", test.cookie)
		assert.Equal(t, test.node+" example.com", w.Body.String(), test)
		assert.Equal(t, test.sets, w.Header().Get("Set-Cookie"), test)
	}
}

func TestFrontSpreadsNewBrowsers(t *testing.T) {
	_, h := newFront(t)
	seen := map[string]int{}
	for range 2 * nodes {
		seen[ask(h, http.MethodGet, "/chat").Body.String()]++
	}
	assert.Equal(t, map[string]int{"1 example.com": 2, "2 example.com": 2, "3 example.com": 2}, seen)
}

// The request for the page chooses the node, so all streams that a new browser starts together go to the same node.
func TestFrontChoosesANodeWithThePage(t *testing.T) {
	c, h := newFront(t)
	seen := map[string]int{}
	for range 2 * nodes {
		res := ask(h, http.MethodGet, "/").Result()
		require.Equal(t, http.StatusOK, res.StatusCode)
		require.Len(t, res.Cookies(), 1)
		cookie := res.Cookies()[0].String()
		assert.Empty(t, ask(h, http.MethodGet, "/", "Cookie", cookie).Header().Get("Set-Cookie"))
		first := ask(h, http.MethodGet, "/numbers/stream", "Cookie", cookie).Body.String()
		assert.Equal(t, first, ask(h, http.MethodGet, "/chat/stream", "Cookie", cookie).Body.String())
		seen[first]++
	}
	assert.Equal(t, map[string]int{"1 example.com": 2, "2 example.com": 2, "3 example.com": 2}, seen)
	c.nodes[0].become(down, nil)
	res := ask(h, http.MethodGet, "/", "Cookie", "node=1").Result()
	require.Len(t, res.Cookies(), 1)
	assert.Equal(t, "2", res.Cookies()[0].Value)
}

func TestFrontWithoutANode(t *testing.T) {
	c, _ := newFront(t)
	c.nodes[1].Addr = ""
	h := front(c)
	w := ask(h, http.MethodGet, "/chat", "Cookie", "node=2") // which has just gone
	assert.Equal(t, http.StatusServiceUnavailable, w.Code)
	assert.Equal(t, "1", w.Header().Get("Retry-After"))
	for _, n := range c.nodes {
		n.become(starting, nil)
	}
	w = ask(h, http.MethodGet, "/chat")
	assert.Equal(t, http.StatusServiceUnavailable, w.Code)
	assert.Equal(t, "1", w.Header().Get("Retry-After"))
	assert.Equal(t, http.StatusOK, ask(h, http.MethodGet, "/").Code, "the page itself")
}

func TestFrontRefuses(t *testing.T) {
	_, h := newFront(t)
	for _, test := range []struct {
		method, target, origin string
		want                   int
	}{
		{http.MethodPost, "/chat/messages", "", 200},
		{http.MethodPost, "/chat/messages", "http://example.com", 200},
		{http.MethodPost, "/chat/messages", "http://evil.example", 403},
		{http.MethodPost, "/nodes/1/kill", "http://evil.example", 403},
		{http.MethodPost, "/nodes/1/kill", "http://example.com", 204},
		{http.MethodPost, "/nodes/0/kill", "", 404},
		{http.MethodPost, "/nodes/4/kill", "", 404},
		{http.MethodPost, "/nodes/x/kill", "", 404},
		{http.MethodPost, "/numbers?n=9", "", 405},
		{http.MethodPut, "/chat", "", 405},
	} {
		assert.Equal(t, test.want, ask(h, test.method, test.target, "Origin", test.origin).Code, test)
	}
}

// A number that is published twice is stored once. A stream begins with the number of its node.
func TestNumbers(t *testing.T) {
	mux := http.NewServeMux()
	count(mux, 2, topics.Memory(100))
	for _, n := range []string{"7", "8", "7", "8", "9"} {
		assert.Equal(t, http.StatusOK, ask(mux, http.MethodPost, "/numbers?n="+n).Code)
	}
	assert.Equal(t, http.StatusServiceUnavailable, ask(mux, http.MethodPost, "/numbers?n=x").Code)

	s := httptest.NewServer(mux)
	defer s.Close()
	read := func(after string, n int) (numbers []int, last string) {
		values := enumerator.Through(follow.Items[int](follow.Get(s.URL+"/numbers/stream"), follow.After(after)), enumeratee.Compose(
			enumeratee.Filter(enumerator.Item[int].IsMessage), enumeratee.Take[enumerator.Item[int]](n)))
		for i, err := range enumerator.All(t.Context(), values) {
			require.NoError(t, err)
			assert.Equal(t, len(numbers) == 0, i.Event == "node")
			numbers, last = append(numbers, i.Value), i.ID()
		}
		return numbers, last
	}
	numbers, last := read("", 2)
	assert.Equal(t, []int{2, 9}, numbers)
	assert.Equal(t, http.StatusOK, ask(mux, http.MethodPost, "/numbers?n=10").Code)
	assert.Equal(t, http.StatusOK, ask(mux, http.MethodPost, "/numbers?n=11").Code)
	numbers, _ = read(last, 3)
	assert.Equal(t, []int{2, 10, 11}, numbers)
	http.DefaultClient.CloseIdleConnections()
}
