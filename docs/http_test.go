package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each option of package httpadapter has a row in http.md.
func TestOptions(t *testing.T) {
	page, err := os.ReadFile("http.md")
	require.NoError(t, err)
	_, table, _ := strings.Cut(string(page), "\n## Options\n")
	table, _, _ = strings.Cut(table, "\n\nA heartbeat")
	files, err := filepath.Glob(filepath.Join(root, "httpadapter", "*.go"))
	require.NoError(t, err)
	option := regexp.MustCompile(`(?m)^func ([A-Z]\w*)\(.*\) Option {`)
	found := 0
	for _, name := range files {
		code, err := os.ReadFile(name)
		require.NoError(t, err)
		for _, match := range option.FindAllStringSubmatch(string(code), -1) {
			found++
			if !strings.Contains(table, "`"+match[1]+"`") {
				t.Errorf("http.md: the table under Options has no row for httpadapter.%s: add one", match[1])
			}
		}
	}
	assert.NotZero(t, found)
}
