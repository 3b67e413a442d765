package durable_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/httpadapter/durable"
)

// node is the Store of one program of several. It reads the entries that it has been told of, and no later ones.
type node struct {
	topics.Store

	mu   sync.Mutex
	told uint64
}

func (n *node) learn(p enumerator.Position) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.told = max(n.told, p.Seq)
}

func (n *node) Append(ctx context.Context, name string, r topics.Record) (enumerator.Position, error) {
	p, err := n.Store.Append(ctx, name, r)
	n.learn(p)
	return p, err
}

func (n *node) Watch(ctx context.Context, name string, next func(topics.Entry), lost func(error)) (enumerator.Position, func(), error) {
	p, stop, err := n.Store.Watch(ctx, name, next, lost)
	n.learn(p)
	return p, stop, err
}

func (n *node) Read(ctx context.Context, name string, from topics.Place, limit int) (known []topics.Entry, ok bool, err error) {
	n.mu.Lock()
	told := n.told
	n.mu.Unlock()
	if from.After.Seq > told {
		n.learn(from.After) // the entries arrive later
		return nil, false, errors.New("the node is behind")
	}
	entries, ok, err := n.Store.Read(ctx, name, topics.Place{After: from.After}, 1<<30)
	for _, e := range entries {
		if e.Position.Seq <= told {
			known = append(known, e)
		}
	}
	if from.Last > 0 {
		known = known[max(0, len(known)-from.Last):]
	}
	return known[:min(limit, len(known))], ok, err
}

// nodes returns handlers of programs that share the streams, and one that is never behind.
func nodes(count int) (handlers []http.Handler, whole http.Handler) {
	store := topics.Memory(1 << 20)
	for range count {
		handlers = append(handlers, durable.Handler(&node{Store: store}, byPath))
	}
	return handlers, durable.Handler(store, byPath)
}

// A program that is behind does not refuse a valid request.
func TestNodeThatIsBehind(t *testing.T) {
	all, _ := nodes(2)
	a, b := all[0], all[1]
	require.Equal(t, 201, do(t, a, "PUT", "/a", "one ", asText...).status)
	assert.Equal(t, 200, do(t, b, "PUT", "/a", "", asText...).status)
	for i, h := range []http.Handler{b, a, a, b, a} {
		one := with(asText, []string{"Producer-Id", "p", "Producer-Epoch", "0", "Producer-Seq", fmt.Sprint(i)})
		assert.Equal(t, 200, do(t, h, "POST", "/a", fmt.Sprint(i), one...).status)
		assert.Equal(t, 204, do(t, all[i%2], "POST", "/a", "again", one...).status)
	}
	last := do(t, a, "POST", "/a", " end", with(asText, closed)...)
	assert.Equal(t, 409, do(t, b, "POST", "/a", "more", asText...).status)
	assert.Equal(t, 204, do(t, b, "POST", "/a", "", closed...).status)
	read := do(t, b, "GET", "/a?offset="+last.next(), "")
	assert.Equal(t, 200, read.status)
	assert.True(t, read.isClosed())
	assert.Equal(t, "one 01234 end", do(t, b, "GET", "/a", "").body)
	assert.Equal(t, 204, do(t, a, "DELETE", "/a", "").status)
	assert.Equal(t, 201, do(t, b, "PUT", "/a", "[]", asJSON...).status)
	assert.Equal(t, 204, do(t, a, "POST", "/a", "1", asJSON...).status)
}

// Each append of each producer is stored once and in order, even if it is sent several times and to several
// programs.
func TestProducersAtManyNodes(t *testing.T) {
	const producers, appends = 8, 40
	all, whole := nodes(3)
	require.Equal(t, 201, do(t, all[0], "PUT", "/a", "", asJSON...).status)
	var clients sync.WaitGroup
	for id := range producers {
		clients.Go(func() {
			for seq := range appends {
				header := with(asJSON, []string{"Producer-Id", fmt.Sprint(id), "Producer-Epoch", "0", "Producer-Seq", fmt.Sprint(seq)})
				body := fmt.Sprintf("[[%d,%d]]", id, seq)
				var sent sync.WaitGroup
				var got [3]int
				for i := range got { // all at once
					sent.Go(func() { got[i] = do(t, all[rand.IntN(len(all))], "POST", "/a", body, header...).status })
				}
				sent.Wait()
				slices.Sort(got[:])
				assert.Equal(t, [...]int{200, 204, 204}, got)
			}
		})
	}
	clients.Wait()
	var messages [][2]int
	require.NoError(t, json.Unmarshal([]byte(do(t, whole, "GET", "/a", "").body), &messages))
	assert.Len(t, messages, producers*appends)
	var next [producers]int
	for _, m := range messages {
		assert.Equal(t, next[m[0]], m[1])
		next[m[0]]++
	}
}

// A client that creates a stream at the same time as others finds it there.
func TestOneOfManyCreates(t *testing.T) {
	all, whole := nodes(3)
	var clients sync.WaitGroup
	got := make([]int, 12)
	for i := range got {
		clients.Go(func() { got[i] = do(t, all[i%3], "PUT", "/a", "x", asText...).status })
	}
	clients.Wait()
	slices.Sort(got)
	assert.Equal(t, append(slices.Repeat([]int{200}, 11), 201), got)
	assert.Equal(t, "x", do(t, whole, "GET", "/a", "").body)
}

// model is a stream as the protocol describes it.
type model struct {
	data      string
	closed    bool
	seq       string
	producers map[string][2]int // epoch and number
}

// post returns the status of an append.
func (m *model) post(body, seq, id string, epoch, number int, closes bool) int {
	if body == "" && !closes {
		return 400
	}
	known, isKnown := m.producers[id]
	switch {
	case id == "":
	case isKnown && epoch < known[0]:
		return 403
	case isKnown && epoch > known[0] && number != 0:
		return 400
	case isKnown && epoch == known[0] && number <= known[1]:
		return 204
	case isKnown && epoch == known[0] && number != known[1]+1, !isKnown && number != 0:
		return 409
	}
	switch {
	case m.closed && body == "" && id == "":
		return 204
	case m.closed, seq != "" && seq <= m.seq:
		return 409
	}
	m.data += body
	m.closed = closes
	if seq != "" {
		m.seq = seq
	}
	if id == "" {
		return 204
	}
	m.producers[id] = [2]int{epoch, number}
	if body == "" {
		return 204
	}
	return 200
}

func TestAppendsAsInTheModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		all, whole := nodes(2)
		do(t, all[0], "PUT", "/a", "", asText...)
		m := &model{producers: map[string][2]int{}}
		for i := range rapid.IntRange(1, 40).Draw(rt, "appends") {
			body, seq, id := fmt.Sprint(i, " "), "", ""
			epoch, number := rapid.IntRange(0, 2).Draw(rt, "epoch"), 0
			if rapid.IntRange(0, 9).Draw(rt, "empty") == 0 {
				body = ""
			}
			header := with(asText)
			closes := rapid.IntRange(0, 19).Draw(rt, "closes") == 0
			if closes {
				header = append(header, closed...)
			}
			if rapid.Bool().Draw(rt, "has a sequence") {
				seq = rapid.SampledFrom([]string{"1", "10", "2", "a", "b"}).Draw(rt, "sequence")
				header = append(header, "Stream-Seq", seq)
			}
			if rapid.Bool().Draw(rt, "has a producer") {
				id = rapid.SampledFrom([]string{"p", "q"}).Draw(rt, "producer")
				number = max(0, m.producers[id][1]+rapid.IntRange(-1, 2).Draw(rt, "number"))
				header = append(header, "Producer-Id", id, "Producer-Epoch", fmt.Sprint(epoch), "Producer-Seq", fmt.Sprint(number))
			}
			h := rapid.SampledFrom(all).Draw(rt, "node")
			want := m.post(body, seq, id, epoch, number, closes)
			a := do(t, h, "POST", "/a", body, header...)
			if a.status != want {
				rt.Fatalf("append %d: %d, want %d: %q %v", i, a.status, want, body, header)
			}
			if offset := a.next(); offset != "" && do(t, whole, "GET", "/a?offset="+offset, "").body != "" {
				rt.Fatalf("append %d: there are data after the offset", i)
			}
		}
		a := do(t, whole, "GET", "/a", "")
		if a.body != m.data || a.isClosed() != m.closed {
			rt.Fatalf("got %q (closed: %v), want %q (%v)", a.body, a.isClosed(), m.data, m.closed)
		}
	})
}

// A stream remembers the producers that have appended last.
func TestProducersAreBounded(t *testing.T) {
	h := newHandler()
	do(t, h, "PUT", "/a", "", asText...)
	post := func(id, seq int) int {
		return do(t, h, "POST", "/a", "x", with(asText, []string{"Producer-Id", fmt.Sprint(id), "Producer-Epoch", "0", "Producer-Seq", fmt.Sprint(seq)})...).status
	}
	for id := range 100 {
		require.Equal(t, 200, post(id, 0))
	}
	require.Equal(t, 200, post(0, 1)) // so 1 is the oldest
	require.Equal(t, 200, post(100, 0))
	assert.Equal(t, 204, post(0, 1))
	assert.Equal(t, 204, post(2, 0))
	assert.Equal(t, 409, post(1, 1), "it is unknown, and has to begin with 0")
}
