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
		"1-0":                         {Epoch: 1},
		"0-1":                         {Seq: 1},
		"2s-zz":                       {Epoch: 100, Seq: 1295},
		"3w5e11264sgsf-3w5e11264sgsf": {Epoch: math.MaxUint64, Seq: math.MaxUint64},
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
	for _, text := range []string{"-", "0-0", "1", "1-", "-1", "1-2-3", "01-2", "1-02", "A-1", "+1-1", "1--1", " 1-1", "1_0-1", "1-1\n", "é-1",
		"3w5e11264sgsg-1", "1-3w5e11264sgsg"} {
		p, err := enumerator.ParsePosition(text)
		assert.ErrorContains(t, err, "is not a position", text)
		assert.Zero(t, p)
	}
	assert.Error(t, json.Unmarshal([]byte(`"1-"`), new(enumerator.Position)))
}

func FuzzParsePosition(f *testing.F) {
	for _, s := range []string{"", "1-0", "zz-2s", "0-0", "-"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if p, err := enumerator.ParsePosition(s); err == nil {
			assert.Equal(t, s, p.String(), "each Position has one text")
		}
	})
}
