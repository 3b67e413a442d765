// Package guard runs a user's function in a goroutine that must handle its panic or Goexit.
package guard

import "fmt"

// Run calls f, then done. done receives nil if f returned, the panic value if f panicked, and an error
// that starts with name if f called runtime.Goexit. name has the form "package: function: part". After
// a Goexit, the goroutine ends when done has returned.
func Run(name string, f func(), done func(panicked any)) {
	returned := false
	defer func() {
		panicked := recover()
		if panicked == nil && !returned {
			panicked = fmt.Errorf("%s has called runtime.Goexit", name)
		}
		done(panicked)
	}()
	f()
	returned = true
}
