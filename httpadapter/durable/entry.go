package durable

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/halley-go/halley/enumerator/topics"
)

// magic begins the Meta of an entry that a handler has stored.
const magic = "durable1"

const (
	// maxProducers is the number of producers that a state holds. It holds those that appended last.
	maxProducers = 100

	// maxMeta is the size of a state. Every Store takes it. Producers with long ids are forgotten earlier.
	maxMeta = 30 << 10
)

// state describes a stream after an entry.
type state struct {
	Type      string     `json:"type"`
	TTL       string     `json:"ttl,omitempty"`     // seconds, as the client has sent them
	Expires   string     `json:"expires,omitempty"` // RFC 3339
	Closed    bool       `json:"closed,omitempty"`  // the end of the topic follows
	Seq       string     `json:"seq,omitempty"`     // the last Stream-Seq
	Producers []producer `json:"producers,omitempty"`
}

// producer is a client that numbers its appends. The client that creates a stream has the empty ID until all of its
// values are stored.
type producer struct {
	ID     string `json:"id"`
	Epoch  uint64 `json:"epoch"`
	Next   uint64 `json:"next"`             // the number of the next append
	Values int    `json:"values,omitempty"` // the number of values of the next append that are stored already
}

func (s *state) isJSON() bool { return mediaType(s.Type) == jsonType }

// ttl returns the TTL, and false if there is none.
func (s *state) ttl() (time.Duration, bool) {
	d, err := parseTTL(s.TTL)
	return d, s.TTL != "" && err == nil
}

// producer returns the producer with this id.
func (s *state) producer(id string) (p producer, known bool) {
	if i := slices.IndexFunc(s.Producers, func(p producer) bool { return p.ID == id }); i >= 0 {
		return s.Producers[i], true
	}
	return producer{ID: id}, false
}

// without returns the producers without the one with this id.
func (s *state) without(id string) []producer {
	return slices.DeleteFunc(slices.Clone(s.Producers), func(p producer) bool { return p.ID == id })
}

// encode returns the Meta of an entry.
func (s state) encode() []byte {
	s.Producers = s.Producers[max(0, len(s.Producers)-maxProducers):]
	for {
		var b bytes.Buffer
		b.WriteString(magic)
		text := json.NewEncoder(&b)
		text.SetEscapeHTML(false)
		if err := text.Encode(s); err != nil {
			panic(fmt.Sprintf("httpadapter/durable: a state has no JSON: %v", err)) // cannot happen
		}
		if b.Len() <= maxMeta || len(s.Producers) == 0 {
			return b.Bytes()
		}
		s.Producers = s.Producers[1:]
	}
}

// isOurs reports whether a handler has stored e.
func isOurs(e *topics.Entry) bool {
	return len(e.Meta) >= len(magic) && string(e.Meta[:len(magic)]) == magic
}

func (s *state) decode(e *topics.Entry) error { return json.Unmarshal(e.Meta[len(magic):], s) }

// contentOf returns the data of an entry for readers. It returns no data if the entry only changes the state or is not
// a message of the stream.
func contentOf(e *topics.Entry, isJSON bool) []byte {
	if isJSON && !isOurs(e) && !json.Valid(e.Data) {
		return nil // it would spoil the array
	}
	return e.Data
}
