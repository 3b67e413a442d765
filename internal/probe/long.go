package probe

import (
	"os"
	"runtime/debug"
	"testing"
)

// Long reports whether tests take their long forms: where CI is true, as in .ci/run.
func Long() bool { return os.Getenv("CI") == "true" }

// Deep returns how many parts a chain of any length has in a test. It is a million in the
// long form. Otherwise it is a tenth of that, and the stack has a tenth of its limit until t
// ends, so that a recursion is found as well.
func Deep(t testing.TB) int {
	const parts, maxStack = 1_000_000, 1_000_000_000 // maxStack is Go's own
	if Long() {
		return parts
	}
	before := debug.SetMaxStack(maxStack / 10)
	t.Cleanup(func() { debug.SetMaxStack(before) })
	return parts / 10
}
