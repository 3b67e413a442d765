package eventsource_test

import (
	"bufio"
	"bytes"
	"context"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/unicode"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/comet/eventsource"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

var ctx = context.Background()

type events = []eventsource.Event

// streams are event streams with the events that Decode reads from them.
var streams = map[string]struct {
	in   string
	want events
}{
	// The examples of the HTML standard.
	"three messages": {
		"data: This is the first message.\n\ndata: This is the second message, it\ndata: has two lines.\n\ndata: This is the third message.\n\n",
		events{{Data: "This is the first message."}, {Data: "This is the second message, it\nhas two lines."}, {Data: "This is the third message."}},
	},
	"names": {
		"event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\nevent: add\ndata: 113411\n\n",
		events{{Name: "add", Data: "73857293"}, {Name: "remove", Data: "2153"}, {Name: "add", Data: "113411"}},
	},
	"stock":              {"data: YHOO\ndata: +2\ndata: 10\n\n", events{{Data: "YHOO\n+2\n10"}}},
	"four blocks":        {": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event", events{{ID: "1", Data: "first event"}, {ResetID: true, Data: "second event"}}},
	"the third complete": {"data:  third event\n\n", events{{Data: " third event"}}},
	"empty data":         {"data\n\ndata\ndata\n\ndata:", events{{}, {Data: "\n"}}},
	"a space or none":    {"data:test\n\ndata: test\n\n", events{{Data: "test"}, {Data: "test"}}},

	"nothing":                   {"", nil},
	"ends of lines":             {"data:a\r\rdata:b\n\ndata:c\r\n\r\ndata:d\r\n\ndata:e\n\r\ndata:f\r\r\ndata:g\n\r", events{{Data: "a"}, {Data: "b"}, {Data: "c"}, {Data: "d"}, {Data: "e"}, {Data: "f"}, {Data: "g"}}},
	"LF CR is two ends":         {"data:a\n\rdata:b\n\n", events{{Data: "a"}, {Data: "b"}}},
	"mark":                      {"\ufeffdata:a\n\n", events{{Data: "a"}}},
	"one mark only":             {"\ufeff\ufeffdata:a\n\ndata:b\n\n", events{{Data: "b"}}},
	"a mark later is data":      {"\n\ufeffdata:a\n\ndata:\ufeffb\n\n", events{{Data: "\ufeffb"}}},
	"a mark before nothing":     {"\ufeff\ndata:a\n\n", events{{Data: "a"}}},
	"unknown fields":            {"Data:x\n data:x\ndata :x\nfoo\ndatax:\nxdata:\n:data:x\n::\n\ndata:a\n\n", events{{Data: "a"}}},
	"no data, no event":         {"event: a\n\ndata: b\n\n", events{{Data: "b"}}},
	"the last name counts":      {"event:a\nevent: b\ndata:c\n\nevent:a\nevent\ndata:d\n\n", events{{Name: "b", Data: "c"}, {Data: "d"}}},
	"id persists":               {"id:1\ndata:a\n\ndata:b\n\nid\ndata:c\n\n", events{{ID: "1", Data: "a"}, {ID: "1", Data: "b"}, {ResetID: true, Data: "c"}}},
	"id that is set to nothing": {"id:\ndata:a\n\ndata:b\n\nid:1\ndata:c\n\n", events{{ResetID: true, Data: "a"}, {ResetID: true, Data: "b"}, {ID: "1", Data: "c"}}},
	"id without event":          {"id:1\n\ndata:a\n\n", events{{ID: "1", Data: "a"}}},
	"id with NUL is ignored":    {"id:1\nid:\x00\nid:a\x00b\ndata:a\n\n", events{{ID: "1", Data: "a"}}},
	"NUL elsewhere":             {"event:\x00\ndata:\x00\n\n", events{{Name: "\x00", Data: "\x00"}}},
	"retry":                     {"retry:1000\ndata:a\n\nretry: 0050\n\ndata:b\n\n", events{{Retry: time.Second, Data: "a"}, {Retry: 50 * time.Millisecond, Data: "b"}}},
	"retry of digits only":      {"retry:7\nretry\nretry:\nretry:  1\nretry:1 \nretry:-1\nretry:+1\nretry:1.5\nretry:1e3\nretry:0x1\nretry:1_0\nretry:\u0661\ndata:a\n\n", events{{Retry: 7 * time.Millisecond, Data: "a"}}},
	"retry of nothing":          {"data:a\n\nretry:0\ndata:b\n\ndata:c\n\nretry:1\ndata:d\n\n", events{{Data: "a"}, {RetryAtOnce: true, Data: "b"}, {RetryAtOnce: true, Data: "c"}, {Retry: time.Millisecond, Data: "d"}}},
	"retry without measure":     {"retry:" + strings.Repeat("9", 50) + "\ndata:a\n\n", events{{Retry: math.MaxInt64 / time.Millisecond * time.Millisecond, Data: "a"}}},
	"retry that overflows":      {"retry:9223372036854775807\ndata:a\n\n", events{{Retry: math.MaxInt64 / time.Millisecond * time.Millisecond, Data: "a"}}},
	"not UTF-8":                 {"data:\xff\xe2\x80a\nevent:\xc3\nid:\xf0\x9f\n\n", events{{Name: "\ufffd", ID: "\ufffd", Data: "\ufffd\ufffda"}}},
	"incomplete":                {"data:a\n\nid:1\nevent:b\ndata:c\n", events{{Data: "a"}}},
	"colons":                    {"data::\ndata: : \n\n", events{{Data: ":\n: "}}},
}

func TestDecode(t *testing.T) {
	for name, c := range streams {
		t.Run(name, func(t *testing.T) {
			for _, chunks := range [][][]byte{{[]byte(c.in)}, cut(c.in, 1), cut(c.in, 2), cut(c.in, 3)} {
				got, err := through(eventsource.Decode(1000), chunks...)
				require.NoError(t, err)
				assert.Equal(t, c.want, got)
			}
		})
	}
}

func TestDecodeAll(t *testing.T) {
	got, err := through(eventsource.DecodeAll(100), []byte(
		"retry:5\n\n: x\n\nid:1\n\nid:1\nevent:a\n\nid:2\ndata:a\n\nid\n\nid\n\nretry:5\nid:3\n\nid:4\n"))
	require.NoError(t, err)
	const ms = time.Millisecond
	assert.Equal(t, events{
		{NoData: true, Retry: 5 * ms}, {NoData: true, Retry: 5 * ms, ID: "1"}, {Retry: 5 * ms, ID: "2", Data: "a"},
		{NoData: true, Retry: 5 * ms, ResetID: true}, {NoData: true, Retry: 5 * ms, ID: "3"},
	}, got)

	for stream, want := range map[string]events{
		"id\n\nid\n\n": {{NoData: true, ResetID: true}},
		"retry:0\n\n":  {{NoData: true, RetryAtOnce: true}},
		"id:1\n\nid:2\nretry:7\nevent:x\ndata:y\n": {{NoData: true, ID: "1"}, {NoData: true, ID: "1", Retry: 7 * ms}},
		"retry:7": nil,
	} {
		got, err := through(eventsource.DecodeAll(100), []byte(stream))
		require.NoError(t, err)
		assert.Equal(t, want, got, stream)
	}
}

// An event is handed on at a CR, without waiting for the LF that may follow.
func TestDecodeDoesNotWait(t *testing.T) {
	var got events
	sink, _ := eventsource.Decode(100).Attach(enumeratee.NewStage(ctx), iteratee.Funcs[eventsource.Event]{Next: func(e eventsource.Event) iteratee.Step {
		got = append(got, e)
		return iteratee.StepCont
	}}.Sink())
	for i, chunk := range []string{"data:a\r\n\r", "\ndata:b\n\n", "data:c\r", "\r"} {
		sink.Next([]byte(chunk))
		assert.Len(t, got, []int{1, 2, 2, 3}[i])
	}
}

func TestLeftOver(t *testing.T) {
	rest := func(chunks ...string) string {
		var in [][]byte
		for _, chunk := range chunks {
			in = append(in, []byte(chunk))
		}
		all := iteratee.FlatMap(enumeratee.Transform(eventsource.Decode(100), iteratee.Head[eventsource.Event]()),
			func(*eventsource.Event) iteratee.Iteratee[[]byte, []byte] { return iteratee.Consume[byte]() })
		left, err := enumerator.Run(ctx, enumerator.FromSlice(in), all)
		require.NoError(t, err)
		return string(left)
	}
	assert.Equal(t, "data:b\n\n", rest("data:a\n\ndata:b\n\n"))
	assert.Equal(t, "data:b\n\n", rest("data:a\n", "\ndata", ":b\n\n"))
	assert.Equal(t, "data:b", rest("data:a\r\n\r\ndata:b"))
	assert.Equal(t, "\ndata:b", rest("data:a\r\n\r", "\ndata:b"))
	assert.Equal(t, "", rest("data:a\n\n"))
	assert.Equal(t, "", rest("data:a\n"))
}

func TestLimit(t *testing.T) {
	for name, c := range map[string]struct {
		in     string
		events int
		ok     bool
	}{
		"just not":                     {"data:56789\n\ndata:56789\n\n", 2, true},
		"a line by one":                {"data:a\n\ndata:567890\n\n", 1, false},
		"a line without its end":       {"data:a\n\n567890123456", 1, false},
		"a comment":                    {":1234567890\n\n", 0, false},
		"short comments without end":   {strings.Repeat(": ping\n", 1000), 0, true},
		"lines of data":                {strings.Repeat("data\n", 1000), 0, false},
		"name and data":                {"event:1234\ndata:5678\n\n", 1, true},
		"unknown fields":               {strings.Repeat("foo:bar\n", 1000), 0, true},
		"names that replace":           {strings.Repeat("event:1\n", 1000) + "data:\n\n", 1, true},
		"an id, which stays":           {"id:1234567\ndata:\n\ndata:56789\n\ndata:56789\n\n", 3, true},
		"many ends of lines":           {strings.Repeat("\r\n\r\n", 1000), 0, true},
		"data of many events":          {strings.Repeat("data:1\n\n", 1000), 1000, true},
		"a name, which does not stay":  {strings.Repeat("event:12\n\n", 1000), 0, true},
		"data without event, repeated": {strings.Repeat("data\ndata\n\n", 1000), 1000, true},
	} {
		for _, chunks := range [][][]byte{{[]byte(c.in)}, cut(c.in, 1), cut(c.in, 5)} {
			got, err := through(eventsource.Decode(10), chunks...)
			assert.Len(t, got, c.events, name)
			if c.ok {
				assert.NoError(t, err, name)
				continue
			}
			assert.ErrorIs(t, err, bufio.ErrTooLong, name)
			assert.EqualError(t, err, "comet/eventsource: event of more than 10 bytes: bufio.Scanner: token too long")
		}
	}
	assert.PanicsWithValue(t, "comet/eventsource: Decode: limit must be positive, got 0", func() { eventsource.Decode(0) })
	assert.PanicsWithValue(t, "comet/eventsource: DecodeAll: limit must be positive, got -1", func() { eventsource.DecodeAll(-1) })
}

// A source may reuse the memory of a chunk.
func TestDecodeDoesNotKeepChunks(t *testing.T) {
	var got events
	sink, _ := eventsource.Decode(100).Attach(enumeratee.NewStage(ctx), iteratee.Funcs[eventsource.Event]{Next: func(e eventsource.Event) iteratee.Step {
		got = append(got, e)
		return iteratee.StepCont
	}}.Sink())
	memory := make([]byte, 7)
	for _, chunk := range cut("event:abc\nid:def\ndata:ghi\ndata:jkl\n\n", len(memory)) {
		sink.Next(memory[:copy(memory, chunk)])
		clear(memory)
	}
	assert.Equal(t, events{{Name: "abc", ID: "def", Data: "ghi\njkl"}}, got)
}

// cut cuts s into chunks of size bytes. The last one may be shorter.
func cut(s string, size int) [][]byte { return slices.Collect(slices.Chunk([]byte(s), size)) }

// anyText draws strings that are likely to cause trouble.
func anyText() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringOf(rapid.SampledFrom([]rune("\r\n\r\n: ad\x00\ufeffé"))),
		rapid.Map(rapid.SliceOf(rapid.SampledFrom([]string{"data:", "id", "event: ", "retry:1", "\n\n", "\r\r", "\r", "\n", "\xff", "\xe2\x80", " ", "\ufeff"})),
			func(parts []string) string { return strings.Join(parts, "") }),
		rapid.String(),
	)
}

// Decode reads the events that Encode writes, whatever they contain and however they are cut.
func TestRoundTrip(t *testing.T) {
	lineEnd := regexp.MustCompile(`\r\n?`)
	rapid.Check(t, func(t *rapid.T) {
		oneLine := rapid.Map(anyText(), func(s string) string { return strings.NewReplacer("\r", "", "\n", "", "\x00", "").Replace(s) })
		var in, want events
		var state eventsource.Event // the client's last ID and Retry
		for range rapid.IntRange(0, 5).Draw(t, "events") {
			e := eventsource.Event{
				Name: oneLine.Draw(t, "name"), ID: oneLine.Draw(t, "id"), Comment: anyText().Draw(t, "comment"),
				Retry: time.Duration(rapid.IntRange(0, 3).Draw(t, "retry")) * time.Millisecond, NoData: rapid.Bool().Draw(t, "no data"),
			}
			e.ResetID = e.ID == "" && rapid.Bool().Draw(t, "reset id")
			e.RetryAtOnce = e.Retry == 0 && rapid.Bool().Draw(t, "retry at once")
			if !e.NoData {
				e.Data = anyText().Draw(t, "data")
			}
			in = append(in, e)

			before := state
			asked := e.Retry > 0 || e.RetryAtOnce
			if e.ID != "" || e.ResetID {
				state.ID, state.ResetID = decoded(e.ID), e.ResetID
			}
			if asked {
				state.Retry, state.RetryAtOnce = e.Retry, e.RetryAtOnce
			}
			news := asked || state != before
			arrives := state
			arrives.NoData = e.NoData
			if !e.NoData {
				arrives.Name, arrives.Data = decoded(e.Name), decoded(lineEnd.ReplaceAllString(e.Data, "\n"))
			}
			if !e.NoData || news {
				want = append(want, arrives)
			}
		}
		chunks, err := through(eventsource.Encode(), in...)
		require.NoError(t, err)
		cuts := cut(string(bytes.Join(chunks, nil)), rapid.IntRange(1, 20).Draw(t, "size"))
		got, err := through(eventsource.DecodeAll(1<<20), cuts...)
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

// requireSameWhenWritten requires that decode reads the events want when Encode writes them.
func requireSameWhenWritten(t require.TestingT, want events, decode func(int) enumeratee.Enumeratee[[]byte, eventsource.Event]) {
	chunks, err := through(eventsource.Encode(), want...)
	require.NoError(t, err)
	got, err := through(decode(1<<20), chunks...)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

// Decoded events can be written again without losing anything that a client needs, including the
// values with which it connects again.
func TestDecodedEventsCanBeWritten(t *testing.T) {
	for name, c := range streams {
		t.Run(name, func(t *testing.T) {
			for _, decode := range []func(int) enumeratee.Enumeratee[[]byte, eventsource.Event]{eventsource.Decode, eventsource.DecodeAll} {
				got, err := through(decode(1000), []byte(c.in))
				require.NoError(t, err)
				requireSameWhenWritten(t, got, decode)
			}
		})
	}
	rapid.Check(t, func(t *rapid.T) {
		got, err := through(eventsource.DecodeAll(1<<20), []byte(anyText().Draw(t, "stream")))
		require.NoError(t, err)
		requireSameWhenWritten(t, got, eventsource.DecodeAll)
	})
}

func decoded(s string) string {
	s, err := unicode.UTF8.NewDecoder().String(s)
	if err != nil {
		panic(err) // impossible: the decoder replaces malformed bytes
	}
	return s
}

// Whatever the fields contain, the result is one event or an error.
func TestEventsCannotBeForged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := eventsource.Event{
			Name: anyText().Draw(t, "name"), ID: anyText().Draw(t, "id"), Data: anyText().Draw(t, "data"), Comment: anyText().Draw(t, "comment"),
		}
		text, err := e.AppendText(nil)
		if err != nil {
			require.True(t, strings.ContainsAny(e.Name+e.ID, "\r\n\x00"))
			return
		}
		got, err := through(eventsource.Decode(1<<20), text, []byte("data: next\n\n"))
		require.NoError(t, err)
		require.Len(t, got, 2)
		require.Equal(t, []string{decoded(e.Name), decoded(e.ID)}, []string{got[0].Name, got[0].ID})
		require.Equal(t, eventsource.Event{ID: decoded(e.ID), Data: "next"}, got[1])
	})
}

// model is the algorithm of the HTML standard, for a complete stream.
func model(stream []byte) (got events) {
	text := strings.TrimPrefix(decoded(string(stream)), "\ufeff")
	lines := regexp.MustCompile(`\r\n|\r|\n`).Split(text, -1)
	var name, data string
	var id, last *string // nil until the stream sets one
	var retry *time.Duration
	var asked bool
	add := func(e eventsource.Event) {
		if last != nil {
			e.ID, e.ResetID = *last, *last == ""
		}
		if retry != nil {
			e.Retry, e.RetryAtOnce = *retry, *retry == 0
		}
		got = append(got, e)
	}
	for _, line := range lines[:len(lines)-1] {
		if line == "" {
			news := asked || (id == nil) != (last == nil) || id != nil && *id != *last
			last, asked = id, false
			if data != "" {
				add(eventsource.Event{Name: name, Data: strings.TrimSuffix(data, "\n")})
			} else if news {
				add(eventsource.Event{NoData: true})
			}
			name, data = "", ""
			continue
		}
		m := regexp.MustCompile(`(?s)^([^:]*)(?:: ?)?(.*)$`).FindStringSubmatch(line)
		switch m[1] {
		case "event":
			name = m[2]
		case "data":
			data += m[2] + "\n"
		case "id":
			if !strings.Contains(m[2], "\x00") {
				id = &m[2]
			}
		case "retry":
			if regexp.MustCompile(`^[0-9]+$`).MatchString(m[2]) {
				ms, err := strconv.ParseInt(m[2], 10, 64)
				const maxMS = math.MaxInt64 / 1_000_000
				if err != nil || ms > maxMS {
					ms = maxMS
				}
				d := time.Duration(ms) * time.Millisecond
				retry, asked = &d, true
			}
		}
	}
	if asked {
		add(eventsource.Event{NoData: true})
	}
	return got
}

// For any bytes, cut anywhere, the events are those of the HTML standard, and they can be written
// again. With a limit, the result is a prefix of them.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		"data:a\n\n", "\ufeffdata: a\r\rdata\r\n\r\n", "id:1\n\nid\nretry:10\n\nevent:x\ndata:\xff\n\n", ": x\n\n\n\ndata:a", "id:a\x00\n\nretry:99999999999999999999\n\n",
		"id:1\ndata:a\n\nid\ndata:b\n\n", "id\n\n", "retry:5\n\nretry:0\n\ndata:a\n\n", "retry:5\nid:1\n", "event\ndata\ndata\n\nid:\x00\n\n",
		"data: a\r\n\r", "\xef\xbb", "\xef\xbb\xbf\n", "event:\xe2\x80\n\n", "\r\n\r\n\n\r",
	} {
		f.Add([]byte(seed), uint8(3), uint8(10))
	}
	f.Fuzz(func(t *testing.T, stream []byte, size, limit uint8) {
		chunks := cut(string(stream), int(size)+1)
		got, err := through(eventsource.DecodeAll(len(stream)*2+1), chunks...)
		require.NoError(t, err)
		require.Equal(t, model(stream), got)
		requireSameWhenWritten(t, got, eventsource.DecodeAll)
		got, err = through(eventsource.Decode(len(stream)*2+1), chunks...)
		require.NoError(t, err)
		requireSameWhenWritten(t, got, eventsource.Decode)

		got = model(stream)
		one, oneErr := through(eventsource.DecodeAll(int(limit)+1), stream)
		got2, err := through(eventsource.DecodeAll(int(limit)+1), chunks...)
		require.Equal(t, one, got2)
		require.Equal(t, oneErr == nil, err == nil)
		require.True(t, len(one) <= len(got) && slices.Equal(one, got[:len(one)]))
		for _, e := range one {
			require.LessOrEqual(t, len(e.Data), 3*(int(limit)+1), "U+FFFD is longer than the byte that it replaces")
		}
	})
}
