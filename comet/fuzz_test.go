package comet_test

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/enumerator"
)

// For any bytes, the browser gets that message and nothing else.
func FuzzString(f *testing.F) {
	for _, text := range hostile {
		if len(text) < 1000 {
			f.Add([]byte(text))
		}
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		requireStringsArrive(t, string(message))
	})
}

// For any JSON text and any strings in a value, the browser gets the value that JSON.parse
// returns.
func FuzzJSON(f *testing.F) {
	for _, text := range hostile {
		if len(text) < 1000 {
			f.Add(text)
		}
	}
	for _, text := range []string{
		`{"__proto__":{"__proto__":[1,-2.5e3,true,null]}}`, `[{ "\u005f_proto__" : "\ud83d\ude42" }]`, `["\\",{"__proto__\"":1}]`,
	} {
		f.Add(text)
	}
	// goja's JSON.parse does not support lone surrogates and numbers that are too large.
	surrogate := regexp.MustCompile(`(?i)\\ud[89a-f]`)
	f.Fuzz(func(t *testing.T, text string) {
		requireJSONArrives(t, map[string]string{text: text, "text": text, "__proto__": text})
		requireJSONArrives(t, []any{text, []string{text}, map[string]any{"a": nil, text: map[string]string{text: text}}})
		var v any
		if len(text) < 4000 && !surrogate.MatchString(text) && json.Unmarshal([]byte(text), &v) == nil {
			requireJSONArrives(t, json.RawMessage(text))
		}
	})
}

// A callback is accepted if and only if JavaScript reads it as exactly this path, except for
// the two words that JavaScript reserves in some places only.
func FuzzCallback(f *testing.F) {
	for _, callback := range []string{
		"f", "parent.cometMessage", "$._", "été.日本語", "a\u200c", "℘", "a·", "this.a", "a.this", "new.target", "import.meta",
		"a..b", "a.", "", "f(", "f//", "a\u2028.b", `\u0061`, "1a", "a1", "\ufefff", "ⸯ", "let", "yield", "await.a", "a.#b", "a?.b", "𐐀\xff",
	} {
		f.Add(callback)
	}
	f.Fuzz(func(t *testing.T, callback string) {
		path, arguments := calls(callback + "('x');")
		first, _, _ := strings.Cut(callback, ".")
		want := path == callback && path != "" && arguments == 1 && first != "await" && first != "yield"
		require.Equal(t, want, accepted(callback), "%q", callback)
		if want {
			require.NotRegexp(t, "[\\s\\x00-#%-\\-/:-@\\[-^`{-\\x7f\\x{85}\\x{a0}\\x{feff}\\x{fffd}\\pZ\\p{Cc}]", callback)
		}
	})
}

// For any text of a custom encoder, the message is an error or exactly one script element.
func FuzzMessages(f *testing.F) {
	for _, text := range append(hostile, breakouts...) {
		if len(text) < 1000 {
			f.Add(text, text)
		}
	}
	f.Add("<!-", "-<script>")
	f.Add("</scr", "ipt>")
	ready := comet.Messages("f", func(dst []byte, text string) ([]byte, error) { return append(dst, text...), nil })
	f.Fuzz(func(t *testing.T, one, two string) {
		var chunks [][]byte
		for chunk, err := range enumerator.All(t.Context(), enumerator.Through(enumerator.Of(one, two), ready)) {
			if err != nil {
				require.Regexp(t, "(?i)<(!--|/?script)", one+"\n"+two)
				break
			}
			chunks = append(chunks, chunk)
		}
		document, err := html.Parse(bytes.NewReader(bytes.Join(chunks, nil)))
		require.NoError(t, err)
		scripts := 0
		for n := range document.Descendants() {
			if n.Type != html.ElementNode {
				require.Equal(t, "script", n.Parent.Data)
				require.True(t, strings.HasPrefix(n.Data, "f(") && strings.HasSuffix(n.Data, ");"), "%q", n.Data)
				continue
			}
			require.Contains(t, []string{"html", "head", "body", "script"}, n.Data)
			if n.Data == "script" {
				scripts++
			}
		}
		require.Equal(t, len(chunks)-1, scripts)
	})
}
