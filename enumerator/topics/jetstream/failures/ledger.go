//go:build unix

package main

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/halley-go/halley/enumerator"
)

// A message is what the publishers publish. No two messages have the same Key.
type message struct {
	Key  string `json:"key"`
	Text string `json:"text"`
}

// A ledger holds the Positions of the acknowledged messages, by topic and key, and how long the
// acknowledgements took.
type ledger struct {
	mu      sync.Mutex
	acked   map[string]map[string]enumerator.Position
	took    []time.Duration
	sent    int               // the number of messages that were begun
	refused map[string]string // by key, a remark on each message that was not acknowledged in time
}

func newLedger() *ledger {
	return &ledger{acked: map[string]map[string]enumerator.Position{}, refused: map[string]string{}}
}

func (l *ledger) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent++
}

func (l *ledger) ack(topic, key string, p enumerator.Position, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.acked[topic] == nil {
		l.acked[topic] = map[string]enumerator.Position{}
	}
	l.acked[topic][key] = p
	l.took = append(l.took, took)
}

func (l *ledger) refuse(topic, key string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refused[key] = fmt.Sprintf("%s of %s was not acknowledged: %v", key, topic, err)
}

// count returns the number of messages that were begun, and of those that were acknowledged.
func (l *ledger) count() (sent, acked int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sent, len(l.took)
}

// owed returns the number of acknowledged messages of all topics.
func (l *ledger) owed(topics []string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, topic := range topics {
		n += len(l.acked[topic])
	}
	return n
}

// A record holds what one reader has got.
type record struct {
	reader string
	topics []string

	mu     sync.Mutex
	got    map[string][]receipt // by topic
	total  int
	resets []string
	gaps   []string
	pauses []pause // the pauses that are longer than a tenth of a second
	last   pause   // the pause that has begun with the last message
	node   int     // of the current attempt, or -1 before the first one
	err    error   // the error with which the reader has ended
}

// A receipt is a message as a reader got it.
type receipt struct {
	key      string
	position enumerator.Position
}

// A pause is the time between two messages of a reader that was connected to node when it began.
type pause struct {
	node     int
	from, to time.Time
}

func (p pause) length() time.Duration { return p.to.Sub(p.from) }

// take notes an item that has come at now.
func (r *record) take(item enumerator.Item[message], now time.Time) {
	topic := item.Event
	if topic == "" {
		topic = r.topics[0] // the only one
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case item.Reset:
		r.resets = append(r.resets, fmt.Sprintf("%s got a Reset of %s at %v from n%d", r.reader, topic, item.Position, r.node+1))
	case item.Gap.N > 0:
		r.gaps = append(r.gaps, fmt.Sprintf("%s got a Gap of %d in %s at %v from n%d", r.reader, item.Gap.N, topic, item.Position, r.node+1))
	case item.IsMessage():
		p := item.Position
		if item.Cursor != "" { // the Cursor of several topics
			p = positionIn(item.Cursor, topic)
		}
		r.got[topic] = append(r.got[topic], receipt{item.Value.Key, p})
		r.total++
		if r.last.to = now; !r.last.from.IsZero() && r.last.length() > time.Second/10 {
			r.pauses = append(r.pauses, r.last)
		}
		r.last = pause{node: r.node, from: now}
	}
}

func (r *record) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.total
}

// A verdict is the number of faults, and a description of some of them.
type verdict struct {
	lost, repeated, disordered, resets int
	notes                              []string
}

// judge compares the records with the ledger. Each reader must have got each acknowledged message of its
// topics once, in the order of the Positions, and at the Position with which it was acknowledged.
func (l *ledger) judge(records []*record) (v verdict) {
	l.mu.Lock()
	defer l.mu.Unlock()
	v.notes = slices.AppendSeq(v.notes, maps.Values(l.refused))
	for _, r := range records {
		r.mu.Lock()
		for _, topic := range r.topics {
			v.topic(r, topic, l.acked[topic], l.refused)
		}
		v.resets += len(r.resets)
		v.notes = append(v.notes, slices.Concat(r.resets, r.gaps)...)
		if r.err != nil {
			v.note("%s has ended: %v", r.reader, r.err)
		}
		r.mu.Unlock()
	}
	return v
}

func (v *verdict) topic(r *record, topic string, acked map[string]enumerator.Position, refused map[string]string) {
	var last enumerator.Position
	seen := map[string]bool{}
	for _, got := range r.got[topic] {
		p, ok := acked[got.key]
		_, maybe := refused[got.key]
		switch {
		case seen[got.key]:
			v.repeated++
			v.note("%s got %s of %s again, at %v", r.reader, got.key, topic, got.position)
			continue
		case !ok && !maybe:
			v.note("%s got %q of %s, which was not published, at %v", r.reader, got.key, topic, got.position)
		case ok && p != got.position:
			v.disordered++
			v.note("%s got %s of %s at %v and not at %v", r.reader, got.key, topic, got.position, p)
		case got.position.Seq <= last.Seq:
			v.disordered++
			v.note("%s got %s of %s at %v after %v", r.reader, got.key, topic, got.position, last)
		}
		seen[got.key], last = true, got.position
	}
	for _, key := range slices.Sorted(maps.Keys(acked)) {
		if !seen[key] {
			v.lost++
			v.note("%s has not got %s of %s at %v", r.reader, key, topic, acked[key])
		}
	}
}

func (v *verdict) note(format string, args ...any) {
	v.notes = append(v.notes, fmt.Sprintf(format, args...))
}

// faultless reports whether there is nothing to note.
func (v verdict) faultless() bool { return len(v.notes) == 0 }
