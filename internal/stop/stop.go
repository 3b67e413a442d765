// Package stop tells a source that was stopped from one that has failed, and finds the cause of the end of
// a run.
package stop

import (
	"context"
	"errors"
	"reflect"
	"slices"
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

// Only reports whether err means only that a source was told to stop. An error that is joined to
// that, such as one of closing a file, is a failure.
func Only(err error) bool { return onlyIs(err, context.Canceled) }

// Caused returns err as the error of a run whose context is ctx. If err means only that ctx has
// ended, Caused returns the cause, for a function knows ctx.Err() and not the cause. If more is
// joined to that, the cause is joined too.
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
