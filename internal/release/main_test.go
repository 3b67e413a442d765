package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var day = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

// repository returns the folder of a new repository with the modules and the changelog.
func repository(t *testing.T, changelog string) string {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	write := func(file, text string) {
		file = filepath.Join(dir, file)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	}
	write("CHANGELOG.md", changelog)
	write("go.mod", "module "+module+"\n\ngo 1.26.0\n")
	for _, folder := range nested {
		write(folder+"/go.mod", "module "+module+"/"+folder+"\n\ngo 1.26.0\n\nrequire "+module+" v0.0.0\n\nreplace "+module+" => ../../..\n")
	}
	for _, args := range [][]string{
		{"init", "--quiet"}, {"config", "user.name", "test"}, {"config", "user.email", "test@example.com"},
		{"config", "commit.gpgsign", "false"}, {"config", "tag.gpgsign", "false"},
		{"add", "."}, {"commit", "--quiet", "--message", "Begin"},
	} {
		_, err := run(dir, "git", args...)
		require.NoError(t, err)
	}
	return dir
}

const changes = "# Changelog\n\n## Unreleased\n\n### Added\n\n- a stream\n"

func TestTagsAllModulesTogether(t *testing.T) {
	dir := repository(t, changes)
	require.NoError(t, release(dir, "v0.1.0", day))

	tags, err := run(dir, "git", "tag", "--points-at", "HEAD")
	require.NoError(t, err)
	assert.ElementsMatch(t, []string{"v0.1.0", "enumerator/topics/jetstream/v0.1.0", "httpadapter/otel/v0.1.0", "httpadapter/prometheus/v0.1.0"}, strings.Fields(tags))
	for _, folder := range nested {
		mod, err := os.ReadFile(filepath.Join(dir, folder, "go.mod"))
		require.NoError(t, err)
		assert.Contains(t, string(mod), "require "+module+" v0.1.0\n")
	}
	changelog, err := os.ReadFile(filepath.Join(dir, "CHANGELOG.md"))
	require.NoError(t, err)
	assert.Equal(t, "# Changelog\n\n## Unreleased\n\n## v0.1.0, 2026-12-01\n\n### Added\n\n- a stream\n", string(changelog))
	left, err := run(dir, "git", "status", "--porcelain")
	require.NoError(t, err)
	assert.Empty(t, left)
}

func TestRefusesARelease(t *testing.T) {
	for name, c := range map[string]struct{ changelog, version, want string }{
		"without a version": {changes, "0.1.0", "is not a version"},
		"of a candidate":    {changes, "v0.1.0-rc1", "is not a version"},
		"without entries":   {"# Changelog\n\n## Unreleased\n\n## v0.0.1, 2026-11-01\n\n- old\n", "v0.1.0", "no entries"},
	} {
		t.Run(name, func(t *testing.T) {
			assert.ErrorContains(t, release(repository(t, c.changelog), c.version, day), c.want)
		})
	}
	t.Run("of changes that are not committed", func(t *testing.T) {
		dir := repository(t, changes)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "new.go"), []byte("package new"), 0o644))
		assert.ErrorContains(t, release(dir, "v0.1.0", day), "commit them first")
	})
	t.Run("that exists", func(t *testing.T) {
		dir := repository(t, changes)
		_, err := run(dir, "git", "tag", "v0.1.0")
		require.NoError(t, err)
		assert.ErrorContains(t, release(dir, "v0.1.0", day), "exists")
	})
}

// The list of nested modules that are released must not miss one.
func TestEveryModuleIsReleasedOrInternal(t *testing.T) {
	internal := []string{".", "bench", "bench/topics", "examples/cluster", "internal/routers", "internal/tools", "interop"}
	files, err := run("../..", "git", "ls-files", "*go.mod")
	if err != nil {
		t.Skip(err)
	}
	var folders []string
	for file := range strings.Lines(files) {
		folders = append(folders, filepath.ToSlash(filepath.Dir(strings.TrimSpace(file))))
	}
	assert.ElementsMatch(t, append(internal, nested...), folders)
}
