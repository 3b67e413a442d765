package enumerator_test

import (
	"encoding/json"
	"math"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
)

func TestPosition(t *testing.T) {
	for text, p := range map[string]enumerator.Position{
		"":                            {},
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
