package comet_test

import (
	"encoding/json"
	"fmt"
	"html/template"
	"strings"
	"testing"

	"github.com/dop251/goja"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet"
)

// hostile are texts that could break out of a literal, an element or a comment.
var hostile = func() []string {
	texts := []string{
		"", "kiki", "</script>", "</SCRIPT >", "</script", "<script>", "<script src=//evil>",
		"<!--", "<!--<script>", "<!--<script></script>", "-->", "--!>", "]]>", "<![CDATA[", "<?php ?>",
		`'`, `"`, "`", `\`, `\\`, `\'`, `\"`, `'); alert('1`, `"); alert("1`, `\'); alert(1)//`, `\u0027`, `\x27`,
		"\r", "\n", "\r\n", "a\\\nb", "\u2028", "\u2029", "\u0085", "\ufeff", "\ufeffx", "\u200b\u200d", "\ufffd", "\ufffe\uffff",
		"/", "//", "/*", "*/", "${x}", "#{x}", "{{x}}", "&lt;/script&gt;", "&", "&#39;", "&amp;",
		"Grüße aus Köln", "日本語", "שלום", "🙂", "👩\u200d👩\u200d👧", "\U000E0001", "\U0010FFFF", "e\u0301",
		"\x80", "\xff\xfe", "a\xc3", "\xc3(", "\xe2\x80", "\xe2\x80\xa8\xe2\x80", "\xed\xa0\x80", "\xed\xa0\x80\xed\xb0\x80", "\xf4\x90\x80\x80", "\xc0\xbc/script>",
		"__proto__", `{"__proto__":1}`, `["__proto__"]`, `\u005f_proto__`,
		"+ADw-script+AD4-", "\x1b$B\x1b(B",
		strings.Repeat("</script>'\"\\\u2028🙂\x00\xff", 2000),
	}
	for c := range 128 {
		texts = append(texts, string(rune(c)), fmt.Sprintf("a%cb", c), fmt.Sprintf(`\%c`, c))
	}
	return texts
}()

// arrives returns s as a client gets it: after a round trip through encoding/json.
func arrives(tb testing.TB, s string) string {
	text, err := json.Marshal(s)
	require.NoError(tb, err)
	var back string
	require.NoError(tb, json.Unmarshal(text, &back))
	return back
}

// literal returns the text between the parentheses of a script chunk.
func literal(tb testing.TB, callback string, chunk []byte) string {
	tb.Helper()
	text, ok := strings.CutPrefix(string(chunk), "<script>"+callback+"(")
	require.True(tb, ok, "%q", chunk)
	text, ok = strings.CutSuffix(text, ");</script>")
	require.True(tb, ok, "%q", chunk)
	return text
}

// requireInert requires that text contains no character that an HTML parser treats specially
// in any state, and no line end or other control character.
func requireInert(tb testing.TB, text string) {
	tb.Helper()
	require.False(tb, strings.ContainsFunc(text, func(r rune) bool {
		return r < ' ' || r == 0x7f || strings.ContainsRune("<>&\u2028\u2029", r)
	}), "%q", text)
}

func requireStringsArrive(tb testing.TB, messages ...string) {
	tb.Helper()
	const callback = "parent.cometMessage"
	chunks := chunksOf(tb, comet.String(callback), messages...)
	require.Len(tb, chunks, 1+len(messages))
	vm, got := browse(tb, callback, "", chunks)
	for i, message := range messages {
		text := literal(tb, callback, chunks[i+1])
		requireInert(tb, text)
		want := arrives(tb, message)
		require.True(tb, got[i].StrictEquals(vm.ToValue(want)), "%q arrived as %q", message, got[i].Export())
		require.Equal(tb, want, got[i].Export())
	}
}

func TestStringArrives(t *testing.T) {
	requireStringsArrive(t, hostile...)
}

func TestStringLiteral(t *testing.T) {
	for message, want := range map[string]string{
		"":                    `''`,
		`'"\/`:                `'\'\"\\\/'`, // the same as Play's
		"\b\n\t\f\r":          `'\b\n\t\f\r'`,
		"</script>":           `'\u003c\/script\u003e'`,
		"&":                   `'\u0026'`,
		"\x00\x0b\x1f\x7f":    `'\u0000\u000b\u001f\u007f'`,
		"\u2028\u2029":        `'\u2028\u2029'`,
		"é日🙂\U000E0001\u0085": "'é日🙂\U000E0001\u0085'",
		`\u0041`:              `'\\u0041'`,
	} {
		chunks := chunksOf(t, comet.String("f"), message)
		assert.Equal(t, want, literal(t, "f", chunks[1]))
	}
}

// isSame is a JavaScript function that reports whether two values differ in nothing but
// identity.
const isSame = `(function same(a, b) {
	if (a === null || b === null || typeof a !== "object" || typeof b !== "object") return Object.is(a, b)
	if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false
	const keys = Reflect.ownKeys(a), others = Reflect.ownKeys(b)
	return keys.length === others.length && keys.every((key, i) => key === others[i] && same(a[key], b[key]))
})`

// call calls the function with the source text function in vm.
func call(tb testing.TB, vm *goja.Runtime, function string, arguments ...goja.Value) goja.Value {
	tb.Helper()
	v, err := vm.RunString(function)
	require.NoError(tb, err)
	f, ok := goja.AssertFunction(v)
	require.True(tb, ok)
	result, err := f(goja.Undefined(), arguments...)
	require.NoError(tb, err)
	return result
}

// requireJSONArrives requires that the callback gets the same values as JSON.parse returns. It
// returns them as JSON.stringify writes them.
func requireJSONArrives[E any](tb testing.TB, messages ...E) (got []string) {
	tb.Helper()
	const callback = "parent.cometMessage"
	chunks := chunksOf(tb, comet.JSON[E](callback), messages...)
	require.Len(tb, chunks, 1+len(messages))
	vm, values := browse(tb, callback, "", chunks)
	for i, message := range messages {
		literal := literal(tb, callback, chunks[i+1])
		requireInert(tb, literal)
		require.NotRegexp(tb, `[^ -~]`, literal)
		text, err := json.Marshal(message)
		require.NoError(tb, err)
		want := call(tb, vm, "JSON.parse", vm.ToValue(string(text)))
		require.True(tb, call(tb, vm, isSame, values[i], want).ToBoolean(), "%s arrived as %q", text, literal)
		got = append(got, call(tb, vm, "JSON.stringify", values[i]).String())
	}
	return got
}

// The comparison must be able to detect the differences that matter.
func TestIsSame(t *testing.T) {
	for pair, want := range map[string]bool{
		`{"a": [1, "x", null, {}]}, JSON.parse('{"a": [1, "x", null, {}]}')`: true,
		`{["__proto__"]: {}}, JSON.parse('{"__proto__": {}}')`:               true,
		`{"__proto__": {}}, JSON.parse('{"__proto__": {}}')`:                 false,
		`{"__proto__": null}, JSON.parse('{"__proto__": null}')`:             false,
		`{"\u005f_proto__": 1}, JSON.parse('{"__proto__": 1}')`:              false,
		`{"a": 1}, {"a": 2}`:                 false,
		`{"a": 1, "b": 2}, {"b": 2, "a": 1}`: false,
		`{"a": undefined}, {}`:               false,
		`[1], {"0": 1}`:                      false,
		`-0, 0`:                              false,
		`null, {}`:                           false,
		`"1", 1`:                             false,
	} {
		got, err := goja.New().RunString(isSame + "(" + pair + ")")
		require.NoError(t, err)
		assert.Equal(t, want, got.ToBoolean(), pair)
	}
}

func TestJSONArrives(t *testing.T) {
	t.Run("strings", func(t *testing.T) {
		requireJSONArrives(t, hostile...)
	})
	t.Run("keys and values", func(t *testing.T) {
		all := map[string]any{}
		for _, text := range hostile {
			all[text] = []string{text}
			requireJSONArrives(t, map[string]string{text: text})
		}
		requireJSONArrives(t, all)
	})
	t.Run("raw text", func(t *testing.T) {
		got := requireJSONArrives(t, raw(
			`null`, `true`, `-0`, `0.1e-7`, `1E+2`, `123456789012345678901234567890`, `""`, `[]`, `{}`, `[[],[{}]]`,
			` { "a" : [ 1 , 2 ] } `, "\n[\t1\r]",
			`"</script><!--<script>"`, `{"</script>":"&"}`, "\"\u2028\u2029\x7f\"", "\"a\xffb\xc3\"", "{\"\xff\":1}",
			`"\/\b\f\n\r\t\"\\"`, `"\u0041\u00e9\uD83D\uDE42\u2028\u003C"`, `"🙂é"`,
			`{"a":1,"b":2,"a":3}`, `{"2":0,"1":0,"b":0,"a":0}`,
		)...)
		assert.Equal(t, `{"a":[1,2]}`, got[10])
		assert.Equal(t, "\"a\ufffdb\ufffd\"", got[15])
	})
	t.Run("deep", func(t *testing.T) {
		requireJSONArrives(t, raw(strings.Repeat("[", 500)+strings.Repeat("]", 500))...)
	})
	t.Run("marshalers", func(t *testing.T) {
		requireJSONArrives(t, any(shout("</script>\u2028")), any(text("</script>\u2028")), any(map[text]shout{"<": "__proto__"}))
	})
}

func TestJSONProto(t *testing.T) {
	for message, want := range map[string]string{
		`{"__proto__":1}`:                                              `{["__proto__"]:1}`,
		`{"__proto__":{"__proto__":[]}}`:                               `{["__proto__"]:{["__proto__"]:[]}}`,
		`{"a":0,"__proto__":1,"__proto__":null}`:                       `{"a":0,["__proto__"]:1,["__proto__"]:null}`,
		`[{ "__proto__" : "__proto__" }]`:                              `[{["__proto__"]:"__proto__"}]`,
		`{"\u005f_proto__":1}`:                                         `{["\u005f_proto__"]:1}`,
		`{"_\u005Fpr\u006Ft\u006f_\u005f":1}`:                          `{["_\u005Fpr\u006Ft\u006f_\u005f"]:1}`,
		`{"\u005f\u005f\u0070\u0072\u006f\u0074\u006f\u005f\u005f":1}`: `{["\u005f\u005f\u0070\u0072\u006f\u0074\u006f\u005f\u005f"]:1}`,
		// These are other keys, or strings that are not keys.
		`["__proto__","__proto__"]`:                           `["__proto__","__proto__"]`,
		`{"x":"__proto__"}`:                                   `{"x":"__proto__"}`,
		`{"\\u005f_proto__":1}`:                               `{"\\u005f_proto__":1}`,
		`{"__proto__ ":1,"_":2,"":3}`:                         `{"__proto__ ":1,"_":2,"":3}`,
		`{"\"__proto__":1}`:                                   `{"\"__proto__":1}`,
		`{"__proto__\"":1}`:                                   `{"__proto__\"":1}`,
		`["{\"__proto__\":1}"]`:                               `["{\"__proto__\":1}"]`,
		`["\\",{"__proto__":1}]`:                              `["\\",{["__proto__"]:1}]`,
		`["\\\"",{"__proto__":1}]`:                            `["\\\"",{["__proto__"]:1}]`,
		`{"constructor":1,"toString":2,"__defineGetter__":3}`: `{"constructor":1,"toString":2,"__defineGetter__":3}`,
	} {
		chunks := chunksOf(t, comet.JSON[json.RawMessage]("f"), json.RawMessage(message))
		assert.Equal(t, want, literal(t, "f", chunks[1]))
		requireJSONArrives(t, json.RawMessage(message))
	}
	requireJSONArrives(t, map[string]int{"__proto__": 1, "a": 2})
	requireJSONArrives(t, struct {
		Key any `json:"__proto__"`
	}{Key: map[string]int{"x": 1}})
}

func TestJSONLiteral(t *testing.T) {
	for _, c := range []struct {
		message any
		want    string
	}{
		{"jsonString", `"jsonString"`},
		{nil, `null`},
		{json.RawMessage(nil), `null`},
		{"é", `"\u00e9"`},
		{"🙂\U000E0001", `"\ud83d\ude42\udb40\udc01"`},
		{"</script>&\u2028\x7f\x00\xff", `"\u003c/script\u003e\u0026\u2028\u007f\u0000\ufffd"`},
		{json.RawMessage("\"</script>\xff\u2029\\ud800\""), `"\u003c/script\u003e\ufffd\u2029\ud800"`}, // a lone surrogate stays one
		{struct {
			Name string   `json:"näme"`
			Tags []string `json:"tags,omitempty"`
		}{Name: "x"}, `{"n\u00e4me":"x"}`},
		{json.Number("1e400"), `1e400`},
		{template.HTML("<b>"), `"\u003cb\u003e"`}, // the same as any other string
	} {
		chunks := chunksOf(t, comet.JSON[any]("f"), c.message)
		assert.Equal(t, c.want, literal(t, "f", chunks[1]))
	}
}

func raw(texts ...string) (messages []json.RawMessage) {
	for _, text := range texts {
		messages = append(messages, json.RawMessage(text))
	}
	return messages
}

// shout marshals itself, without escaping.
type shout string

func (s shout) MarshalJSON() ([]byte, error) {
	return []byte(`{ "__proto__" : "` + string(s) + `!" }`), nil
}

// text marshals itself as text, without escaping.
type text string

func (s text) MarshalText() ([]byte, error) { return []byte("<" + s + ">"), nil }

// breakouts are texts that are known to break out of a script by way of the literal, the
// element or the character set. Each one that runs adds a number to ran of the page.
var breakouts = []string{
	`</script><script>parent.ran.add(1)</script>`, `</script ><script>parent.ran.add(2)</script >`, "</script\n><script>parent.ran.add(3)</script\t>",
	`</script/><script>parent.ran.add(4)</script>`, `</ScRiPt><ScRiPt>parent.ran.add(5)</ScRiPt>`, "</script\x00><script>parent.ran.add(6)</script>",
	`<!--<script>`, `<!--<script>parent.ran.add(7)`, `<!--<script></script><script>parent.ran.add(8)</script>-->`, `--></script><script>parent.ran.add(9)</script>`,
	`<!--<script>--!></script><img src=x onerror=parent.ran.add(10)>`, `</script><!--`, `</script><style>`, `</script><plaintext>`, `</script><textarea>`,
	`</script><img src=x onerror=parent.ran.add(11)>`, `</script><svg onload=parent.ran.add(12)>`, `</script><iframe srcdoc="<script>parent.parent.ran.add(13)</script>">`,
	`<img src=x onerror=parent.ran.add(14)>`, `<svg/onload=parent.ran.add(15)>`, `<base href=//x/>`, `<meta http-equiv=refresh content="0;url=about:blank">`, `</body></html>`,
	`');parent.ran.add(16);('`, `'-parent.ran.add(17)-'`, `\');parent.ran.add(18)//`, `\\');parent.ran.add(19)//`, `");parent.ran.add(20);("`, `\");parent.ran.add(21)//`,
	"\n');parent.ran.add(22)//", "\r');parent.ran.add(23)//", "\\\n');parent.ran.add(24)//", "\u2028');parent.ran.add(25)//", "\u2029\nparent.ran.add(26)//", "\u2028parent.ran.add(27)//",
	"${parent.ran.add(28)}", "`${parent.ran.add(29)}`", `\x27);parent.ran.add(30)//`, `\u0027);parent.ran.add(31)//`, `\47);parent.ran.add(32)//`, `\u2028`, `\x3c/script\x3e`,
	`&#39;);parent.ran.add(33)//`, `&apos;);parent.ran.add(34)//`, `&lt;/script&gt;`, `&quot;`, `%27);parent.ran.add(35)//`, `javascript:parent.ran.add(36)`,
	`*/parent.ran.add(37)/*`, `//`, `/*`, `-->`, "\n-->", `<!--`, `<![CDATA[`, `]]>`, `]]></script><script>parent.ran.add(38)</script>`, `<?xml`,
	`{{constructor.constructor('parent.ran.add(39)')()}}`, `"});parent.ran.add(40);({"`, `__proto__`,
	"+ADw-/script+AD4-+ADw-script+AD4-parent.ran.add(41)+ADw-/script+AD4-", "+/v8-", "\x1b$B\x1b(J</script>", "~{<:Ky2;S{#,",
	"\ufeff", "\ufeff</script><script>parent.ran.add(42)</script>", "\xfe\xff", "\xff\xfe<\x00/\x00s\x00", "\x00\x00\xfe\xff",
	"\xc0\xbc/script>", "\xe0\x80\xbc/script>", "\xf0\x80\x80\xbc/script>", "\xc0\xa7);parent.ran.add(43)//", "\xbf');parent.ran.add(44)//", "\x8f'", "\xe2\x80", "\xe2", "\xf0\x9f\x99",
	"\xed\xa0\x80", "\xed\xb0\x80\xed\xa0\x80", "＜/script＞＜script＞parent.ran.add(45)", "ʼ);parent.ran.add(46)//", "\u202e)';", "\u0085parent.ran.add(47)",
}
