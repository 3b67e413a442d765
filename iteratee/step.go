package iteratee

import "context"

// A Step is the answer of a [Sink] to the function that feeds it: the Sink asks for more, is done, or has
// failed. The zero Step is [StepCont].
//
// Steps are compared with ==. The Step of a [Stop] equals no other Step. It distinguishes an adapter that
// has stopped from a consumer that is done.
type Step struct{ end *end }

type end struct {
	err error // nil for done
}

var (
	// StepCont asks for more input.
	StepCont = Step{}

	// StepDone says that the consumer is done.
	StepDone = Step{&end{}}
)

// StepError returns the Step that says that the consumer has failed with err, which ends the run. It panics
// if err is nil.
func StepError(err error) Step {
	if err == nil {
		panic("iteratee: StepError: err must not be nil")
	}
	return Step{&end{err}}
}

// A Stop has a Step of its own. The Step says done, as [StepDone] does, but equals only itself. It is the
// answer of an adapter that takes no more elements while its consumer is still open.
type Stop struct{ end }

// Step returns the Step of s.
func (s *Stop) Step() Step { return Step{&s.end} }

// IsCont reports whether s asks for more input.
func (s Step) IsCont() bool { return s.end == nil }

// Err returns the error of s if [StepError] has made s, otherwise nil.
func (s Step) Err() error {
	if s.end == nil {
		return nil
	}
	return s.end.err
}

// Cancelled returns StepError(context.Cause(ctx)) if ctx has ended, otherwise StepCont. Sources, and
// operators that call functions with a context, call it before each element.
func Cancelled(ctx context.Context) Step {
	if ctx.Err() != nil {
		return StepError(context.Cause(ctx))
	}
	return StepCont
}
