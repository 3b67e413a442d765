// Package stop distinguishes a source that was stopped from one that has failed, finds the cause for
// the end of a run, and interrupts a Read or Write that waits.
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

// Cause is the cancellation cause for the context of a source that is no longer needed. errors.Is
// reports that it is Err and context.Canceled.
type Cause string

func (c Cause) Error() string { return string(c) }

// Unwrap returns Err and context.Canceled.
func (Cause) Unwrap() []error { return []error{Err, context.Canceled} }

// Over is the cancellation cause for the context of a run that has ended.
const Over = Cause("iteratee: the run is over")

// Only reports whether err means only that a source was told to stop. It returns false if another
// error is joined to that, such as one from closing a file.
func Only(err error) bool { return onlyIs(err, context.Canceled) }

// Caused returns the error of a run whose context is ctx and which failed with err. If err means
// only that ctx has ended, Caused returns the cause of that end, since most functions return
// ctx.Err(). If another error is joined to ctx.Err(), Caused joins the cause to them.
func Caused(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil || !errors.Is(err, ctx.Err()) {
		return err
	}
	switch cause := context.Cause(ctx); {
	case errors.Is(err, cause):
		return err
	case onlyIs(err, ctx.Err()):
		return cause
	default:
		return errors.Join(cause, err)
	}
}

// onlyIs reports whether err is target, wraps nothing but target, or joins only such errors.
func onlyIs(err, target error) bool {
	if reflect.TypeOf(err) == reflect.TypeOf(errors.Join(target)) {
		all := err.(interface{ Unwrap() []error }).Unwrap()
		return !slices.ContainsFunc(all, func(err error) bool { return !onlyIs(err, target) })
	}
	if wrapped := errors.Unwrap(err); wrapped != nil && errors.Is(wrapped, target) {
		return onlyIs(wrapped, target)
	}
	return errors.Is(err, target)
}

// Interrupting makes a Read or Write that waits fail when ctx ends, by setting a deadline in the
// past. The caller must call done afterwards, which removes the deadline.
func Interrupting(ctx context.Context, setDeadline func(time.Time) error) (done func()) {
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(interrupted)
		setDeadline(time.Unix(1, 0)) // it fails for files without deadlines
	})
	return func() {
		if !stop() {
			<-interrupted
			setDeadline(time.Time{})
		}
	}
}
