package ndjson_test

import (
	"bufio"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumeratee/enumerateetest"
	"github.com/halley-go/halley/enumeratee/ndjson"
)

func TestWholeLines(t *testing.T) {
	for name, c := range map[string]struct{ in, want []string }{
		"nothing":               {nil, nil},
		"one":                   {[]string{"{}\n"}, []string{"{}\n"}},
		"several at once":       {[]string{"1\n2\n"}, []string{"1\n2\n"}},
		"one in parts":          {[]string{"[", "1", "]", "\n"}, []string{"[1]\n"}},
		"a part of the next":    {[]string{"1\n2", "3\r", "\n4\n5", "\n"}, []string{"1\n", "23\r\n4\n", "5\n"}},
		"a CR is data":          {[]string{"1\r", "2\n"}, []string{"1\r2\n"}},
		"heartbeats":            {[]string{"\n", "\n\n", "1", "\n"}, []string{"\n", "\n\n", "1\n"}},
		"the last without LF":   {[]string{"1\n", "2", "3"}, []string{"1\n", "23\n"}},
		"empty chunks":          {[]string{"", "1", "", "\n", ""}, []string{"1\n"}},
		"a text sequence":       {[]string{"\x1e1\n\x1e", "2\n"}, []string{"\x1e1\n", "\x1e2\n"}},
		"a mark is left alone":  {[]string{"\ufeff1", "\n"}, []string{"\ufeff1\n"}},
		"bytes that are binary": {[]string{"\xff\x00", "\n"}, []string{"\xff\x00\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := decoded(ndjson.WholeLines(100), c.in...)
			require.NoError(t, err)
			var texts []string
			for _, chunk := range got {
				texts = append(texts, string(chunk))
			}
			assert.Equal(t, c.want, texts)
			assert.NoError(t, enumerateetest.Test(ndjson.WholeLines(100), chunksOf(c.in...)))
		})
	}
}

func TestWholeLinesLimit(t *testing.T) {
	for stream, want := range map[string]string{ // the lines that fit
		"1234\n12345\n":             "1234\n",
		"1234\n12345":               "1234\n",
		"1234\n1234\n1234\n":        "1234\n1234\n1234\n",
		strings.Repeat("\n", 20):    strings.Repeat("\n", 20),
		"1234\n123456789\n1234\n":   "1234\n",
		"123456789":                 "",
		"1234\r\n":                  "",
		strings.Repeat("123\n", 20): strings.Repeat("123\n", 20),
	} {
		for _, in := range cuts(stream) {
			got, err := decoded(ndjson.WholeLines(5), in...)
			var text string
			for _, chunk := range got {
				text += string(chunk)
			}
			if strings.HasSuffix(stream, "12345") { // the line fits without the LF that is added at EOF
				assert.NoError(t, err)
				assert.Equal(t, stream+"\n", text)
				continue
			}
			assert.Equal(t, want, text, in)
			if want == stream {
				assert.NoError(t, err)
				continue
			}
			assert.ErrorIs(t, err, bufio.ErrTooLong)
			assert.EqualError(t, err, "enumeratee/ndjson: WholeLines: line of more than 5 bytes: bufio.Scanner: token too long")
		}
	}
	assert.PanicsWithValue(t, "enumeratee/ndjson: WholeLines: limit must be positive, got -1", func() { ndjson.WholeLines(-1) })
}

// Each chunk ends with a line.
func FuzzWholeLines(f *testing.F) {
	f.Add("1\n2\n", uint8(1))
	f.Add("[1,\r\n2]\n\n\n\"\xff", uint8(0))
	f.Fuzz(func(t *testing.T, stream string, size uint8) {
		in := []string{}
		for chunk := range strings.SplitSeq(stream, "") {
			if n := len(in) - 1; n >= 0 && len(in[n]) <= int(size) {
				in[n] += chunk
			} else {
				in = append(in, chunk)
			}
		}
		got, err := decoded(ndjson.WholeLines(len(stream)+1), in...)
		require.NoError(t, err)
		var text string
		for _, chunk := range got {
			text += string(chunk)
			require.True(t, strings.HasSuffix(text, "\n"))
		}
		if stream != "" && !strings.HasSuffix(stream, "\n") {
			stream += "\n"
		}
		require.Equal(t, stream, text)
	})
}
