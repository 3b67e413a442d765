package client_test

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/internal/probe"
)

// node returns a command that runs Node with args in the folder of the script's tests. Without
// Node, node skips the test, or fails it if CI is true.
func node(t testing.TB, args ...string) *exec.Cmd {
	program, err := exec.LookPath("node")
	if err != nil {
		if probe.Long() {
			t.Fatal("no node, and CI must not skip this test")
		}
		t.Skip("no node")
	}
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = "script_test"
	cmd.Env = append(os.Environ(), "HALLEY_SCRIPT=halley.min.js")
	return cmd
}

// The tests in script_test run the minified script against servers of their own.
func TestScriptInNode(t *testing.T) {
	t.Parallel()
	output, err := node(t, "--test", "halley.test.mjs", "tabs.test.mjs", "table.test.mjs").CombinedOutput()
	require.NoError(t, err, "%s", output)
}

// tsc checks the types of halley.d.ts and table.d.ts, and their use in types.ts.
func TestTypes(t *testing.T) {
	t.Parallel()
	program, args := "tsc", []string{}
	if _, err := exec.LookPath(program); err != nil {
		if program, err = exec.LookPath("npm"); !probe.Long() {
			t.Skip("no tsc")
		} else if err != nil {
			t.Fatal("no npm, and CI must not skip this test")
		}
		args = []string{"exec", "--yes", "--package=typescript@5.9.3", "--", "tsc"}
		output, err := exec.CommandContext(t.Context(), program, append(args, "--version")...).CombinedOutput()
		require.NoError(t, err, "npm has no tsc, and CI must not skip this test: %s", output)
	}
	tsc := exec.CommandContext(t.Context(), program, append(args, "--noEmit", "--strict", "--lib", "es2017,dom", "types.ts")...)
	tsc.Dir = "script_test"
	output, err := tsc.CombinedOutput()
	require.NoError(t, err, "%s", output)
}
