package comet_test

import (
	"bufio"
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/enumeratee/enumerateetest"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

func TestWholeScripts(t *testing.T) {
	for name, c := range map[string]struct{ in, want []string }{
		"nothing":                     {nil, nil},
		"a preamble":                  {[]string{"  ", " <ht", "ml><body>"}, []string{"  ", " ", "<html><body>"}},
		"one":                         {[]string{"<script>f('a');</script>"}, []string{"<script>f('a');</script>"}},
		"in parts":                    {[]string{"<", "script", ">f(", "'a');<", "/scr", "ipt", ">"}, []string{"<script>f('a');</script>"}},
		"with attributes":             {[]string{`<SCRIPT nonce="a`, `">f()</Script `, "x>\n<b>"}, []string{`<SCRIPT nonce="a">f()</Script x>` + "\n<b>"}},
		"a part of the next":          {[]string{"<script>f()</script><script>", "g()</script>"}, []string{"<script>f()</script>", "<script>g()</script>"}},
		"less-than signs in it":       {[]string{"<script>a<b;'</scrip>';'</scripts>';", "'<script>'</script>"}, []string{"<script>a<b;'</scrip>';'</scripts>';'<script>'</script>"}},
		"less-than signs in the text": {[]string{"a < b <", "- c <", "1"}, []string{"a < b ", "<- c ", "<1"}},
		"no script":                   {[]string{"<scripts>a", "<b", ">"}, []string{"<scripts>a", "<b>"}},
		"a tag within a tag":          {[]string{"<p <script", ">a"}, []string{"<p <script>a"}},
		"incomplete":                  {[]string{"<br><script>f()</scrip"}, []string{"<br>"}},
		"an incomplete tag":           {[]string{"<br><p"}, []string{"<br>"}},
	} {
		t.Run(name, func(t *testing.T) {
			var in [][]byte
			for _, chunk := range c.in {
				in = append(in, []byte(chunk))
			}
			assert.Equal(t, c.want, asStrings(chunksOf(t, comet.WholeScripts(100), in...)))
			assert.NoError(t, enumerateetest.Test(comet.WholeScripts(100), in))
		})
	}
}

// A page of this package, cut anywhere, comes out unchanged, in chunks of whole elements.
func TestWholeScriptsOfPages(t *testing.T) {
	messages := []string{"kiki", "</script><script>f('x')", "a<b>c <!-- '", ""}
	for _, opts := range [][]comet.Option{nil, {comet.Nonce("bm9uY2U="), comet.RemoveScripts(), comet.Preamble("<!DOCTYPE html>")}} {
		page := bytes.Join(chunksOf(t, comet.String("f", opts...), messages...), nil)
		page = page[max(0, bytes.IndexByte(page, '<')-3):] // without most of the padding
		for size := 1; size < 40; size++ {
			chunks := chunksOf(t, comet.WholeScripts(1000), slices.Collect(slices.Chunk(page, size))...)
			assert.Equal(t, string(page), string(bytes.Join(chunks, nil)))
			for i, chunk := range chunks {
				open, closed := bytes.Count(chunk, []byte("<script")), bytes.Count(chunk, []byte("</script>"))
				require.Equal(t, open, closed, "chunk %d: %s", i, chunk)
			}
		}
	}
}

func TestWholeScriptsLimit(t *testing.T) {
	const script = "<script>f(1)</script>" // 21 bytes
	for stream, want := range map[string]string{
		script + script:                    script + script,
		script + "<script>f(12)</script>":  script,
		"<p>" + strings.Repeat("x", 100):   "<p>" + strings.Repeat("x", 100),
		"<" + strings.Repeat(" x", 50):     "<" + strings.Repeat(" x", 50),
		"<p><p " + strings.Repeat("x", 20): "<p>",
	} {
		for size := 1; size <= len(stream); size++ {
			in := slices.Collect(slices.Chunk([]byte(stream), size))
			var got [][]byte
			_, err := enumerator.Run(t.Context(), enumerator.Through(enumerator.FromSlice(in), comet.WholeScripts(21)),
				iteratee.ForEach(func(_ context.Context, chunk []byte) error { got = append(got, chunk); return nil }))
			assert.Equal(t, want, string(bytes.Join(got, nil)))
			if want == stream {
				assert.NoError(t, err)
				continue
			}
			assert.ErrorIs(t, err, bufio.ErrTooLong)
			assert.EqualError(t, err, "comet: WholeScripts: script element of more than 21 bytes: bufio.Scanner: token too long")
		}
	}
	assert.PanicsWithValue(t, "comet: WholeScripts: limit must be positive, got 0", func() { comet.WholeScripts(0) })
}
