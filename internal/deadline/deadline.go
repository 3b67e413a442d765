// Package deadline interrupts a Read or a Write that waits.
package deadline

import (
	"context"
	"time"
)

// Interrupt makes a Read or Write that waits fail when ctx ends. It sets a deadline in the past by
// setDeadline, which may fail, as it does for files. release stops that, and clears a deadline that was set,
// so that others can use the connection.
func Interrupt(ctx context.Context, setDeadline func(time.Time) error) (release func()) {
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(interrupted)
		setDeadline(time.Unix(1, 0))
	})
	return func() {
		if !stop() {
			<-interrupted
			setDeadline(time.Time{})
		}
	}
}
