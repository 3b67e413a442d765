package enumerator_test

import (
	"cmp"
	"encoding/json"
	"math"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/enumerator"
)

func TestPosition(t *testing.T) {
	for text, p := range map[string]enumerator.Position{
		"":                             {},
		"1-10":                         {Epoch: 1},
		"0-11":                         {Seq: 1},
		"1z-1z":                        {Epoch: 71, Seq: 35},
		"1z-210":                       {Epoch: 71, Seq: 36},
		"2s-2zz":                       {Epoch: 100, Seq: 1295},
		"3w5e11264sgsf-d3w5e11264sgsf": {Epoch: math.MaxUint64, Seq: math.MaxUint64},
	} {
		assert.Equal(t, text, p.String())
		got, err := enumerator.ParsePosition(text)
		assert.NoError(t, err)
		assert.Equal(t, p, got)
		assert.Equal(t, text, url.QueryEscape(text))
		quoted, err := json.Marshal(p)
		assert.NoError(t, err)
		assert.Equal(t, `"`+text+`"`, string(quoted))
		require.NoError(t, json.Unmarshal(quoted, &got))
		assert.Equal(t, p, got)
	}
	for _, text := range []string{"-", "0-10", "1", "1-", "-11", "-", "1-11-11", "01-12", "1-202", "A-11", "+1-11", "1-1+1", "1--1", " 1-11",
		"1_0-11", "1-11\n", "é-11", "3w5e11264sgsg-11", "1-d3w5e11264sgsg", "1-e03w5e11264sgsf", "1-1", "1-0", "1-21", "1-111", "1-é1",
		"1-1é", "1-00", "11-1-1", "1-A0000000000", "1-1A"} {
		p, err := enumerator.ParsePosition(text)
		assert.ErrorContains(t, err, "is not a position", text)
		assert.Zero(t, p)
	}
	assert.Error(t, json.Unmarshal([]byte(`"1-"`), new(enumerator.Position)))
}

// The texts of one epoch sort as bytes like the Positions. The numbers are drawn in all lengths.
func TestPositionsSortAsBytes(t *testing.T) {
	number := rapid.Custom(func(t *rapid.T) uint64 {
		return rapid.Uint64().Draw(t, "number") >> rapid.IntRange(0, 63).Draw(t, "shift")
	})
	rapid.Check(t, func(t *rapid.T) {
		p := enumerator.Position{Epoch: number.Draw(t, "epoch") | 1, Seq: number.Draw(t, "seq")}
		q := enumerator.Position{Epoch: p.Epoch, Seq: number.Draw(t, "other seq")}
		if rapid.Bool().Draw(t, "next") {
			q.Seq = p.Seq + 1
		}
		assert.Equal(t, cmp.Compare(p.Seq, q.Seq), strings.Compare(p.String(), q.String()), "%v %v", p, q)
		back, err := enumerator.ParsePosition(p.String())
		require.NoError(t, err)
		assert.Equal(t, p, back)
	})
	var texts []string
	for seq := range uint64(2000) {
		texts = append(texts, enumerator.Position{Epoch: 71, Seq: seq}.String())
	}
	assert.True(t, slices.IsSorted(texts))
}

func TestNoAllocationButTheTextOfAPosition(t *testing.T) {
	p, buf := enumerator.Position{Epoch: math.MaxUint64, Seq: math.MaxUint64}, make([]byte, 0, 28)
	assert.Zero(t, testing.AllocsPerRun(100, func() { _, _ = p.AppendText(buf) }))
	var text string
	assert.EqualValues(t, 1, testing.AllocsPerRun(100, func() { text = p.String() }))
	assert.Len(t, text, cap(buf))
}

func FuzzParsePosition(f *testing.F) {
	for _, s := range []string{"", "1-10", "zz-22s", "0-10", "-", "1-", "1-1", "1-2", "1-é", "1-d3w5e11264sgsf"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if p, err := enumerator.ParsePosition(s); err == nil {
			assert.Equal(t, s, p.String(), "each Position has one text")
		}
	})
}
