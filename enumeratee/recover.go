package enumeratee

import (
	"context"

	"github.com/halley-go/halley/internal/cork"
	"github.com/halley-go/halley/iteratee"
)

// Recover returns the adapter that is t, and goes on where t fails. It calls f with the
// error and the element on which t failed, which is dropped, or EOF if t failed at the
// end; then it starts t afresh, before the same consumer. If t runs that in a goroutine
// of its own, it is waited for before f is called: its context does not end. If f returns an error, that
// ends the run. What comes from the consumer, or from the end of the context, passes.
// What t leaves over is left over.
//
// What t has kept of the elements before, such as a group that has begun, is lost when
// it starts afresh; what it holds open is closed. If t has goroutines, an adapter behind it
// that ends stops the source only at the next element. A failure when t is attached, such as
// that of [Defer], is not recovered from.
//
// It is Play's Enumeratee.recover, which recovers from all that stands behind it; here t
// says how far that goes.
func Recover[From, To any](t Enumeratee[From, To], f func(context.Context, error, iteratee.Input[From]) error) Enumeratee[From, To] {
	return New(func(stage Stage, inner iteratee.Sink[To]) (iteratee.Sink[From], iteratee.Step) {
		var consumer, end iteratee.Step // the consumer's last answer; set when f has given up, or at EOF
		watched := iteratee.Sink[To]{
			Next: func(e To) iteratee.Step {
				consumer = inner.Next(e)
				return consumer
			},
			EOF:  inner.EOF,
			Rest: inner.Rest,
		}
		// A run for each time t is attached, so that what it holds open is closed when it
		// has failed, and that it does not interrupt the source, which goes on after t.
		ctx, interrupt := stage.Interruptible()
		var place Stage
		var closePlace func()
		stage.AtEnd(func() { closePlace() })
		attach := func() (iteratee.Sink[From], iteratee.Step) {
			var run context.Context
			run, closePlace = iteratee.NewRun(stage.Context())
			cork.Of(run).Join(cork.Of(stage.Context()))
			place = NewStage(run)
			return t.Attach(place, watched)
		}
		outer, step := attach()
		stage.goes = stage.goes || place.goes
		if !place.goes { // otherwise an interruption ends here, since those go on
			stage.passOn(ctx, interrupt)
		}
		own := func(step iteratee.Step) iteratee.Step {
			if step == place.Stop() {
				return stage.Stop()
			}
			return step
		}
		recovered := func(step iteratee.Step, at iteratee.Input[From]) iteratee.Step {
			if step.Err() == nil {
				return own(step)
			}
			closePlace() // a goroutine of t has the consumer until then
			if consumer.Err() != nil {
				return step
			}
			if end = iteratee.Cancelled(stage.Context()); !end.IsCont() {
				return end
			}
			if err := f(stage.Context(), step.Err(), at); err != nil {
				end = iteratee.StepError(err)
				return end
			}
			outer, step = attach()
			return own(step)
		}
		return iteratee.Sink[From]{
			Next: func(e From) iteratee.Step {
				if !end.IsCont() {
					return end
				}
				step := outer.Next(e)
				if step.IsCont() {
					return step
				}
				return recovered(step, iteratee.El(e))
			},
			EOF: func() iteratee.Step {
				if !end.IsCont() {
					return end
				}
				step := recovered(outer.EOF(), iteratee.EOF[From]())
				if step.IsCont() {
					end = stage.Stop() // t has been started afresh, and holds nothing
					return end
				}
				return step
			},
			Rest: func() iteratee.Input[From] { return outer.Rest() },
		}, own(step)
	})
}
