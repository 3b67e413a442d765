package eventsource_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/comet/eventsource"
	"github.com/halley-go/halley/enumerator"
)

type item = enumerator.Item[string]

func at(seq uint64) enumerator.Position { return enumerator.Position{Epoch: 71, Seq: seq} }

// items has one Item of each kind, of one source and of several.
var items = []item{
	{Bookmark: true, Position: at(34)},
	{Reset: true, Position: at(35)},
	{Value: "a\nb", Position: at(36)},
	{Gap: enumerator.Gap{From: at(37), N: 1000}, Position: at(1036)},
	{Value: "", Position: at(1037)},
	{End: true, Position: at(1037)},
	{Bookmark: true, Position: at(1), Cursor: "a:1z-11,b:"},
	{Value: "named", Position: at(2), Event: "a", Cursor: "a:1z-12,b:"},
	{Gap: enumerator.Gap{From: at(3), N: 2}, Position: at(4), Event: "a", Cursor: "a:1z-14,b:"},
	{Reset: true, Position: at(5), Event: "a", Cursor: "a:1z-15,b:"},
	{End: true},
}

// Each function of notices makes these events, which our decoder reads.
func TestNotices(t *testing.T) {
	script := []string{
		"event: bookmark\ndata: null\nid: 1z-1y\n\n",
		"event: reset\ndata: null\nid: 1z-1z\n\n",
		"data: a\ndata: b\nid: 1z-210\n\n",
		"event: gap\ndata: {\"from\":\"1z-211\",\"count\":1000}\nid: 1z-2ss\n\n",
		"data: \nid: 1z-2st\n\n",
		"event: end\ndata: null\nid: 1z-2st\n\n",
		"event: bookmark\ndata: null\nid: a:1z-11,b:\n\n",
		"event: a\ndata: named\nid: a:1z-12,b:\n\n",
		"event: gap\ndata: {\"from\":\"1z-13\",\"count\":2,\"source\":\"a\"}\nid: a:1z-14,b:\n\n",
		"event: reset\ndata: {\"source\":\"a\"}\nid: a:1z-15,b:\n\n",
		"event: end\ndata: null\n\n",
	}
	with := func(chunks []string, others map[int]string) []string {
		chunks = append([]string(nil), chunks...)
		for i, chunk := range others {
			chunks[i] = chunk
		}
		return chunks
	}
	page := with(script, map[int]string{5: "event: end\ndata: null\nretry: 86400000\nid: 1z-2st\n\n", 10: "event: end\ndata: null\nretry: 86400000\n\n"})
	anybody := with(page, map[int]string{0: "id: 1z-1y\n\n", 6: "id: a:1z-11,b:\n\n"})
	refresh := func(text string) []string {
		return with(page, map[int]string{
			1: text + "id: 1z-1z\n\n", 3: text + "id: 1z-2ss\n\n",
			8: text + "id: a:1z-14,b:\n\n", 9: text + "id: a:1z-15,b:\n\n",
		})
	}
	for name, c := range map[string]struct {
		event func(item) (eventsource.Event, error)
		want  []string
	}{
		"anybody":    {eventsource.WithPosition(eventsource.FromString), anybody},
		"FromNotice": {eventsource.WithNotices(eventsource.FromString, eventsource.FromNotice), anybody},
		"FromRecord": {eventsource.WithNotices(eventsource.FromString, eventsource.FromRecord), script},
		"Refresh": {
			eventsource.WithNotices(eventsource.FromString, eventsource.Refresh(eventsource.Event{ID: "x", Comment: "c", NoData: true})),
			refresh(": c\n"),
		},
		"Turbo": {
			eventsource.WithNotices(eventsource.FromString, eventsource.Turbo),
			refresh("data: <turbo-stream action=\"refresh\"></turbo-stream>\n"),
		},
		"HTMX": {
			eventsource.WithNotices(eventsource.FromString, eventsource.HTMX),
			refresh("data: <script>location.reload()</script>\n"),
		},
		"Datastar": {
			eventsource.WithNotices(eventsource.FromString, eventsource.Datastar),
			refresh("event: datastar-patch-elements\ndata: selector body\ndata: mode append\ndata: elements <script>location.reload()</script>\n"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			chunks, err := through(eventsource.Messages(c.event), items...)
			require.NoError(t, err)
			var got []string
			id := ""
			for n, chunk := range chunks {
				got = append(got, string(chunk))
				events, err := through(eventsource.DecodeAll(1000), chunk)
				require.NoError(t, err)
				require.Len(t, events, 1, "%q", chunk)
				if items[n].ID() != "" {
					id = items[n].ID()
					assert.Equal(t, id, events[0].ID, "%q", chunk)
				}
				if items[n].IsMessage() {
					assert.Equal(t, items[n].Value, events[0].Data)
					assert.Equal(t, items[n].Event, events[0].Name)
				}
			}
			assert.Equal(t, c.want, got)
		})
	}
}

// A client that only listens for messages hears no notice, and has the id of the last Item.
func TestNoticesAreNoMessages(t *testing.T) {
	chunks, err := through(eventsource.Messages(eventsource.WithPosition(eventsource.FromString)), items[:6]...)
	require.NoError(t, err)
	events, err := through(eventsource.Decode(1000), chunks...)
	require.NoError(t, err)
	var heard []string
	for _, e := range events {
		if e.Name == "" {
			heard = append(heard, e.Data)
		}
	}
	assert.Equal(t, []string{"a\nb", ""}, heard)
	assert.Equal(t, at(1037).String(), events[len(events)-1].ID)
}

func TestWithPositionRefuses(t *testing.T) {
	named := func(name string) (eventsource.Event, error) {
		if name == "broken" {
			return eventsource.Event{}, errBroken
		}
		return eventsource.Event{Name: name, ID: "mine"}, nil
	}
	encode := eventsource.Messages(eventsource.WithPosition(named))
	assert.Equal(t, "event: x\ndata: \nid: 1z-11\n\n", textOf(t, encode, item{Value: "x", Position: at(1), Event: "y"}), "the encoder chooses the name")
	assert.Equal(t, "event: y\ndata: \nid: 1z-11\n\n", textOf(t, encode, item{Position: at(1), Event: "y"}))
	for _, name := range []string{comet.Gap, comet.Reset, comet.Bookmark, comet.End, comet.Beat} {
		for _, i := range []item{{Value: name, Position: at(1)}, {Event: name, Position: at(1)}} {
			_, err := through(encode, i)
			assert.EqualError(t, err, "comet/eventsource: Messages: comet: a message must not have the name "+name+", which has a meaning of its own")
		}
	}
	_, err := through(encode, item{Value: "broken"})
	assert.EqualError(t, err, "comet/eventsource: Messages: broken")
	refusing := func(comet.Record) (eventsource.Event, error) { return eventsource.Event{}, errBroken }
	_, err = through(eventsource.Messages(eventsource.WithNotices(named, refusing)), item{Reset: true})
	assert.EqualError(t, err, "comet/eventsource: Messages: broken")

	assert.PanicsWithValue(t, "comet/eventsource: WithPosition: event must not be nil", func() { eventsource.WithPosition[int](nil) })
	assert.PanicsWithValue(t, "comet/eventsource: WithNotices: event must not be nil", func() { eventsource.WithNotices[int](nil, eventsource.FromNotice) })
	assert.PanicsWithValue(t, "comet/eventsource: WithNotices: notice must not be nil", func() { eventsource.WithNotices(eventsource.FromString, nil) })
}
