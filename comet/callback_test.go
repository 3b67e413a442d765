package comet_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/halley-go/halley/comet"
)

// accepted reports whether String, Messages and JSON accept callback. They must agree.
func accepted(callback string) bool {
	build := func(build func()) (ok bool) {
		defer func() { ok = recover() == nil }()
		build()
		return
	}
	one := build(func() { comet.String(callback) })
	third := build(func() { comet.Messages(callback, comet.AppendString) })
	other := build(func() { comet.JSON[int](callback) })
	if one != other || one != third {
		panic("String, JSON and Messages disagree on " + callback)
	}
	return one
}

func TestCallback(t *testing.T) {
	for _, callback := range []string{
		"f", "$", "_", "$$", "_a1.b", "console.log", "parent.cometMessage", "window.top.frames.x", "a.$.b",
		"été", "日本語", "ａ", "Ⅷ", "a.ünï", "℘", "℮", "゛", // ID_Start, including Other_ID_Start
		"a\u0301", "a\u093e", "a१", "a‿b", "a·", "aͤ", "a፩", // ID_Continue, including Other_ID_Continue
		"a\u200c", "a\u200d.b", "𐐀", "𝒜", "a𝟘", "x.y\U000E0100",
		"thisx", "This", "news", "let", "async", "of", "get", "eval", "static",
	} {
		if assert.True(t, accepted(callback), "%q", callback) {
			chunks := chunksOf(t, comet.String(callback), "message")
			_, got := browse(t, callback, "", chunks)
			assert.Equal(t, "message", got[0].Export())
		}
	}
	for _, callback := range []string{
		"", ".", "..", "a.", ".a", "a..b", "a.b.", " ", "a b", " a", "a ", "a\n", "a .b", "a. b", "a\tb", "a\u00a0b", "\ufeffa", "a\u2028",
		"alert(1)", "alert(1)//", "f(", "f)", "(f)", "f()", "f;g", "f;", "f,g", "f=g", "f+g", "f-g", "!f", "-f", "f?.g", "f[0]", `f["g"]`,
		"f`", "`f`", "'f'", `"f"`, "f//", "f/*", "/**/f", "f/**/", "<!--f", "f<g", "f&g", "f>g", "</script>", "f</script>", "--f", "f-->",
		"1", "1f", "a.1", "a.1b", "#a", "a.#b", "@a", "a@b", "a:b", "a{}", "{a}", "...a", "a...b", "a|b", "a^b", "~a", "a%b", "\\",
		`\u0061`, `a\u0062`, `\u{61}`, `a.\u0062`, "a\x00", "\x00", "a\x7f", "a\xff", "\xc3", "a\xed\xa0\x80", "\ufffd", "🙂", "a🙂",
		"\u0301", "١", "‿", "\u200ca", "a.\u200d", "·a", "٠a", // ID_Continue only
		"ⸯ", "aⸯ", "a\u200b", "a\u2060", "a\u00ad", "a\u202e", // Pattern_Syntax and format characters
		"new.target", "import.meta",
	} {
		assert.False(t, accepted(callback), "%q", callback)
	}
	for word := range strings.FieldsSeq(`
		await break case catch class const continue debugger default delete do else enum
		export extends false finally for function if import in instanceof new null return
		super switch this throw true try typeof var void while with yield`) {
		assert.False(t, accepted(word), word)
		assert.False(t, accepted(word+".a"), word)
		browse(t, "a."+word, "", chunksOf(t, comet.String("a."+word), "message"))
		assert.True(t, accepted(word+"_"), word)
	}
	const message = ": callback must be a dotted path of JavaScript identifiers, such as parent.cometMessage, got "
	assert.PanicsWithValue(t, `comet: String`+message+`"alert(1)"`, func() { comet.String("alert(1)") })
	assert.PanicsWithValue(t, `comet: JSON`+message+`""`, func() { comet.JSON[int]("") })
}
