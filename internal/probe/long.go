package probe

import (
	"os"
	"runtime/debug"
	"testing"
)

// Long reports whether tests run in their long form. They do if CI is true, as in .ci/run.
func Long() bool { return os.Getenv("CI") == "true" }

// Deep returns the number of parts for the test of a long chain: a million in the long
// form, a tenth of that in the short form. The short form also lowers the limit of the
// stack to a tenth until t ends, so that a recursion still fails the test.
func Deep(t testing.TB) int {
	const parts, maxStack = 1_000_000, 1_000_000_000 // maxStack is Go's own
	if Long() {
		return parts
	}
	before := debug.SetMaxStack(maxStack / 10)
	t.Cleanup(func() { debug.SetMaxStack(before) })
	return parts / 10
}
