package table

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestWrite(t *testing.T) {
	for _, c := range []struct {
		rows     [][]string
		markdown bool
		want     string
	}{
		{[][]string{{"server", "x"}, {"loop", "1.0"}}, false, "server  x\nloop    1.0\n"},
		{[][]string{{"server", "x"}, {"loop", "1.0"}}, true, "| server | x |\n|---|--:|\n| loop | 1.0 |\n"},
		{[][]string{{"job"}}, true, "| job |\n|---|\n"},
		{nil, false, ""},
		{nil, true, ""},
	} {
		var out strings.Builder
		Write(&out, c.rows, c.markdown)
		assert.Equal(t, c.want, out.String())
	}
}
