package enumeratee

import (
	"context"
	"errors"

	"github.com/halley-go/halley/internal/scope"
	"github.com/halley-go/halley/iteratee"
)

// An Enumeratee adapts a stream of From to a stream of To: it turns a consumer of
// To into a consumer of From.
//
// It is a recipe: every attachment starts afresh, so one value may be used many
// times and by several goroutines at once. The zero Enumeratee is not usable.
//
// An adapter that gets EOF hands on the elements that it still holds. It does not close its
// consumer, which stays open for whatever comes next, also when the adapter stops early.
//
// Play calls it Enumeratee too.
type Enumeratee[From, To any] struct {
	attach func(Stage, iteratee.Outlet[To]) (iteratee.Sink[From], iteratee.Step)
	part   *part // set instead of attach: composed
}

// New makes an Enumeratee of the function that attaches it to out, a consumer that is not done and that
// the adapter cannot close. The function is called once for each attachment and must make everything that
// the attachment changes. It returns the adapter and its first answer: StepCont, or the end if the adapter
// is done already.
//
// The adapter passes on every answer of out but StepCont. When it takes no more while out is still open,
// it answers [Stage.Stop]. Its EOF hands on the elements that the adapter still holds, and answers Stop
// too, unless out ends by that. EOF may be called again, and after the end of out, and must have no effect
// then. The Rest is the input that the adapter was handed, and that neither it nor out has consumed.
//
// A typical adapter is a struct that embeds its Stage, for EOF, and out, for Rest, and declares Next.
func New[From, To any](attach func(stage Stage, out iteratee.Outlet[To]) (iteratee.Sink[From], iteratee.Step)) Enumeratee[From, To] {
	return Enumeratee[From, To]{attach: attach}
}

// Attach puts the adapter before out, which must not be done. [Compose], [Transform] and
// [Enumeratee.Drive] call it, and so do adapters made of adapters.
func (a Enumeratee[From, To]) Attach(stage Stage, out iteratee.Outlet[To]) (iteratee.Sink[From], iteratee.Step) {
	switch {
	case a.part != nil:
		return attachParts[From](a.part, stage, out)
	case a.attach != nil:
		return a.attach(stage, out)
	}
	panic("enumeratee: Attach: the zero Enumeratee cannot run; make one with Map, Take or another constructor")
}

// Drive puts the adapter before sink, and calls drive to feed it. drive gets the context for its source,
// and returns the last answer of the adapter, or its own failure. Drive then closes the adapter, and
// returns StepCont if sink wants more, otherwise the end. It does not close sink. What the adapter leaves
// over is dropped.
//
// enumerator.Through is made of Drive.
func (a Enumeratee[From, To]) Drive(ctx context.Context, sink iteratee.Sink[To], drive func(context.Context, iteratee.Sink[From]) iteratee.Step) iteratee.Step {
	stage := newSourceStage(ctx)
	failure := errDrivePanicked // until it has ended otherwise
	defer func() {
		if failure != nil {
			stage.fail(failure) // or the goroutines of a may wait for a consumer that waits for its context
		}
		stage.End()
	}()
	adapter, step := a.Attach(stage, sink)
	if step.IsCont() {
		step = scope.Drive(stage.Context(), adapter, drive)
	}
	if step.IsCont() || step == stage.Stop() {
		step = adapter.EOF()
	}
	if failure = step.Err(); step == stage.Stop() {
		return iteratee.StepCont
	}
	return step
}

var errDrivePanicked = errors.New("enumeratee: a source or an adapter has panicked")

// Closable returns out with its EOF, for an adapter that has a source drive its consumer: the source may
// send EOF. If out is a type that has no method EOF, EOF answers an error that says so.
func Closable[E any](out iteratee.Outlet[E]) iteratee.Sink[E] {
	if sink, ok := out.(iteratee.Sink[E]); ok {
		return sink
	}
	return unclosable[E]{out}
}

type unclosable[E any] struct{ iteratee.Outlet[E] }

func (u unclosable[E]) EOF() iteratee.Step {
	return iteratee.StepError(errUnclosable)
}

var errUnclosable = errors.New("enumeratee: a source sent EOF through an adapter that gave it a consumer without the method EOF")
