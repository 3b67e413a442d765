// Package stop tells a source that was stopped from one that has failed, and interrupts
// what waits.
package stop

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"time"
)

// Err is enumerator.ErrStopped.
var Err = errors.New("enumerator: the consumer is done")

// Cause is why the context of a source ends that is not needed any more. Whoever asks with
// errors.Is sees Err, and context.Canceled.
type Cause string

func (c Cause) Error() string { return string(c) }

// Unwrap returns what it is.
func (Cause) Unwrap() []error { return []error{Err, context.Canceled} }

// Over is why the context of a run ends when that is over.
const Over = Cause("iteratee: the run is over")

// Only reports whether a source says with err no more than that it was stopped, whichever way it
// says so: that is no failure. An error that is joined to it, such as one of closing a file, is.
func Only(err error) bool {
	if reflect.TypeOf(err) == reflect.TypeOf(errors.Join(context.Canceled)) {
		all := err.(interface{ Unwrap() []error }).Unwrap()
		return !slices.ContainsFunc(all, func(err error) bool { return !Only(err) })
	}
	return errors.Is(err, context.Canceled)
}

// Interrupting has a Read or Write that waits fail when ctx ends, by a deadline that has passed.
// over ends that; there is no deadline any more then, for who goes on.
func Interrupting(ctx context.Context, setDeadline func(time.Time) error) (over func()) {
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(interrupted)
		setDeadline(time.Unix(1, 0)) // its error says that it cannot, as with files
	})
	return func() {
		if !stop() {
			<-interrupted
			setDeadline(time.Time{})
		}
	}
}
