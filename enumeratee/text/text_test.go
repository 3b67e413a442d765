package text_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/unicode"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumeratee/enumerateetest"
	"github.com/halley-go/halley/enumeratee/text"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

var errBoom = errors.New("boom")

// after runs consumer behind tr over in. It returns the input that is left over, joined,
// and the error if consumer or tr has failed.
func after[From []byte | string, M, A any](in []From, tr enumeratee.Enumeratee[From, M], consumer iteratee.Iteratee[M, A]) (rest string, err error) {
	none := iteratee.Map(enumeratee.Transform(tr, consumer), func(A) error { return nil })
	failure := iteratee.Recover(none, func(err error) (error, error) { return err, nil })
	rest, fatal := enumerator.Run(context.Background(), enumerator.FromSlice(in), iteratee.FlatMap(failure, func(failed error) iteratee.Iteratee[From, string] {
		err = failed
		return iteratee.Fold("", func(a string, e From) string { return a + string(e) })
	}))
	if fatal != nil {
		return "", fatal
	}
	return rest, err
}

// results returns the first k elements that tr makes of in, or all for k < 0, the input
// that is left over then, and the error.
func results[From []byte | string, M any](in []From, tr enumeratee.Enumeratee[From, M], k int) (got []M, rest string, err error) {
	taken := iteratee.FoldUntil(0, func(_ context.Context, n int, e M) (int, bool, error) {
		got = append(got, e)
		return n + 1, n+1 == k, nil
	})
	if k == 0 {
		taken = iteratee.Done[M](0, iteratee.Empty[M]())
	}
	rest, err = after(in, tr, taken)
	return got, rest, err
}

// leaving is done with the k-th element, and leaves over all of it but the first n bytes.
func leaving[M any](k, n int, but func(M, int) M) iteratee.Iteratee[M, struct{}] {
	return iteratee.FlatMap(iteratee.TakeUpTo[M](k), func(es []M) iteratee.Iteratee[M, struct{}] {
		rest := iteratee.Empty[M]()
		if len(es) == k {
			rest = iteratee.El(but(es[k-1], n))
		}
		return iteratee.Done(struct{}{}, rest)
	})
}

func butBytes[M []byte | string](m M, n int) M { return m[min(n, len(m)):] }

func each[From []byte | string](parts ...string) (in []From) {
	for _, part := range parts {
		in = append(in, From(part))
	}
	return in
}

func singles[From []byte | string](s string) (in []From) {
	for i := range len(s) {
		in = append(in, From(s[i:i+1]))
	}
	return in
}

func joined[From []byte | string](in []From) string {
	var all []byte
	for _, part := range in {
		all = append(all, part...)
	}
	return string(all)
}

// cut cuts s into chunks of the given sizes, over and over.
func cut[From []byte | string](s string, sizes []byte) (in []From) {
	sizes = sizes[:min(len(sizes), 50)]
	for i := 0; len(s) > 0; i++ {
		size := len(s)
		if n := len(sizes); n > 0 && (i < n || slices.Max(sizes) > 0) {
			size = min(size, int(sizes[i%n]))
		}
		in = append(in, From(s[:size]))
		s = s[size:]
	}
	return in
}

// cuts draws sizes of chunks, including 0.
func cuts() *rapid.Generator[[]byte] {
	return rapid.SliceOfN(rapid.ByteRange(0, 6), 0, 12)
}

// One of each adapter.
var (
	decode = text.Decode(unicode.UTF8, text.Fail)
	jis    = text.Decode(japanese.ISO2022JP, text.Fail)
	encode = text.Encode(japanese.ISO2022JP, text.Fail)
	lines  = text.Lines(100)
	search = text.Search([]byte("aa"))
)

func TestAdaptersKeepTheLaws(t *testing.T) {
	for _, in := range [][][]byte{
		nil,
		each[[]byte]("aa\naa\naaa\naa", "a\naa"),
		each[[]byte]("a", "aaa\xC3", "", "\xA4a\r", "\naa\n\r\n", "aaaa"),
		each[[]byte]("a", "\xFFa", "a"),
	} {
		assert.NoError(t, enumerateetest.Test(decode, in))
		assert.NoError(t, enumerateetest.Test(jis, in))
		assert.NoError(t, enumerateetest.Test(lines, in))
		assert.NoError(t, enumerateetest.Test(search, in))
		assert.NoError(t, enumerateetest.Test(encode, each[string](joined(in[:len(in)/2]), "ä\xE6", joined(in[len(in)/2:]))))
	}
	for _, short := range []enumeratee.Enumeratee[[]byte, []byte]{text.Lines(2), text.LinesOrSkip(2, goOn)} {
		assert.NoError(t, enumerateetest.Test(short, each[[]byte]("a\n", "aa\naa", "a\n")))
		assert.NoError(t, enumerateetest.Test(short, each[[]byte]("aaa", "aa", "a\na\naaaa\n", "a")))
	}
}

func TestErrorsOfTheConsumerPass(t *testing.T) {
	in := each[[]byte]("aab\naab\n\xFF", "aab\n")
	failsOnce(t, decode, in)
	failsOnce(t, lines, in)
	failsOnce(t, search, in)
	failsOnce(t, encode, each[string]("a", "\xFF"))
}

func failsOnce[From []byte | string, To any](t *testing.T, tr enumeratee.Enumeratee[From, To], in []From) {
	calls := 0
	_, err := after(in, tr, iteratee.ForEach(func(context.Context, To) error { calls++; return errBoom }))
	assert.Equal(t, errBoom, err)
	assert.Equal(t, 1, calls)
}

func TestTheSourceMayReuseItsMemory(t *testing.T) {
	in := cut[[]byte]("ä\naab\r\nca\nä", []byte{2})
	assert.Equal(t, "ä|\na|ab|\r\n|ca|\n|ä|", shown(t, decode, in, strings.Clone))
	assert.Equal(t, "ä|aab|ca|ä|", shown(t, lines, in, func(line []byte) string { return string(line) }))
	assert.Equal(t, "ä|\n|aa|b|\r\n|c|a|\n\xC3|\xA4|", shown(t, search, in, func(m text.MatchInfo) string { return string(m.Content) }))
}

// shown hands over every chunk in the same memory.
func shown[To any](t *testing.T, tr enumeratee.Enumeratee[[]byte, To], in [][]byte, show func(To) string) (all string) {
	sink := attached(t, tr, func(to To) { all += show(to) + "|" })
	buf := make([]byte, 10)
	for _, chunk := range in {
		require.True(t, sink.Next(buf[:copy(buf, chunk)]).IsCont())
		clear(buf)
	}
	sink.EOF()
	return all
}

// attached returns tr attached to a consumer that calls f.
func attached[From, To any](t *testing.T, tr enumeratee.Enumeratee[From, To], f func(To)) iteratee.Sink[From] {
	call := iteratee.ForEach(func(_ context.Context, e To) error { f(e); return nil })
	ctx, end := iteratee.NewRun(t.Context())
	t.Cleanup(end)
	consumer, _ := call.Start(ctx)
	sink, _ := tr.Attach(enumeratee.NewStage(ctx), consumer)
	return sink
}

func TestAdaptersAreRecipes(t *testing.T) {
	in := each[[]byte]("a\x1B$B", "\x46", "\x7C\x1B(B\na", "a\r", "\nb")
	use := func() (all []any) {
		decoded, _, err := results(in, jis, -1)
		require.NoError(t, err)
		encoded, _, err := results(decoded, encode, -1)
		require.NoError(t, err)
		found, _, err := results(in, search, -1)
		require.NoError(t, err)
		split, _, err := results(in, lines, -1)
		require.NoError(t, err)
		return []any{decoded, encoded, found, split}
	}
	want := use()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { assert.Equal(t, want, use()) })
	}
	wg.Wait()
	assert.Len(t, slices.Compact(want), 4)
}
