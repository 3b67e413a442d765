package comet_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

type item = enumerator.Item[string]

func at(seq uint64) enumerator.Position { return enumerator.Position{Epoch: 71, Seq: seq} }

// items has one Item of each kind, of one source and of several.
var items = []item{
	{Bookmark: true, Position: at(34)},
	{Reset: true, Position: at(35)},
	{Value: "it's </script>", Position: at(36)},
	{Gap: enumerator.Gap{From: at(37), N: 1000}, Position: at(1036)},
	{Value: "", Position: at(1037)},
	{End: true, Position: at(1037)},
	{Bookmark: true, Position: at(1), Cursor: "a:1z-11,b:%27"},
	{Value: "named", Position: at(2), Event: "it's", Cursor: "a:1z-12,b:%27"},
	{Gap: enumerator.Gap{From: at(3), N: 2}, Position: at(4), Event: "a", Cursor: "a:1z-14,b:%27"},
	{Reset: true, Position: at(5), Event: "a", Cursor: "a:1z-15,b:%27"},
	{End: true},
}

func TestWithPosition(t *testing.T) {
	assert.Equal(t, []string{
		`<script>f(null,'1z-1y','bookmark');</script>`,
		`<script>f(null,'1z-1z','reset');</script>`,
		`<script>f('it\'s \u003c\/script\u003e','1z-210');</script>`,
		`<script>f({"from":"1z-211","count":1000},'1z-2ss','gap');</script>`,
		`<script>f('','1z-2st');</script>`,
		`<script>f(null,'1z-2st','end');</script>`,
		`<script>f(null,'a:1z-11,b:%27','bookmark');</script>`,
		`<script>f('named','a:1z-12,b:%27','it\'s');</script>`,
		`<script>f({"from":"1z-13","count":2,"source":"a"},'a:1z-14,b:%27','gap');</script>`,
		`<script>f({"source":"a"},'a:1z-15,b:%27','reset');</script>`,
		`<script>f(null,'','end');</script>`,
	}, asStrings(chunksOf(t, comet.Messages("f", comet.WithPosition(comet.AppendString), comet.Preamble("")), items...)))
	assert.Equal(t, []string{`<script>f("a",'');</script>`}, asStrings(
		chunksOf(t, comet.Messages("f", comet.WithPosition(comet.AppendJSON[string]), comet.Preamble("")), item{Value: "a"})))
	assert.Equal(t, []string{`<script>f('','\u003c\/script\u003e');</script>`}, asStrings(
		chunksOf(t, comet.Messages("f", comet.WithPosition(comet.AppendString), comet.Preamble("")), item{Cursor: "</script>"})))

	run := func(encode func([]byte, string) ([]byte, error), items ...item) error {
		_, err := enumerator.Run(t.Context(), enumerator.Through(enumerator.FromSlice(items),
			comet.Messages("f", comet.WithPosition(encode))), iteratee.Ignore[[]byte]())
		return err
	}
	broken := func(dst []byte, _ string) ([]byte, error) { return dst, errBroken }
	assert.ErrorIs(t, run(broken, items...), errBroken)
	for _, name := range reserved {
		assert.EqualError(t, run(comet.AppendString, item{Event: name}),
			"comet: Messages: comet: a message must not have the name "+name+", which has a meaning of its own")
	}
	assert.PanicsWithValue(t, "comet: WithPosition: encode must not be nil", func() { comet.WithPosition[int](nil) })
}

// reserved are the names that a message must not have.
var reserved = []string{"gap", "reset", "bookmark", "end", "heartbeat"}

func TestCheckName(t *testing.T) {
	for _, name := range reserved {
		assert.EqualError(t, comet.CheckName(name), "comet: a message must not have the name "+name+", which has a meaning of its own")
	}
	for _, name := range []string{"", "message", "Gap", "ends", "open", "error"} {
		assert.NoError(t, comet.CheckName(name), name)
	}
}

func TestPositionDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("sync.Pool drops values under the race detector")
	}
	assert.EqualValues(t, 1, allocations(t, comet.Messages("f", comet.WithPosition(comet.AppendJSON[string])), items[2]))
	named := items[7]
	named.Event = "a"
	assert.EqualValues(t, 1, allocations(t, comet.Messages("f", comet.WithPosition(comet.AppendJSON[string])), named))
}

func TestRecordOf(t *testing.T) {
	var lines []string
	for _, i := range items {
		line, err := json.Marshal(comet.RecordOf(i))
		require.NoError(t, err)
		lines = append(lines, string(line))
	}
	assert.Equal(t, []string{
		`{"event":"bookmark","id":"1z-1y","data":null}`,
		`{"event":"reset","id":"1z-1z","data":null}`,
		`{"id":"1z-210","data":"it's \u003c/script\u003e"}`,
		`{"event":"gap","id":"1z-2ss","data":{"from":"1z-211","count":1000}}`,
		`{"id":"1z-2st","data":""}`,
		`{"event":"end","id":"1z-2st","data":null}`,
		`{"event":"bookmark","id":"a:1z-11,b:%27","data":null}`,
		`{"event":"it's","id":"a:1z-12,b:%27","data":"named"}`,
		`{"event":"gap","id":"a:1z-14,b:%27","data":{"from":"1z-13","count":2,"source":"a"}}`,
		`{"event":"reset","id":"a:1z-15,b:%27","data":{"source":"a"}}`,
		`{"event":"end","id":"","data":null}`,
	}, lines)
	for _, name := range reserved {
		_, err := json.Marshal(comet.RecordOf(item{Event: name}))
		assert.ErrorContains(t, err, "a message must not have the name "+name)
	}
}

func TestCursor(t *testing.T) {
	header := func(id string) http.Header { h := http.Header{}; h.Set("Last-Event-ID", id); return h }
	query := func(id string) url.Values { return url.Values{"lastEventId": {id}} }
	foreign := enumerator.Position{Seq: 1}

	assert.Equal(t, enumerator.Position{}, comet.Cursor(http.Header{}, url.Values{}))
	assert.Equal(t, enumerator.Position{}, comet.Cursor(header(""), query("")))
	assert.Equal(t, at(36), comet.Cursor(header("1z-210"), url.Values{}))
	assert.Equal(t, at(36), comet.Cursor(http.Header{}, query("1z-210")))
	assert.Equal(t, at(36), comet.Cursor(header("1z-210"), query("1z-1z")), "the header is newer than the URL")
	for _, id := range []string{"1", "-", "1z-", "-10", "1Z-10", "1z-210 ", "null", "undefined", "1z-10-1", "\x00"} {
		assert.Equal(t, foreign, comet.Cursor(header(id), url.Values{}), id)
	}
	assert.Empty(t, comet.CursorText(http.Header{}, url.Values{}))
	assert.Equal(t, "a:1z-11,b:", comet.CursorText(http.Header{}, query("a:1z-11,b:")))
	assert.Equal(t, "new", comet.CursorText(header("new"), query("old")))

	hub := enumerator.Broadcast[string]()
	require.NoError(t, hub.Push(t.Context(), "a"))
	for first, err := range enumerator.All(t.Context(), hub.From(foreign)) {
		require.NoError(t, err)
		assert.True(t, first.Reset)
		break
	}
}
