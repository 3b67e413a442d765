package iteratee

import "context"

// A Step is what a [Sink] answers to whoever feeds it: it asks for more, it is
// done, or it has failed. The zero Step is [StepCont].
//
// Steps are compared with ==. The Step of a [Stop] equals no other, so an
// adapter that answers its own can be told from a consumer that is done.
type Step struct{ end *end }

type end struct {
	err error // nil for done
}

var (
	// StepCont asks for more input.
	StepCont = Step{}

	// StepDone says that the consumer is done and wants no more input.
	StepDone = Step{&end{}}
)

// StepError says that the consumer has failed with err, which ends the run.
// It panics if err is nil.
func StepError(err error) Step {
	if err == nil {
		panic("iteratee: StepError: err must not be nil")
	}
	return Step{&end{err}}
}

// A Stop has a Step of its own, which says done, as [StepDone] does, but equals only
// itself. An adapter answers it to say that it takes no more while its consumer is
// still open.
type Stop struct{ end }

// Step returns that Step.
func (s *Stop) Step() Step { return Step{&s.end} }

// IsCont reports whether the Step asks for more input.
func (s Step) IsCont() bool { return s.end == nil }

// Err returns the error of a Step made by [StepError], otherwise nil.
func (s Step) Err() error {
	if s.end == nil {
		return nil
	}
	return s.end.err
}

// Cancelled returns StepError(context.Cause(ctx)) if the context has ended, and
// StepCont if it has not. Sources, and operators whose functions have effects, ask
// it before each element.
func Cancelled(ctx context.Context) Step {
	if ctx.Err() != nil {
		return StepError(context.Cause(ctx))
	}
	return StepCont
}
