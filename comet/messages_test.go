package comet_test

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// square marshals itself as JavaScript that is not JSON.
type square struct{ n int }

func (s square) MarshalComet() ([]byte, error) {
	if s.n < 0 {
		return nil, errBroken
	}
	return fmt.Appendf(nil, "%d*%d", s.n, s.n), nil
}

// byPointer marshals itself with a pointer method.
type byPointer struct{ n int }

func (p *byPointer) MarshalComet() ([]byte, error) { return fmt.Appendf(nil, "/*%d*/1", p.n), nil }

func TestMessages(t *testing.T) {
	encode := func(dst []byte, n int) ([]byte, error) {
		if n < 0 {
			return nil, errBroken
		}
		dst, _ = comet.AppendString(dst, "it's "+strconv.Itoa(n))
		dst = append(dst, ',')
		return comet.AppendJSON(dst, map[string]int{"n": n})
	}
	assert.Equal(t, []string{
		first, `<script>parent.f('it\'s 1',{"n":1});</script>`, `<script>parent.f('it\'s 22',{"n":22});</script>`,
	}, asStrings(chunksOf(t, comet.Messages("parent.f", encode), 1, 22)))
	assert.Equal(t, []string{`<script nonce="a">f('it\'s 1',{"n":1});</script>`},
		asStrings(chunksOf(t, comet.Messages("f", encode, comet.Preamble(""), comet.Nonce("a")), 1)))

	_, err := enumerator.Run(t.Context(), enumerator.Through(enumerator.Of(1, -1), comet.Messages("f", encode)), iteratee.Ignore[[]byte]())
	assert.ErrorIs(t, err, errBroken)
	assert.EqualError(t, err, "comet: Messages: broken")

	assert.PanicsWithValue(t, "comet: Messages: encode must not be nil", func() { comet.Messages[int]("f", nil) })
}

// Text that is already JavaScript is sent unchanged, as in Play.
func TestMessagesOfJavaScript(t *testing.T) {
	ready := func(dst []byte, text string) ([]byte, error) { return append(dst, text...), nil }
	for _, text := range []string{"", "1", "'kiki'", `{"a":[1]}`, "1<2", "a<scrip", "1</scrip/", "1<!-x", "<", "'<\\/script>'", "'é'"} {
		assert.Equal(t, []string{"<script>f(" + text + ");</script>"},
			asStrings(chunksOf(t, comet.Messages("f", ready, comet.Preamble("")), text)))
	}
	for _, text := range []string{
		"</script", "'</script>'", "'</SCRIPT >'", "'</sCrIpT/x'", "<!--", "1<!--2", "'<script>'", "'<ScRipt'", "<<!--", "'<</script'",
	} {
		_, err := enumerator.Run(t.Context(), enumerator.Through(enumerator.Of(text), comet.Messages("f", ready)), iteratee.Ignore[[]byte]())
		assert.ErrorContains(t, err, "comet: Messages: the text of a message must not hold <!--, <script or </script", text)
	}
}

func TestMarshaler(t *testing.T) {
	assert.Equal(t, []string{first, "<script>f(3*3);</script>"}, asStrings(chunksOf(t, comet.JSON[square]("f"), square{3})))
	assert.Equal(t, []string{first, "<script>f(3*3);</script>"}, asStrings(chunksOf(t, comet.JSON[*square]("f"), &square{3})))
	assert.Equal(t, []string{first, "<script>f(3*3);</script>", "<script>f(4);</script>", "<script>f(null);</script>"},
		asStrings(chunksOf[any](t, comet.JSON[any]("f"), square{3}, 4, nil)))
	assert.Equal(t, []string{first, "<script>f(3*3);</script>"}, asStrings(chunksOf[comet.Marshaler](t, comet.JSON[comet.Marshaler]("f"), square{3})))
	assert.Equal(t, []string{first, "<script>f(/*3*/1);</script>"}, asStrings(chunksOf(t, comet.JSON[byPointer]("f"), byPointer{3})))
	assert.Equal(t, []string{first, "<script>f(/*3*/1);</script>"}, asStrings(chunksOf(t, comet.JSON[*byPointer]("f"), &byPointer{3})))
	assert.Equal(t, []string{first, "<script>f([{}]);</script>"}, asStrings(chunksOf(t, comet.JSON[[]square]("f"), []square{{3}})),
		"inside a message MarshalComet is not used")

	_, err := enumerator.Run(t.Context(), enumerator.Through(enumerator.Of(square{-1}), comet.JSON[square]("f")), iteratee.Ignore[[]byte]())
	assert.ErrorIs(t, err, errBroken)
	_, err = enumerator.Run(t.Context(), enumerator.Through(enumerator.Of(evil{}), comet.JSON[evil]("f")), iteratee.Ignore[[]byte]())
	assert.ErrorContains(t, err, "comet: JSON: the text of a message must not hold")
}

type evil struct{}

func (evil) MarshalComet() ([]byte, error) { return []byte("'</script>'"), nil }

func TestEncodersAppend(t *testing.T) {
	dst := make([]byte, 0, 100)
	dst = append(dst, "a,"...)
	dst, err := comet.AppendString(dst, "b")
	require.NoError(t, err)
	dst, err = comet.AppendJSON(append(dst, ','), map[string]int{"__proto__": 1})
	require.NoError(t, err)
	dst, err = comet.AppendJSON(append(dst, ','), square{2})
	require.NoError(t, err)
	assert.Equal(t, `a,'b',{["__proto__"]:1},2*2`, string(dst))
	_, err = comet.AppendJSON(dst, errors.ErrUnsupported)
	require.NoError(t, err)
	_, err = comet.AppendJSON(dst, func() {})
	assert.Error(t, err)
}

func TestRemoveScripts(t *testing.T) {
	assert.Equal(t, []string{first, `<script>document.currentScript.remove();f('a');</script>`},
		asStrings(chunksOf(t, comet.String("f", comet.RemoveScripts()), "a")))
	assert.Equal(t, []string{first, `<script nonce="n">document.currentScript.remove();f(1);</script>`},
		asStrings(chunksOf(t, comet.JSON[int]("f", comet.Nonce("n"), comet.RemoveScripts()), 1)))
}

// A message takes one allocation, for its chunk.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("sync.Pool drops values under the race detector")
	}
	type message struct {
		ID   int
		Text string
		Tags []string
		Next *message `json:",omitempty"`
	}
	m := message{4711, "Grüße aus Köln! It's <b>fine</b>.", []string{"a", "b"}, &message{Text: "x"}}
	assert.EqualValues(t, 1, allocations(t, comet.String("f"), "Grüße aus Köln! It's <b>fine</b>.\n\xff"))
	assert.EqualValues(t, 1, allocations(t, comet.String("f", comet.RemoveScripts(), comet.Nonce("a")), strings.Repeat("<", 1000)))
	assert.EqualValues(t, 1, allocations(t, comet.JSON[message]("f"), m))
	assert.EqualValues(t, 1, allocations(t, comet.JSON[*message]("f"), &m))
	assert.EqualValues(t, 1, allocations(t, comet.JSON[string]("f"), m.Text))
	assert.EqualValues(t, 1, allocations(t, comet.Messages("f", func(dst []byte, n int) ([]byte, error) {
		return strconv.AppendInt(dst, int64(n), 10), nil
	}), 1<<30))
}

func allocations[E any](t *testing.T, adapter enumeratee.Enumeratee[E, []byte], message E) float64 {
	run, end := iteratee.NewRun(t.Context())
	defer end()
	sink, step := adapter.Attach(enumeratee.NewStage(run), iteratee.Funcs[[]byte]{
		Next: func(c []byte) iteratee.Step { chunk = c; return iteratee.StepCont },
	}.Sink())
	require.True(t, step.IsCont())
	return testing.AllocsPerRun(1000, func() { sink.Next(message) })
}

// The buffer of a large message is not kept.
func TestLargeBuffersAreFreed(t *testing.T) {
	const large = 32 << 20
	live := func() uint64 {
		runtime.GC()
		runtime.GC() // the second one empties sync.Pool
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	ignore, _ := iteratee.Ignore[[]byte]().Start(t.Context())
	sink, _ := comet.String("f").Attach(enumeratee.NewStage(t.Context()), ignore)
	sink.Next("small")
	before := live()
	sink.Next(strings.Repeat("x", large))
	assert.Less(t, live(), before+large/2)
	runtime.KeepAlive(sink)
}
