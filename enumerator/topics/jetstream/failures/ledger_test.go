//go:build unix

package main

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/halley-go/halley/enumeratee/items"
	"github.com/halley-go/halley/enumerator"
)

func at(seq uint64) enumerator.Position { return enumerator.Position{Epoch: 71, Seq: seq} }

func item(key string, seq uint64) enumerator.Item[message] {
	return enumerator.Item[message]{Value: message{Key: key}, Position: at(seq)}
}

// Three messages were acknowledged: a, b and c, at 1, 3 and 7.
func TestJudge(t *testing.T) {
	for name, c := range map[string]struct {
		got  []enumerator.Item[message]
		want verdict
	}{
		"all":              {[]enumerator.Item[message]{item("a", 1), item("b", 3), item("c", 7)}, verdict{}},
		"nothing":          {nil, verdict{lost: 3, notes: []string{"r has not got a of t at 1z-11", "r has not got b of t at 1z-13", "r has not got c of t at 1z-17"}}},
		"one is missing":   {[]enumerator.Item[message]{item("a", 1), item("c", 7)}, verdict{lost: 1, notes: []string{"r has not got b of t at 1z-13"}}},
		"one comes again":  {[]enumerator.Item[message]{item("a", 1), item("b", 3), item("b", 3), item("c", 7)}, verdict{repeated: 1, notes: []string{"r got b of t again, at 1z-13"}}},
		"again, elsewhere": {[]enumerator.Item[message]{item("a", 1), item("b", 3), item("c", 7), item("a", 9)}, verdict{repeated: 1, notes: []string{"r got a of t again, at 1z-19"}}},
		"two change places": {[]enumerator.Item[message]{item("a", 1), item("c", 7), item("b", 3)},
			verdict{disordered: 1, notes: []string{"r got b of t at 1z-13 after 1z-17"}}},
		"another Position": {[]enumerator.Item[message]{item("a", 1), item("b", 4), item("c", 7)},
			verdict{disordered: 1, notes: []string{"r got b of t at 1z-14 and not at 1z-13"}}},
		"a stranger": {[]enumerator.Item[message]{item("a", 1), item("b", 3), item("x", 4), item("c", 7)},
			verdict{notes: []string{`r got "x" of t, which was not published, at 1z-14`}}},
		"a Reset": {[]enumerator.Item[message]{{Reset: true, Position: at(1)}, item("a", 1), item("b", 3), item("c", 7)},
			verdict{resets: 1, notes: []string{"r got a Reset of t at 1z-11 from n1"}}},
		"a Gap": {[]enumerator.Item[message]{item("a", 1), item("b", 3), {Gap: enumerator.Gap{N: 2}, Position: at(5)}, item("c", 7)},
			verdict{notes: []string{"r got a Gap of 2 in t at 1z-15 from n1"}}},
		"Bookmarks": {[]enumerator.Item[message]{{Bookmark: true}, item("a", 1), item("b", 3), item("c", 7), {Bookmark: true, Position: at(9)}}, verdict{}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLedger()
			for _, m := range []enumerator.Item[message]{item("a", 1), item("b", 3), item("c", 7)} {
				l.ack("t", m.Value.Key, m.Position, 0)
			}
			r := &record{reader: "r", topics: []string{"t"}, got: map[string][]receipt{}}
			for _, i := range c.got {
				r.take(i, time.Now())
			}
			assert.Equal(t, c.want, l.judge([]*record{r}))
			assert.Equal(t, len(c.want.notes) == 0, c.want.faultless())
		})
	}
}

func TestJudgeOfSeveralTopics(t *testing.T) {
	l := newLedger()
	l.ack("s", "a", at(1), 0)
	l.ack("t", "b", at(2), 0)
	l.ack("another", "c", at(3), 0)
	r := &record{reader: "r", topics: []string{"s", "t"}, got: map[string][]receipt{}}
	for _, i := range []struct{ topic, key string }{{"t", "b"}, {"s", "a"}} {
		r.take(enumerator.Item[message]{Event: i.topic, Value: message{Key: i.key}, Cursor: items.Cursor(map[string]enumerator.Position{"s": at(1), "t": at(2)})}, time.Now())
	}
	assert.Equal(t, 2, l.owed(r.topics))
	assert.Equal(t, verdict{}, l.judge([]*record{r}), "topics have an order each")

	l.refuse("t", "d", errors.New("boom"))
	r.take(enumerator.Item[message]{Event: "t", Value: message{Key: "d"}, Cursor: items.Cursor(map[string]enumerator.Position{"t": at(5)})}, time.Now())
	r.err = errors.New("bang")
	assert.Equal(t, []string{"d of t was not acknowledged: boom", "r has ended: bang"}, l.judge([]*record{r}).notes)
}

// The reader is at node 0, and goes to node 1 between the second and the third message.
func TestPauses(t *testing.T) {
	start := time.Now()
	second := func(n float64) time.Time { return start.Add(time.Duration(n * float64(time.Second))) }
	r := &record{reader: "r", topics: []string{"t"}, got: map[string][]receipt{}}
	r.take(item("a", 1), second(1))
	r.take(item("b", 2), second(1.05))
	r.take(enumerator.Item[message]{Bookmark: true}, second(2))
	r.node = 1
	r.take(item("c", 3), second(3))
	r.take(item("d", 4), second(4))
	want := []pause{{0, second(1.05), second(3)}, {1, second(3), second(4)}}
	assert.Equal(t, want, r.pauses)

	for name, c := range map[string]struct {
		victims        []pause
		elsewhere, any time.Duration
	}{
		"no victim":                   {nil, 1950 * time.Millisecond, 1950 * time.Millisecond},
		"the node before":             {[]pause{{0, second(1.5), second(2)}}, time.Second, 1950 * time.Millisecond},
		"the node before, for good":   {[]pause{{0, second(1.5), time.Time{}}}, time.Second, 1950 * time.Millisecond},
		"both":                        {[]pause{{0, second(1.5), second(2)}, {1, second(3.5), second(3.6)}}, 0, 1950 * time.Millisecond},
		"the node before, afterwards": {[]pause{{0, second(3.5), second(5)}}, 1950 * time.Millisecond, 1950 * time.Millisecond},
	} {
		s := &stage{load: &load{ledger: newLedger(), records: []*record{r}}, victims: c.victims}
		found := s.result(failure{}, verdict{})
		assert.Equal(t, c.elsewhere, found.elsewhere, name)
		assert.Equal(t, c.any, found.any, name)
		assert.Empty(t, found.notes, name)
		assert.Len(t, s.result(failure{pause: 1900 * time.Millisecond, all: true}, verdict{}).notes, 1, name)
		assert.Len(t, s.result(failure{pause: time.Second / 2}, verdict{}).notes, min(1, int(c.elsewhere)), name)
	}
}
