// Package deadline interrupts a Read or a Write that waits.
package deadline

import (
	"context"
	"time"
)

// Interrupt has a Read or Write that waits fail when ctx ends, by a deadline in the past. setDeadline may
// fail, as it does for files. release ends that, and clears the deadline for whoever uses the connection
// next.
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
