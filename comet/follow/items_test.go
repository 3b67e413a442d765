package follow_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet/follow"
	"github.com/halley-go/halley/enumerator"
)

type item = enumerator.Item[string]

func at(seq uint64) enumerator.Position { return enumerator.Position{Epoch: 71, Seq: seq} }

// The records of each transport become Items. An end record ends the run.
func TestItems(t *testing.T) {
	for name, c := range map[string]struct {
		events string
		lines  string
		want   []item
	}{
		"messages": {"data: \"a\"\nid: 1z-18\n\ndata: \"b\"\nid: 1z-19\n\n",
			`{"id":"1z-18","data":"a"}` + "\n" + `{"id":"1z-19","data":"b"}`,
			[]item{{Value: "a", Position: at(8)}, {Value: "b", Position: at(9)}}},
		"named messages": {"event: news\ndata: \"a\"\nid: 1z-18\n\nevent: message\ndata: \"b\"\nid: 1z-19\n\n",
			`{"event":"news","id":"1z-18","data":"a"}` + "\n" + `{"event":"message","id":"1z-19","data":"b"}`,
			[]item{{Value: "a", Position: at(8), Event: "news"}, {Value: "b", Position: at(9)}}},
		"a message without an id": {"data: \"a\"\nid: 1z-18\n\ndata: \"b\"\n\n",
			`{"id":"1z-18","data":"a"}` + "\n" + `{"id":"","data":"b"}`,
			[]item{{Value: "a", Position: at(8)}, {Value: "b", Position: at(8)}}},
		"a compound id": {"event: news\ndata: \"a\"\nid: chat:1z-18,news:1z-19\n\n",
			`{"event":"news","id":"chat:1z-18,news:1z-19","data":"a"}`,
			[]item{{Value: "a", Cursor: "chat:1z-18,news:1z-19", Event: "news"}}},
		"null": {"data: null\nid: 1z-18\n\n", `{"id":"1z-18","data":null}`, []item{{Position: at(8)}}},
		"a gap": {"event: gap\ndata: {\"from\":\"1z-18\",\"count\":3}\nid: 1z-1a\n\n",
			`{"event":"gap","id":"1z-1a","data":{"from":"1z-18","count":3}}`,
			[]item{{Position: at(10), Gap: enumerator.Gap{From: at(8), N: 3}}}},
		"a gap of one of several sources": {"event: gap\ndata: {\"from\":\"1z-18\",\"count\":3,\"source\":\"c\"}\nid: c:1z-1a\n\n",
			`{"event":"gap","id":"c:1z-1a","data":{"from":"1z-18","count":3,"source":"c"}}`,
			[]item{{Cursor: "c:1z-1a", Event: "c", Gap: enumerator.Gap{From: at(8), N: 3}}}},
		"a gap from another position": {"event: gap\ndata: {\"from\":\"?\",\"count\":3}\nid: 1z-1a\n\n",
			`{"event":"gap","id":"1z-1a","data":{"from":"?","count":3}}`,
			[]item{{Position: at(10), Gap: enumerator.Gap{N: 3}}}},
		"a reset": {"event: reset\ndata: null\nid: 1z-18\n\n", `{"event":"reset","id":"1z-18","data":null}`,
			[]item{{Position: at(8), Reset: true}}},
		"a reset of one of several sources": {"event: reset\ndata: {\"source\":\"c\"}\nid: c:1z-1a\n\n",
			`{"event":"reset","id":"c:1z-1a","data":{"source":"c"}}`,
			[]item{{Cursor: "c:1z-1a", Event: "c", Reset: true}}},
		"bookmarks": {"event: bookmark\ndata: null\nid: 1z-18\n\nevent: bookmark\ndata:\nid: 1z-18\n\nevent: bookmark\ndata:\nid: 1z-19\n\n",
			`{"event":"bookmark","id":"1z-18","data":null}` + "\n" + `{"event":"bookmark","id":"1z-18","data":null}` + "\n" + `{"event":"bookmark","id":"1z-19","data":null}`,
			[]item{{Position: at(8), Bookmark: true}, {Position: at(9), Bookmark: true}}},
		"bookmarks without a name": {"id: 1z-18\n\nid: 1z-18\n\nretry: 100\n\n: \nid: 1z-19\nretry: 100\n\n", "",
			[]item{{Position: at(8), Bookmark: true}, {Position: at(9), Bookmark: true}}},
		"heartbeats": {": \nevent: heartbeat\ndata: 15000\n\nevent: heartbeat\ndata:\n\ndata: \"a\"\n\n",
			`{"event":"heartbeat","id":"","data":15000}` + "\n\n" + `{"event":"heartbeat","id":"","data":null}` + "\n" + `{"id":"","data":"a"}`,
			[]item{{Value: "a"}}},
	} {
		for transport, a := range map[string][]answer{
			"events": {events(c.events), events("event: end\ndata: null\nid: 1z-1b\n\ndata: \"after the end\"\n\n", ever)},
			"lines":  {lines(c.lines + "\n"), lines(`{"event":"end","id":"1z-1b","data":null}`+"\n"+`{"id":"","data":"after the end"}`+"\n", ever)},
		} {
			if transport == "lines" && c.lines == "" {
				continue
			}
			t.Run(name+"/"+transport, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newScript(a...)
					es, err := run(t.Context(), t, s, follow.Items[string](get(), s.client()))
					require.NoError(t, err)
					assert.Equal(t, append(c.want, item{Position: at(11), End: true}), es)
					assert.Equal(t, c.want[len(c.want)-1].ID(), s.lastIDs[1])
				})
			})
		}
	}
}

// A line or an event that is cut off is dropped, and comes again.
func TestItemsOfCutStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, answers := range [][]answer{
			{lines(`{"id":"1z-18","data":"a"}` + "\n" + `{"id":"1z-19","data":"`), lines(`{"id":"1z-19","data":"b"}` + "\n"), gone},
			{lines(`{"id":"1z-18","data":"a"}`+"\n"+`{"id":"1z-19","data":"b"}`, errCut), lines(`{"id":"1z-19","data":"b"}` + "\r\n"), gone},
			{events("data: \"a\"\nid: 1z-18\n\ndata: \"b"), events("data: \"b\"\nid: 1z-19\n\n"), gone},
			{events("data: \"a\"\nid: 1z-18\n\ndata: \"b\"\nid: 1z-19\n", errCut), lines(`{"id":"1z-19","data":"b"}` + "\n"), gone},
		} {
			s := newScript(answers...)
			es, err := run(t.Context(), t, s, follow.Items[string](get(), s.client()))
			require.NoError(t, err)
			assert.Equal(t, []item{{Value: "a", Position: at(8)}, {Value: "b", Position: at(9)}}, es)
			assert.Equal(t, []string{"", "1z-18", "1z-19"}, s.lastIDs)
		}
	})
}

// Data that does not fit ends the run, since the next attempt would get it again.
func TestMalformedItems(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			answer answer
			want   string
		}{
			{events("data: hello\nid: 7\n\n"), `the event "" with id "7": invalid character 'h'`},
			{events("id: 7\nevent: news\ndata: 1\n\n"), `the event "news" with id "7": json: cannot unmarshal number`},
			{events("event: gap\ndata: null\n\n"), `the event "gap" with id "": a gap must have a count, got null`},
			{events("event: gap\ndata: {\"count\":-1}\n\n"), `the event "gap" with id "": json`},
			{events("event: reset\ndata: x\n\n"), `the event "reset" with id "": invalid character 'x'`},
			{lines(`{"id":"7","data":1}` + "\n"), `the event "" with id "7": json: cannot unmarshal number`},
			{lines(`{"id":"7"}` + "\n"), `the event "" with id "7": unexpected end of JSON input`},
			{lines("hello\n"), "invalid character 'h'"},
			{lines("[]\n"), "cannot unmarshal array"},
			{lines("\xff\n"), "not UTF-8"},
		} {
			s := newScript(c.answer)
			es, err := run(t.Context(), t, s, follow.Items[string](get(), s.client()))
			assert.ErrorContains(t, err, c.want)
			assert.Empty(t, es)
			assert.Len(t, s.starts, 1)
		}
	})
}
