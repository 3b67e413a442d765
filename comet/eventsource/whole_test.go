package eventsource_test

import (
	"bufio"
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet/eventsource"
	"github.com/halley-go/halley/enumeratee"
	chunks "github.com/halley-go/halley/enumeratee/chunk"
	"github.com/halley-go/halley/enumeratee/enumerateetest"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

func TestWholeEvents(t *testing.T) {
	for name, c := range map[string]struct{ in, want []string }{
		"nothing":                        {nil, nil},
		"one":                            {[]string{"data: a\n\n"}, []string{"data: a\n\n"}},
		"several at once":                {[]string{"data: a\n\nid: 1\ndata: b\n\n"}, []string{"data: a\n\nid: 1\ndata: b\n\n"}},
		"one in parts":                   {[]string{"da", "ta: a", "\n", "\n"}, []string{"data: a\n\n"}},
		"a part of the next":             {[]string{"data: a\n\nda", "ta: b\n\nid", ":1\n\n"}, []string{"data: a\n\n", "data: b\n\n", "id:1\n\n"}},
		"CR":                             {[]string{"data: a\r", "\r", "data: b\r\r"}, []string{"data: a\r\r", "data: b\r\r"}},
		"CR LF":                          {[]string{"data: a\r\n\r\n", "data: b\r\n\r\n"}, []string{"data: a\r\n\r\n", "data: b\r\n\r\n"}},
		"CR LF in parts":                 {[]string{"data: a\r", "\ndata: b\r", "\n\r", "\n", "data: c\n\n"}, []string{"data: a\r\ndata: b\r\n\r", "\n", "data: c\n\n"}},
		"CR LF in one end":               {[]string{"data: a\r\n", "data: b\n\r"}, []string{"data: a\r\ndata: b\n\r"}},
		"a comment is handed on at once": {[]string{":\n", ": x", "y\n", "data: a\n\n:\n"}, []string{":\n", ": xy\n", "data: a\n\n:\n"}},
		"a comment within an event":      {[]string{"data: a\n", ":\n", "data: b\n\n"}, []string{"data: a\n:\ndata: b\n\n"}},
		"blank lines":                    {[]string{"\n", "\r\n", "\r", "\n\n"}, []string{"\n", "\r\n", "\r", "\n\n"}},
		"incomplete":                     {[]string{"data: a\n\ndata: b\n"}, []string{"data: a\n\n"}},
		"nothing else":                   {[]string{"data: b", "\n"}, nil},
		"mark":                           {[]string{"\ufeffdata: a\n\n"}, []string{"data: a\n\n"}},
		"mark in parts":                  {[]string{"\xef", "\xbb", "\xbf", ":\n"}, []string{":\n"}},
		"half a mark":                    {[]string{"\xef\xbb", "a\n\n"}, []string{"\xef\xbba\n\n"}},
		"half a mark only":               {[]string{"\xef"}, nil},
		"a second mark":                  {[]string{"\ufeff\ufeff\n\n"}, []string{"\ufeff\n\n"}},
		"empty chunks":                   {[]string{"", "data: a", "", "\n\n", ""}, []string{"data: a\n\n"}},
		"not UTF-8":                      {[]string{"data:\xff\n\n"}, []string{"data:\xff\n\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			var in [][]byte
			for _, chunk := range c.in {
				in = append(in, []byte(chunk))
			}
			got, err := through(eventsource.WholeEvents(100), in...)
			require.NoError(t, err)
			var texts []string
			for _, chunk := range got {
				texts = append(texts, string(chunk))
			}
			assert.Equal(t, c.want, texts)
			assert.NoError(t, enumerateetest.Test(eventsource.WholeEvents(100), in))
		})
	}
}

func TestWholeEventsLimit(t *testing.T) {
	for stream, want := range map[string]string{ // the part within the limit
		"data:56789\n\ndata:56789\n\n":     "data:56789\n\ndata:56789\n\n",
		"data:a\n\ndata:567890\n\n":        "data:a\n\n",
		"data:a\n\n5678901234567":          "data:a\n\n",
		":34567890123\n":                   "",
		strings.Repeat(": 345678901\n", 9): strings.Repeat(": 345678901\n", 9),
		"data\n:\n:\n:\n:\n\n":             "",
	} {
		for size := 1; size <= len(stream); size++ {
			got, err := through(eventsource.WholeEvents(12), cut(stream, size)...)
			assert.Equal(t, want, string(bytes.Join(got, nil)), "%q", stream)
			if want == stream {
				assert.NoError(t, err)
				continue
			}
			assert.ErrorIs(t, err, bufio.ErrTooLong, "%q", stream)
			assert.EqualError(t, err, "comet/eventsource: WholeEvents: event of more than 12 bytes: bufio.Scanner: token too long")
		}
	}
	assert.PanicsWithValue(t, "comet/eventsource: WholeEvents: limit must be positive, got 0", func() { eventsource.WholeEvents(0) })
}

// All bytes that have not been consumed are left over, including a part of an event.
func TestWholeEventsLeftOver(t *testing.T) {
	for _, n := range []int{1, 3, 9} {
		first := enumeratee.Transform(eventsource.WholeEvents(100), enumeratee.Transform(chunks.Take[byte](n), iteratee.Consume[byte]()))
		all := iteratee.FlatMap(first, func(got []byte) iteratee.Iteratee[[]byte, []byte] {
			assert.Equal(t, "data: a\n\n"[:n], string(got))
			return iteratee.Consume[byte]()
		})
		left, err := enumerator.Run(ctx, enumerator.Of([]byte("dat"), []byte("a: a\n\nid"), []byte(": 1\n\n")), all)
		require.NoError(t, err)
		assert.Equal(t, "data: a\n\n"[n:]+"id: 1\n\n", string(left))
	}
}

// A source may reuse the memory of a chunk after WholeEvents has received it.
func TestWholeEventsDoesNotKeepChunks(t *testing.T) {
	var got []byte
	sink, _ := eventsource.WholeEvents(100).Attach(enumeratee.NewStage(ctx), iteratee.Funcs[[]byte]{
		Next: func(chunk []byte) iteratee.Step { got = append(got, chunk...); return iteratee.StepCont },
	}.Sink())
	const stream = "\ufeffevent: abc\nid: def\ndata: ghi\n\ndata: jkl\n\n"
	memory := make([]byte, 7)
	for _, chunk := range cut(stream, len(memory)) {
		sink.Next(memory[:copy(memory, chunk)])
		clear(memory)
	}
	assert.Equal(t, strings.TrimPrefix(stream, "\ufeff"), string(got))
}

// For any bytes, cut anywhere, WholeEvents hands on the same bytes up to an incomplete event, and
// an event between any two chunks does not change the others.
func FuzzWholeEvents(f *testing.F) {
	for _, c := range streams {
		f.Add([]byte(c.in), uint8(0))
		f.Add([]byte(c.in), uint8(2))
	}
	f.Add([]byte("\ufeff:\r\rdata:a\r\n:\r\n\r\nid:1\r:\r\r"), uint8(0))
	f.Fuzz(func(t *testing.T, stream []byte, size uint8) {
		chunks, err := through(eventsource.WholeEvents(len(stream)+1), cut(string(stream), int(size)+1)...)
		require.NoError(t, err)
		unmarked := bytes.TrimPrefix(stream, []byte("\ufeff"))
		require.True(t, bytes.HasPrefix(unmarked, bytes.Join(chunks, nil)))

		want, err := through(eventsource.Decode(1<<20), stream)
		require.NoError(t, err)
		for beat, name := range map[string]string{eventsource.Heartbeat: "", "event: between\ndata\n\n": "between"} {
			decoded, err := through(eventsource.Decode(1<<20), []byte(beat+string(bytes.Join(chunks, []byte(beat)))+beat))
			require.NoError(t, err)
			var got events
			for _, e := range decoded {
				if name == "" || e.Name != name {
					got = append(got, e)
				}
			}
			require.Equal(t, want, got)
		}
	})
}
