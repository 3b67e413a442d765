// Package stop distinguishes a source that was stopped from one that has failed, and finds the cause for
// the end of a run.
package stop

import (
	"context"
	"errors"
	"reflect"
	"slices"
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
