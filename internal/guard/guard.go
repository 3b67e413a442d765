// Package guard runs functions of users in goroutines that they must not take with them.
package guard

import "fmt"

// Run calls f, and over when f is over: with nil if it has returned, with what it has panicked
// with, or, if it has called runtime.Goexit, with an error that begins with what, which is
// "package: function: who". After a Goexit the goroutine ends when over has returned.
func Run(what string, f func(), over func(panicked any)) {
	returned := false
	defer func() {
		panicked := recover()
		if panicked == nil && !returned {
			panicked = fmt.Errorf("%s has called runtime.Goexit", what)
		}
		over(panicked)
	}()
	f()
	returned = true
}
