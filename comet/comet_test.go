package comet_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

var first = strings.Repeat(" ", 5120) + "<html><body>"

func asStrings(chunks [][]byte) (texts []string) {
	for _, chunk := range chunks {
		texts = append(texts, string(chunk))
	}
	return texts
}

func TestString(t *testing.T) {
	require.Len(t, first, 5132)
	for _, callback := range []string{"console.log", "parent.cometMessage"} {
		chunks := chunksOf(t, comet.String(callback), "kiki", "foo", "bar")
		assert.Equal(t, []string{
			first,
			"<script>" + callback + "('kiki');</script>",
			"<script>" + callback + "('foo');</script>",
			"<script>" + callback + "('bar');</script>",
		}, asStrings(chunks))
		_, got := browse(t, callback, "", chunks)
		assert.Equal(t, "bar", got[2].Export())
	}
}

func TestJSON(t *testing.T) {
	assert.Equal(t, []string{first, `<script>parent.cometMessage("jsonString");</script>`},
		asStrings(chunksOf(t, comet.JSON[string]("parent.cometMessage"), "jsonString")))
	type point struct{ X, Y int }
	assert.Equal(t, []string{first, `<script>f({"X":1,"Y":2});</script>`, `<script>f({"X":3,"Y":4});</script>`},
		asStrings(chunksOf(t, comet.JSON[point]("f"), point{1, 2}, point{3, 4})))
}

func TestNoMessages(t *testing.T) {
	assert.Equal(t, []string{first}, asStrings(chunksOf(t, comet.String("f"))))
	assert.Equal(t, []string{first}, asStrings(chunksOf(t, comet.JSON[int]("f"))))
	assert.Empty(t, chunksOf(t, comet.String("f", comet.Preamble(""))))
}

func TestFirstChunkBeforeFirstMessage(t *testing.T) {
	var got []string
	source := enumerator.Generate(func(context.Context) (string, bool, error) {
		assert.Equal(t, []string{first}, got)
		return "", false, nil
	})
	_, err := enumerator.Run(t.Context(), enumerator.Through(source, comet.String("f")),
		iteratee.ForEach(func(_ context.Context, chunk []byte) error {
			got = append(got, string(chunk))
			return nil
		}))
	require.NoError(t, err)
	assert.Equal(t, []string{first}, got)
}

func TestPreamble(t *testing.T) {
	const message = "<script>f('a');</script>"
	for preamble, want := range map[string][]string{
		"":                          {message},
		"<html><body>":              {"<html><body>", message},
		"<!doctype html><p>é & 'x'": {"<!doctype html><p>é & 'x'", message}, // sent unchanged
	} {
		assert.Equal(t, want, asStrings(chunksOf(t, comet.String("f", comet.Preamble(preamble)), "a")))
		assert.Equal(t, want, asStrings(chunksOf(t, comet.String("f", comet.Preamble("x"), comet.Preamble(preamble)), "a")))
	}
}

func TestNonce(t *testing.T) {
	for _, nonce := range []string{"r4nd0m", "a", "A+/z", "A-_z", "YQ==", "YWI=", strings.Repeat("x", 1000)} {
		chunks := chunksOf(t, comet.JSON[int]("f", comet.Nonce(nonce)), 1, 2)
		assert.Equal(t, []string{
			first, `<script nonce="` + nonce + `">f(1);</script>`, `<script nonce="` + nonce + `">f(2);</script>`,
		}, asStrings(chunks))
		browse(t, "f", nonce, chunks)
	}
	assert.Equal(t, []string{first, "<script>f('a');</script>"},
		asStrings(chunksOf(t, comet.String("f", comet.Nonce("")), "a")))
	assert.Equal(t, []string{first, "<script>f('a');</script>"},
		asStrings(chunksOf(t, comet.String("f", comet.Nonce("x"), comet.Nonce("")), "a")))

	for _, nonce := range []string{
		"=", "==", "a===", "a=b", " ", "a ", " a", "a\n", "\n", "a b", `a"`, `"><script>alert(1)</script>`, "a'", "<", "a>b",
		"&quot;", "é", "\x00", "a.b", "a,b", "a;b", "nonce-a\xff",
	} {
		assert.Panics(t, func() { comet.Nonce(nonce) }, "%q", nonce)
	}
	assert.PanicsWithValue(t, `comet: Nonce: nonce must be base64 text as in a Content-Security-Policy, got "a\"b"`,
		func() { comet.Nonce(`a"b`) })
}

// A consumer that changes its chunks does not change those of other runs.
func TestConcurrentRuns(t *testing.T) {
	adapter := comet.JSON[string]("f", comet.Nonce("n"))
	var runs sync.WaitGroup
	for range 8 {
		runs.Go(func() {
			for range 20 {
				chunks := chunksOf(t, adapter, "a", "b")
				assert.Equal(t, []string{
					first, `<script nonce="n">f("a");</script>`, `<script nonce="n">f("b");</script>`,
				}, asStrings(chunks))
				for _, chunk := range chunks {
					clear(chunk[:cap(chunk)])
				}
			}
		})
	}
	runs.Wait()
}

// The adapter works in front of a consumer as it does behind a source.
func TestTransform(t *testing.T) {
	got, err := enumerator.Run(t.Context(), enumerator.Of("a", "b"),
		enumeratee.Transform(comet.String("f"), iteratee.Collect[[]byte]()))
	require.NoError(t, err)
	assert.Equal(t, []string{first, "<script>f('a');</script>", "<script>f('b');</script>"}, asStrings(got))
}

func TestLeftOver(t *testing.T) {
	rest := func(consumer iteratee.Iteratee[[]byte, string], opts ...comet.Option) (string, []string) {
		var chunk string
		all := iteratee.FlatMap(enumeratee.Transform(comet.String("f", opts...), consumer),
			func(got string) iteratee.Iteratee[string, []string] {
				chunk = got
				return iteratee.Collect[string]()
			})
		left, err := enumerator.Run(t.Context(), enumerator.Of("a", "b", "c"), all)
		require.NoError(t, err)
		return chunk, left
	}
	head := iteratee.Map(iteratee.Head[[]byte](), func(chunk *[]byte) string { return string(*chunk) })
	refuse := iteratee.Cont(func(in iteratee.Input[[]byte]) iteratee.Iteratee[[]byte, string] {
		return iteratee.Done("refused", in)
	})
	second := iteratee.FlatMap(head, func(string) iteratee.Iteratee[[]byte, string] { return head })
	refuseSecond := iteratee.FlatMap(head, func(string) iteratee.Iteratee[[]byte, string] { return refuse })

	for name, c := range map[string]struct {
		consumer iteratee.Iteratee[[]byte, string]
		chunk    string
		left     []string
	}{
		"done with the first chunk": {head, first, []string{"a", "b", "c"}},
		"first chunk refused":       {refuse, "refused", []string{"a", "b", "c"}},
		"done with a message":       {second, "<script>f('a');</script>", []string{"b", "c"}},
		"message refused":           {refuseSecond, "refused", []string{"a", "b", "c"}},
	} {
		chunk, left := rest(c.consumer)
		assert.Equal(t, c.chunk, chunk, name)
		assert.Equal(t, c.left, left, name)
	}
	chunk, left := rest(refuse, comet.Preamble(""))
	assert.Equal(t, "refused", chunk)
	assert.Equal(t, []string{"a", "b", "c"}, left)
}

func TestJSONError(t *testing.T) {
	run := func(messages ...any) ([]string, error) {
		made := 0
		source := enumerator.Generate(func(context.Context) (any, bool, error) {
			made++
			return messages[made-1], true, nil // panics if asked for more
		})
		var got []string
		_, err := enumerator.Run(t.Context(), enumerator.Through(source, comet.JSON[any]("f")),
			iteratee.ForEach(func(_ context.Context, chunk []byte) error {
				got = append(got, string(chunk))
				return nil
			}))
		return got, err
	}

	got, err := run(1, math.NaN())
	assert.Equal(t, []string{first, "<script>f(1);</script>"}, got)
	assert.EqualError(t, err, "comet: JSON: json: unsupported value: NaN")
	var value *json.UnsupportedValueError
	assert.ErrorAs(t, err, &value)

	_, err = run(make(chan int))
	var kind *json.UnsupportedTypeError
	assert.ErrorAs(t, err, &kind)

	_, err = run(json.RawMessage(`"</script>`))
	var syntax *json.SyntaxError
	assert.ErrorAs(t, err, &syntax)

	_, err = run(broken{})
	assert.ErrorIs(t, err, errBroken)
	assert.ErrorContains(t, err, "comet: JSON: ")
}

var errBroken = errors.New("broken")

type broken struct{}

func (broken) MarshalJSON() ([]byte, error) { return nil, errBroken }

func TestHeartbeat(t *testing.T) {
	assert.Equal(t, "<script>parent.f();</script>", string(comet.Heartbeat("parent.f")))
	assert.Equal(t, `<script nonce="a">document.currentScript.remove();parent.f();</script>`,
		string(comet.Heartbeat("parent.f", comet.Nonce("a"), comet.RemoveScripts(), comet.Preamble("not this"))))
	assert.PanicsWithValue(t, "comet: Heartbeat: callback must be a dotted path of JavaScript identifiers, such as parent.cometMessage, got \"f(\"",
		func() { comet.Heartbeat("f(") })
}
