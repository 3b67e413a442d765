// Package stop tells a source that was stopped from one that has failed.
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

// Only reports whether a source says with err no more than that it was stopped, whichever way it
// says so: that is no failure. An error that is joined to it, such as one of closing a file, is.
func Only(err error) bool {
	if reflect.TypeOf(err) == reflect.TypeOf(errors.Join(context.Canceled)) {
		all := err.(interface{ Unwrap() []error }).Unwrap()
		return !slices.ContainsFunc(all, func(err error) bool { return !Only(err) })
	}
	return errors.Is(err, context.Canceled)
}
