package text_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/enumeratee/text"
	"github.com/halley-go/halley/iteratee"
)

// pieces shows matches in brackets.
func pieces(found []text.MatchInfo) (all []string) {
	for _, m := range found {
		if m.IsMatch {
			all = append(all, "["+string(m.Content)+"]")
		} else {
			all = append(all, string(m.Content))
		}
	}
	return all
}

func TestSearch(t *testing.T) {
	for name, c := range map[string]struct {
		pattern string
		in      []string
		want    []string
	}{
		"Play's": {"kiki", []string{"xx", "kxckikixckikio", "cockik", "isdodskikisd", "ksdloii"},
			[]string{"xx", "kxc", "[kiki]", "xc", "[kiki]", "o", "coc", "[kiki]", "sdods", "[kiki]", "sd", "ksdloii"}},
		"at the end":               {"ab", []string{"xabyab"}, []string{"x", "[ab]", "y", "[ab]"}},
		"over chunks":              {"ab", []string{"x", "a", "a", "b", "y"}, []string{"x", "a", "[ab]", "y"}},
		"matches do not overlap":   {"aa", []string{"aaa"}, []string{"[aa]", "a"}},
		"overlap over chunks":      {"aa", []string{"a", "a", "a"}, []string{"[aa]", "a"}},
		"nothing":                  {"ab", nil, nil},
		"nothing but empty chunks": {"ab", []string{"", ""}, nil},
		"no match":                 {"ab", []string{"ba", "ca"}, []string{"b", "a", "c", "a"}},
		"the whole is a match":     {"ab", []string{"ab"}, []string{"[ab]"}},
		"one byte":                 {"a", []string{"ab", "", "ca"}, []string{"[a]", "b", "c", "[a]"}},
		"an empty chunk within":    {"abc", []string{"xab", "", "c"}, []string{"x", "[abc]"}},
		"begins again within":      {"aabaac", []string{"aabaa", "b", "aac"}, []string{"aab", "[aabaac]"}},
		"does not go on":           {"aabaac", []string{"aabaa", "x"}, []string{"aabaa", "x"}},
		"goes on in part":          {"abab", []string{"xaba", "cab", "ab"}, []string{"x", "aba", "c", "[abab]"}},
		"at EOF":                   {"abab", []string{"xab", "a"}, []string{"x", "aba"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, rest, err := results(each[[]byte](c.in...), text.Search([]byte(c.pattern)), -1)
			require.NoError(t, err)
			assert.Equal(t, c.want, pieces(got))
			assert.Empty(t, rest)
		})
	}
	assert.PanicsWithValue(t, "enumeratee/text: Search: pattern must not be empty", func() { text.Search(nil) })
}

func TestSearchLeftovers(t *testing.T) {
	// The consumer stops in the middle: the bytes after that are left over, with their matches.
	got, rest, err := results(each[[]byte]("x[]y[]z", "[]"), text.Search([]byte("[]")), 2)
	assert.NoError(t, err)
	assert.Equal(t, []string{"x", "[[]]"}, pieces(got))
	assert.Equal(t, "y[]z[]", rest)

	for name, c := range map[string]struct {
		in   []string
		k, n int // the consumer is done with the k-th piece, of which it consumes n bytes
		want string
	}{
		"part of a match":              {[]string{"xaby"}, 2, 1, "by"},
		"a match over chunks":          {[]string{"xa", "by"}, 2, 0, "aby"},
		"part of that":                 {[]string{"xa", "by"}, 2, 1, "by"},
		"before bytes that are held":   {[]string{"xya", "by"}, 1, 1, "yaby"},
		"bytes that were held in vain": {[]string{"xa", "cab"}, 2, 0, "acab"},
		"after those":                  {[]string{"xa", "cab"}, 2, 1, "cab"},
		"at EOF":                       {[]string{"xa"}, 2, 0, "a"},
		"after EOF":                    {[]string{"xa"}, 2, 1, ""},
	} {
		rest, err := after(each[[]byte](c.in...), text.Search([]byte("ab")), leaving(c.k, c.n, butContent))
		assert.NoError(t, err, name)
		assert.Equal(t, c.want, rest, name)
	}
}

func butContent(m text.MatchInfo, n int) text.MatchInfo {
	return text.MatchInfo{Content: butBytes(m.Content, n), IsMatch: m.IsMatch}
}

func TestPiecesArePartsOfTheChunk(t *testing.T) {
	chunk := []byte("one, two, three")
	_, err := after([][]byte{chunk}, text.Search([]byte(", ")), iteratee.ForEach(func(_ context.Context, m text.MatchInfo) error {
		assert.Equal(t, len(m.Content), cap(m.Content), "appending does not change what follows")
		m.Content[0] = '!'
		return nil
	}))
	require.NoError(t, err)
	assert.Equal(t, "!ne! !wo! !hree", string(chunk))
}

func TestPiecesOverChunksDoNotShareThePattern(t *testing.T) {
	pattern := []byte("ab")
	search := text.Search(pattern)
	pattern[0] = 'x'
	for range 2 {
		got, _, err := results(each[[]byte]("a", "ba", "c"), search, -1)
		require.NoError(t, err)
		assert.Equal(t, []string{"[ab]", "a", "c"}, pieces(got))
		for _, m := range got {
			m.Content[0] = '!'
		}
	}
}

// checkSearch checks Search against strings.Split, for a consumer that stops at each
// piece.
func checkSearch(t require.TestingT, pattern, s string, sizes []byte) {
	in, search := cut[[]byte](s, sizes), text.Search([]byte(pattern))
	got, rest, err := results(in, search, -1)
	require.NoError(t, err)
	assert.Empty(t, rest)
	between := []string{""}
	for i, m := range got {
		assert.NotEmpty(t, m.Content)
		if m.IsMatch {
			assert.Equal(t, pattern, string(m.Content))
			between = append(between, "")
		} else {
			between[len(between)-1] += string(m.Content)
		}
		consumed := joined(contents(got[:i+1]))
		some, rest, err := results(in, search, i+1)
		assert.NoError(t, err)
		assert.Equal(t, got[:i+1], some)
		assert.Equal(t, s, consumed+rest)

		rest, err = after(in, search, leaving(i+1, 1, butContent))
		assert.NoError(t, err)
		assert.Equal(t, s, consumed[:len(consumed)-len(m.Content)+1]+rest)
	}
	assert.Equal(t, strings.Split(s, pattern), between)
}

func contents(found []text.MatchInfo) (all [][]byte) {
	for _, m := range found {
		all = append(all, m.Content)
	}
	return all
}

func TestMatchesDoNotDependOnChunkBoundaries(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		letters := rapid.SampledFrom([]rune("aab"))
		pattern := rapid.StringOfN(letters, 1, 6, -1).Draw(t, "pattern")
		s := strings.Join(rapid.SliceOfN(rapid.OneOf(rapid.Just(pattern), rapid.StringOfN(letters, 0, 5, -1)), 0, 5).Draw(t, "text"), "")
		checkSearch(t, pattern, s, cuts().Draw(t, "cuts"))
	})
}

func FuzzSearch(f *testing.F) {
	f.Add([]byte("ab"), []byte("xabyab"), []byte{1})
	f.Add([]byte("aabaac"), []byte("aabaabaacaabaaaabaac"), []byte{3, 0, 2})
	f.Fuzz(func(t *testing.T, pattern, in, sizes []byte) {
		if len(pattern) > 0 && len(in) < 100 {
			checkSearch(t, string(pattern), string(in), sizes)
		}
	})
}

func TestSearchIsLinearInSingleBytes(t *testing.T) {
	// Each byte may begin a match, and must not cost the length of the pattern.
	pattern := strings.Repeat("a", 10_000) + "b"
	s := strings.Repeat("a", 200_000) + "b"
	got, _, err := results(singles[[]byte](s), text.Search([]byte(pattern)), -1)
	require.NoError(t, err)
	assert.Equal(t, text.MatchInfo{Content: []byte(pattern), IsMatch: true}, got[len(got)-1])
	assert.Len(t, joined(contents(got)), len(s))
}

func TestSearchStagesShareOnePattern(t *testing.T) {
	// Attached twice in one run, interleaved.
	search := text.Search([]byte("ab"))
	var got [2][]string
	var sinks [2]iteratee.Sink[[]byte]
	for i := range sinks {
		sinks[i] = attached(t, search, func(m text.MatchInfo) { got[i] = append(got[i], pieces([]text.MatchInfo{m})...) })
	}
	for _, part := range []string{"xa", "bya", "b"} {
		for _, sink := range sinks {
			require.True(t, sink.Next([]byte(part)).IsCont())
		}
	}
	assert.Equal(t, []string{"x", "[ab]", "y", "[ab]"}, got[0])
	assert.Equal(t, got[0], got[1])
}
