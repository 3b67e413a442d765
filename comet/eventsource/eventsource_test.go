package eventsource_test

import (
	"encoding/json"
	"errors"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet/eventsource"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumeratee/enumerateetest"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// through runs es through adapter and returns the elements that adapter hands on.
func through[From, To any](adapter enumeratee.Enumeratee[From, To], es ...From) ([]To, error) {
	var got []To
	for e, err := range enumerator.All(ctx, enumerator.Through(enumerator.FromSlice(es), adapter)) {
		if err != nil {
			return got, err
		}
		got = append(got, e)
	}
	return got, nil
}

// textOf returns the chunks that adapter makes of messages, in one piece.
func textOf[E any](tb testing.TB, adapter enumeratee.Enumeratee[E, []byte], messages ...E) string {
	tb.Helper()
	chunks, err := through(adapter, messages...)
	require.NoError(tb, err)
	require.Len(tb, chunks, len(messages))
	var text string
	for _, chunk := range chunks {
		text += string(chunk)
	}
	return text
}

// The first events have the format of Play's current version, but for the order of their fields.
func TestFormat(t *testing.T) {
	for _, c := range []struct {
		event eventsource.Event
		want  string
	}{
		{eventsource.Event{Data: "foo"}, "data: foo\n\n"},
		{eventsource.Event{}, "data: \n\n"},
		{eventsource.Event{ID: "42", Data: "foo"}, "data: foo\nid: 42\n\n"},
		{eventsource.Event{Name: "message", Data: "foo"}, "event: message\ndata: foo\n\n"},
		{eventsource.Event{Data: "a\nb"}, "data: a\ndata: b\n\n"},
		{eventsource.Event{Data: "a\rb"}, "data: a\ndata: b\n\n"},
		{eventsource.Event{Data: "a\r\nb"}, "data: a\ndata: b\n\n"},
		{eventsource.Event{Data: "a\n"}, "data: a\ndata: \n\n"},
		{eventsource.Event{Data: "\n"}, "data: \ndata: \n\n"},
		{eventsource.Event{Data: "\n\r\r\n\n"}, "data: \ndata: \ndata: \ndata: \ndata: \n\n"},
		{eventsource.Event{Name: "baz", ID: "bar", Data: "foo", Comment: "comment\nline 2"}, ": comment\n: line 2\nevent: baz\ndata: foo\nid: bar\n\n"},

		// Play does not have these.
		{eventsource.Event{Name: "n", ID: "i", Retry: 3 * time.Second, Data: "d", Comment: "c"}, ": c\nevent: n\ndata: d\nretry: 3000\nid: i\n\n"},
		{eventsource.Event{NoData: true}, ""},
		{eventsource.Event{NoData: true, Comment: "hi"}, ": hi\n"},
		{eventsource.Event{NoData: true, Name: "n"}, "event: n\n\n"},
		{eventsource.Event{NoData: true, ResetID: true}, "id:\n\n"},
		{eventsource.Event{ResetID: true, Data: "d"}, "data: d\nid:\n\n"},
		{eventsource.Event{NoData: true, RetryAtOnce: true}, "retry: 0\n\n"},
		{eventsource.Event{RetryAtOnce: true, Data: "d"}, "data: d\nretry: 0\n\n"},
		{eventsource.Event{NoData: true, ID: "7"}, "id: 7\n\n"},
		{eventsource.Event{NoData: true, Retry: 1}, "retry: 1\n\n"},
		{eventsource.Event{NoData: true, Retry: time.Millisecond + 1}, "retry: 2\n\n"},
		{eventsource.Event{NoData: true, Retry: math.MaxInt64}, "retry: 9223372036855\n\n"},
		{eventsource.Event{NoData: true, Comment: "\r\n"}, ": \n: \n"},
		{eventsource.Event{Data: " : x\u2028</script>\x00\xff"}, "data:  : x\u2028</script>\x00\xff\n\n"},
		{eventsource.Event{Name: "a: b\x00", ID: " c:", Data: "data: d"}, "event: a: b\x00\ndata: data: d\nid:  c:\n\n"},
	} {
		text, err := c.event.AppendText([]byte("before "))
		require.NoError(t, err)
		assert.Equal(t, "before "+c.want, string(text))
		assert.Equal(t, c.want, textOf(t, eventsource.Encode(), c.event))
	}
}

func TestInvalidEvents(t *testing.T) {
	for want, events := range map[string][]eventsource.Event{
		"the name of an event must not hold a line end": {{Name: "a\nb"}, {Name: "\r"}, {Name: "a\r\ndata: b"}, {Name: "a\n\n", NoData: true}},
		"the id of an event must hold neither":          {{ID: "1\n"}, {ID: "\r1"}, {ID: "1\r\n\r\ndata: forged"}, {ID: "\x00"}, {ID: "1\x002"}},
		"the retry of an event must not be negative":    {{Retry: -1}},
		"must not have NoData set":                      {{NoData: true, Data: "a"}},
		"must not have ResetID set":                     {{ResetID: true, ID: "1"}},
		"must not have RetryAtOnce set":                 {{RetryAtOnce: true, Retry: 1}},
	} {
		for _, e := range events {
			text, err := e.AppendText([]byte("before"))
			assert.ErrorContains(t, err, "comet/eventsource: ")
			assert.ErrorContains(t, err, want)
			assert.Equal(t, "before", string(text))
			chunks, err := through(eventsource.Encode(), eventsource.Event{Data: "ok"}, e)
			assert.ErrorContains(t, err, want)
			assert.Len(t, chunks, 1)
		}
	}
	_, err := eventsource.Event{ID: "1\n2"}.AppendText(nil)
	assert.EqualError(t, err, `comet/eventsource: the id of an event must hold neither a line end nor NUL, got "1\n2"`)
}

func TestString(t *testing.T) {
	assert.Equal(t, "data: foo\n\ndata: bar\n\ndata: \n\n", textOf(t, eventsource.String(), "foo", "bar", ""))
	chunks, err := through(eventsource.String())
	require.NoError(t, err)
	assert.Empty(t, chunks, "nothing is sent before the first message")
}

func TestJSON(t *testing.T) {
	assert.Equal(t, `data: {"a":"<b>&é\n\u2028"}`+"\n\n", textOf(t, eventsource.JSON[map[string]string](), map[string]string{"a": "<b>&é\n\u2028"}))
	assert.Equal(t, "data: [1,2]\n\n", textOf(t, eventsource.JSON[json.RawMessage](), json.RawMessage("[1,\r\n2]")))
	_, err := through(eventsource.JSON[float64](), math.NaN())
	var value *json.UnsupportedValueError
	assert.ErrorAs(t, err, &value)
	assert.EqualError(t, err, "comet/eventsource: JSON: json: unsupported value: NaN")
}

func TestMessages(t *testing.T) {
	// As with Play's extractors, the first part of a pair is the name.
	pair := func(p [2]string) (eventsource.Event, error) {
		if p[0] == "" {
			return eventsource.Event{}, errBroken
		}
		return eventsource.Event{Name: p[0], Data: p[1]}, nil
	}
	assert.Equal(t, "event: a\ndata: b\n\n", textOf(t, eventsource.Messages(pair), [2]string{"a", "b"}))
	_, err := through(eventsource.Messages(pair), [2]string{})
	assert.ErrorIs(t, err, errBroken)
	assert.EqualError(t, err, "comet/eventsource: Messages: broken")
	assert.PanicsWithValue(t, "comet/eventsource: Messages: event must not be nil", func() { eventsource.Messages[int](nil) })
}

var errBroken = errors.New("broken")

// A heartbeat or another comment does not end an event, wherever it stands between two lines.
func TestCommentsDoNotEndEvents(t *testing.T) {
	assert.Equal(t, ":\n", eventsource.Heartbeat)
	comment, err := eventsource.Event{NoData: true, Comment: "two\nlines"}.AppendText(nil)
	require.NoError(t, err)
	for _, c := range []string{eventsource.Heartbeat, string(comment)} {
		events, err := through(eventsource.DecodeAll(100), []byte(c+"data: a\n"+c+"data: b\n\n"+c))
		require.NoError(t, err)
		assert.Equal(t, []eventsource.Event{{Data: "a\nb"}}, events)
		assert.NotContains(t, c, "\n\n")
	}
}

// A consumer that changes its chunks does not change those of other runs.
func TestConcurrentRuns(t *testing.T) {
	encode, decode := eventsource.String(), eventsource.Decode(100)
	var runs sync.WaitGroup
	for range 8 {
		runs.Go(func() {
			for range 20 {
				chunks, err := through(encode, "a\nb", "c")
				assert.NoError(t, err)
				events, err := through(decode, chunks...)
				assert.NoError(t, err)
				assert.Equal(t, []eventsource.Event{{Data: "a\nb"}, {Data: "c"}}, events)
				for _, chunk := range chunks {
					clear(chunk[:cap(chunk)])
				}
				assert.Equal(t, []eventsource.Event{{Data: "a\nb"}, {Data: "c"}}, events)
			}
		})
	}
	runs.Wait()
}

func TestAdaptersKeepTheLaws(t *testing.T) {
	assert.NoError(t, enumerateetest.TestRest(eventsource.String(), []string{"a", "", "b\nc"}))
	assert.NoError(t, enumerateetest.TestRest(eventsource.JSON[json.Number](), []json.Number{"1", "no number", "2"}))
	assert.NoError(t, enumerateetest.TestRest(eventsource.Encode(), []eventsource.Event{{ID: "1"}, {ResetID: true}, {ID: "\n"}}))
	in := [][]byte{[]byte("data: a\r\n\r"), []byte("\nid: 1\n\nretry:5\n"), nil, []byte("\ndata: b\n\nda"), []byte("ta:c\n\n\ndata: d")}
	assert.NoError(t, enumerateetest.Test(eventsource.Decode(100), in))
	assert.NoError(t, enumerateetest.Test(eventsource.DecodeAll(100), in))
	assert.NoError(t, enumerateetest.Test(eventsource.DecodeAll(8), append(in, []byte("data: 56789\n"))))
}

// An event takes one allocation, for its chunk.
func TestAllocations(t *testing.T) {
	var chunk []byte
	sink, step := eventsource.Encode().Attach(enumeratee.NewStage(t.Context()), iteratee.Funcs[[]byte]{
		Next: func(c []byte) iteratee.Step { chunk = c; return iteratee.StepCont },
	}.Sink())
	require.True(t, step.IsCont())
	e := eventsource.Event{Name: "name", ID: "4711", Retry: time.Second, Data: "one\ntwo", Comment: "a comment"}
	assert.EqualValues(t, 1, testing.AllocsPerRun(1000, func() { sink.Next(e) }))
	assert.NotEmpty(t, chunk)
}
