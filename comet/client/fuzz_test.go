package client_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/unicode"

	"github.com/halley-go/halley/comet/eventsource"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// answer is an answer for the program parse.mjs.
type answer struct {
	Transport string   `json:"transport"`
	Chunks    [][]byte `json:"chunks"`
}

// received is what a page gets of an answer, without gaps and resets.
type received struct {
	Records []delivery `json:"records"`
	Ended   bool       `json:"ended"`
	Cursor  string     `json:"cursor"`
}

type delivery struct {
	Event string `json:"event"`
	ID    string `json:"id"`
	Data  any    `json:"data"`
}

// add adds a record as the script would. It reports whether the stream goes on.
func (r *received) add(event, id string, data any) bool {
	if id != "" {
		r.Cursor = id
	}
	switch event {
	case "end":
		r.Ended = true
		return false
	case "", "message":
		r.Records = append(r.Records, delivery{"", id, data})
	case "gap", "reset", "bookmark", "heartbeat", "state":
	default:
		r.Records = append(r.Records, delivery{event, r.Cursor, data})
	}
	return true
}

// The parsers of the script and the decoders of Go read the same from the same bytes.
func FuzzScriptReadsAsGo(f *testing.F) {
	for _, seed := range []string{
		"id: 1\ndata: kiki\n\nevent: prices\nid: 2\r\ndata:foo\rdata\n\nid: 3\n\n: comment\n\ndata: lost",
		"\ufeffdata: a\r\n\r\ndata: \xe2\x82\n\n\xf0\x9f\ndata\xc3:b\n\n\nid: x\x00y\ndata:  \n\nid\ndata: \xed\xa0\x80\n\n",
		"event: bookmark\nid: 1\ndata:\n\nevent: heartbeat\ndata: 15000\n\nevent: error\ndata: x\n\nevent: end\ndata:\n\ndata: late\n\n",
		"event: gap\nid: 4\ndata: {\"from\":\"1\",\"count\":2}\n\nevent: reset\nid: 5\ndata: null\n\nretry: 7\n\nevent: \ndata: 1\n\n",
		`{"event":"bookmark","id":"1","data":null}` + "\n" + `{"id":"2","data":{"a":[1,"é\ud83d\ude00"]}}` + "\n\n{\"id\":\"3\n" + `{"event":"prices","id":"4","data":1.5}` + "\r\n" + `{"event":"end","id":"","data":null}` + "\n",
		`{"id":"1","data":"` + "\xff\xe2\x80\xa8\r" + `"}` + "\n" + `{"id":"1","id":"2","data":-0,"data":1e-7}` + "\n{\"data\":\r1}\n{}\n",
	} {
		for _, cuts := range []string{"", "\x01\x02\x03\x05\x07\x0b", strings.Repeat("\x01", 200)} {
			f.Add([]byte(seed), []byte(cuts), false)
			f.Add([]byte(seed), []byte(cuts), true)
		}
	}
	cmd := node(f, "parse.mjs")
	stdin, err := cmd.StdinPipe()
	require.NoError(f, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(f, err)
	require.NoError(f, cmd.Start())
	f.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	})
	questions, answers := json.NewEncoder(stdin), json.NewDecoder(bufio.NewReader(stdout))
	f.Fuzz(func(t *testing.T, stream, cuts []byte, lines bool) {
		a, want := answer{Transport: "events"}, eventsOf(t, stream)
		if lines {
			var ok bool
			if want, ok = recordsOf(stream); !ok {
				t.Skip("not a stream of records")
			}
			a.Transport = "ndjson"
		}
		rest := stream
		for _, n := range cuts {
			n := min(int(n), len(rest))
			a.Chunks, rest = append(a.Chunks, rest[:n]), rest[n:]
		}
		a.Chunks = append(a.Chunks, rest)
		require.NoError(t, questions.Encode(a))
		var got received
		require.NoError(t, answers.Decode(&got))
		got.Records = slices.DeleteFunc(got.Records, func(r delivery) bool { return r.Event == "gap" || r.Event == "reset" })
		assert.ElementsMatch(t, want.Records, got.Records)
		assert.Equal(t, want.Ended, got.Ended)
		assert.Equal(t, want.Cursor, got.Cursor)
	})
}

// eventsOf decodes an event stream.
func eventsOf(t *testing.T, stream []byte) (want received) {
	add := iteratee.ForEach(func(_ context.Context, e eventsource.Event) error {
		if want.Ended {
			return nil
		}
		if e.NoData {
			e.Name = "bookmark"
		}
		want.add(e.Name, e.ID, e.Data)
		return nil
	})
	decode := eventsource.DecodeAll(len(stream) + 1)
	_, err := enumerator.Run(t.Context(), enumerator.Through(enumerator.Of(stream), decode), add)
	require.NoError(t, err)
	return want
}

// recordsOf decodes lines of JSON. It reports false if a line is JSON, but not a record.
func recordsOf(stream []byte) (want received, ok bool) {
	stream, _ = unicode.UTF8.NewDecoder().Bytes(stream)
	stream = bytes.TrimPrefix(stream, []byte("\ufeff"))
	lines := bytes.Split(stream, []byte("\n"))
	for _, line := range lines[:len(lines)-1] { // without the incomplete line
		if !json.Valid(line) {
			continue
		}
		var members map[string]any
		if err := json.Unmarshal(line, &members); err != nil || members == nil {
			return want, false
		}
		event, isText := members["event"].(string)
		id, isID := members["id"].(string)
		if !isText && members["event"] != nil || !isID && members["id"] != nil {
			return want, false
		}
		if !want.add(event, id, members["data"]) {
			break
		}
	}
	return want, true
}
