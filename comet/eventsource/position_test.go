package eventsource_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/halley-go/halley/comet/eventsource"
	"github.com/halley-go/halley/enumerator"
)

func TestWithPosition(t *testing.T) {
	at := func(seq uint64) enumerator.Position { return enumerator.Position{Epoch: 71, Seq: seq} }
	items := []enumerator.Item[string]{
		{Reset: true, Position: at(35)},
		{Value: "a\nb", Position: at(36)},
		{Gap: enumerator.Gap{From: at(37), N: 1000}, Position: at(1036)},
		{Value: "", Position: at(1037)},
	}
	assert.Equal(t, "event: reset\nid: 1z-1z\ndata: null\n\n"+
		"id: 1z-210\ndata: a\ndata: b\n\n"+
		"event: gap\nid: 1z-2ss\ndata: {\"from\":\"1z-211\",\"count\":1000}\n\n"+
		"id: 1z-2st\ndata: \n\n",
		textOf(t, eventsource.Messages(eventsource.WithPosition(eventsource.FromString)), items...))

	named := func(name string) (eventsource.Event, error) {
		if name == "" {
			return eventsource.Event{}, errBroken
		}
		return eventsource.Event{Name: name, ID: "mine"}, nil
	}
	encode := eventsource.Messages(eventsource.WithPosition(named))
	assert.Equal(t, "event: x\nid: 1z-11\ndata: \n\n", textOf(t, encode, enumerator.Item[string]{Value: "x", Position: at(1)}))
	for name, want := range map[string]string{
		"gap": "a message must not have the name gap", "reset": "a message must not have the name reset", "": "broken",
	} {
		_, err := through(encode, enumerator.Item[string]{Value: name, Position: at(1)})
		assert.EqualError(t, err, "comet/eventsource: Messages: "+want)
	}
	assert.PanicsWithValue(t, "comet/eventsource: WithPosition: event must not be nil", func() { eventsource.WithPosition[int](nil) })
}
