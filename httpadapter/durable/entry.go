package durable

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/halley-go/halley/enumerator/topics"
)

// magic begins the Data of an entry with a state. JSON cannot begin like this.
const magic = "\x00durable1"

// maxProducers is the number of producers that a state holds. It holds those that appended last.
const maxProducers = 100

// state describes a stream after an entry.
type state struct {
	Type      string     `json:"type"`
	TTL       string     `json:"ttl,omitempty"`     // seconds, as the client has sent them
	Expires   string     `json:"expires,omitempty"` // RFC 3339
	Closed    bool       `json:"closed,omitempty"`
	Seq       string     `json:"seq,omitempty"`       // the last Stream-Seq
	Producers []producer `json:"producers,omitempty"` // in the order of their last appends
}

// producer is a client that numbers its appends.
type producer struct {
	ID    string `json:"id"`
	Epoch uint64 `json:"epoch"`
	Seq   uint64 `json:"seq"` // of the last append
}

func (s *state) isJSON() bool { return mediaType(s.Type) == jsonType }

// ttl returns the TTL, and false if there is none.
func (s *state) ttl() (time.Duration, bool) {
	d, err := parseTTL(s.TTL)
	return d, s.TTL != "" && err == nil
}

// encode returns the Data of an entry: magic, whether the stream is closed, the length of the state, the state in JSON,
// the data.
func encode(s state, data []byte) []byte {
	text, err := json.Marshal(s)
	if err != nil {
		panic(fmt.Sprintf("httpadapter/durable: a state has no JSON: %v", err)) // cannot happen
	}
	b := make([]byte, 0, len(magic)+1+binary.MaxVarintLen64+len(text)+len(data))
	b = append(b, magic...)
	closed := byte(0)
	if s.Closed {
		closed = 1
	}
	b = append(b, closed)
	b = binary.AppendUvarint(b, uint64(len(text)))
	return append(append(b, text...), data...)
}

// content is an entry without its state.
type content struct {
	data   []byte // the bytes, or JSON values with commas between them; may be empty
	closed bool   // the entry is the last one
}

// split returns the content of an entry and the JSON of its state, which is nil if it has none.
func split(entry []byte) (c content, text []byte) {
	rest, ok := strings.CutPrefix(string(entry[:min(len(entry), len(magic))]), magic)
	if !ok || rest != "" || len(entry) == len(magic) {
		return content{data: entry}, nil
	}
	b := entry[len(magic):]
	n, size := binary.Uvarint(b[1:])
	if size <= 0 || n > uint64(len(b)-1-size) {
		return content{data: entry}, nil
	}
	text, data := b[1+size:][:n], b[1+size:][n:]
	return content{data: data, closed: b[0] == 1}, text
}

// contentOf returns the content of an entry for readers. An entry that has no state and is not a message of the stream has
// no data.
func (s *state) contentOf(e topics.Entry) content {
	if e.Kind == topics.Ended {
		return content{closed: true}
	}
	c, text := split(e.Data)
	if text == nil && s.isJSON() && !json.Valid(c.data) {
		c.data = nil // it would spoil the array
	}
	return c
}

// Data returns the data of an entry, for programs that read the topic of a stream. In a stream of JSON, these are the
// values of one append with commas between them. The data are empty if the entry only creates or closes the stream. If the
// entry has no state, all of it is data. The result shares the memory of entry, and must not be changed.
func Data(entry []byte) []byte {
	c, _ := split(entry)
	return c.data
}
