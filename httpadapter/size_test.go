package httpadapter_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

// A program that only serves a stream is at most 150 KB larger than a loop with net/http alone. Both are built
// without symbols and debugging information.
func TestSizeOfAProgram(t *testing.T) {
	if testing.Short() {
		t.Skip("builds two programs")
	}
	t.Parallel()
	dir := t.TempDir()
	size := func(program string) int64 {
		file := filepath.Join(dir, program)
		run(t, "go", "build", "-ldflags=-s -w", "-o", file, "./testdata/size/"+program)
		info, err := os.Stat(file)
		require.NoError(t, err)
		return info.Size()
	}
	stream, loop := size("stream"), size("loop")
	t.Logf("stream %d bytes, loop %d bytes: %d more", stream, loop, stream-loop)
	assert.LessOrEqual(t, stream-loop, int64(150_000))
}

// Such a program contains no packages but those of the standard library and of this module.
func TestDependenciesOfAProgram(t *testing.T) {
	if testing.Short() {
		t.Skip("lists the packages of a program")
	}
	t.Parallel()
	for name := range strings.FieldsSeq(run(t, "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", "./testdata/size/stream")) {
		assert.True(t, strings.HasPrefix(name, "github.com/halley-go/halley/"), name)
	}
}
