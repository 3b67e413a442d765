package comet_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/enumeratee/enumerateetest"
)

func TestAdaptersKeepTheLaws(t *testing.T) {
	in := []string{"a", "", "</script>", "b"}
	assert.NoError(t, enumerateetest.TestRest(comet.String("f"), in))
	assert.NoError(t, enumerateetest.TestRest(comet.JSON[string]("f", comet.Preamble("")), in))
	assert.NoError(t, enumerateetest.TestRest(comet.Messages("f", func(dst []byte, s string) ([]byte, error) {
		return append(dst, s...), nil // the third message fails
	}), in))
}
