package enumeratee

import (
	"context"

	"github.com/halley-go/halley/internal/scope"
	"github.com/halley-go/halley/iteratee"
)

// Recover returns the adapter that goes on where adapter fails. It calls f with the error and the element on
// which adapter failed, which is dropped, or EOF if adapter failed at the end. Then it starts adapter afresh,
// before the same consumer. If adapter runs the consumer in a goroutine of its own, Recover waits for that
// before it calls f, and the context of the consumer does not end. If f returns an error, that ends the run. A
// failure of the consumer, and the end of the context, are not recovered from. What adapter leaves over is left
// over.
//
// Elements that adapter has kept, such as a group that has begun, are lost when it starts afresh; things that it
// holds open are closed. If adapter has goroutines, an adapter behind it that ends stops the source only at the
// next element. A failure when adapter is attached, such as that of [Defer], is not recovered from.
//
// Play calls it Enumeratee.recover, and recovers from a failure of everything behind it.
func Recover[From, To any](adapter Enumeratee[From, To], f func(context.Context, error, iteratee.Input[From]) error) Enumeratee[From, To] {
	return New(func(stage Stage, out iteratee.Outlet[To]) (iteratee.Sink[From], iteratee.Step) {
		r := &recovering[From, To]{adapter: adapter, f: f, stage: stage, consumer: watched[To]{out: out}}
		own, interrupt := stage.interruptible()
		stage.AtEnd(func() { r.closePlace() })
		step := r.attach()
		stage.goes = stage.goes || r.place.goes
		if !r.place.goes { // otherwise an interruption ends here, since those go on
			stage.passOn(own, interrupt)
		}
		return r, r.answer(step)
	})
}

type recovering[From, To any] struct {
	adapter  Enumeratee[From, To]
	f        func(context.Context, error, iteratee.Input[From]) error
	stage    Stage
	consumer watched[To]
	end      iteratee.Step // set when f has given up, or at EOF

	iteratee.Sink[From]       // the adapter as it is attached now
	place               Stage // where it is
	closePlace          func()
}

// attach attaches the adapter in a run of its own. So things that it holds open are closed when it has failed,
// and it does not interrupt the source, which goes on after that.
func (r *recovering[From, To]) attach() (step iteratee.Step) {
	run := scope.NewWithin(r.stage.Context(), false)
	r.place, r.closePlace = NewStage(run), run.End
	r.Sink, step = r.adapter.Attach(r.place, &r.consumer)
	return step
}

// answer returns step, or the stop of the stage for that of the place.
func (r *recovering[From, To]) answer(step iteratee.Step) iteratee.Step {
	if step == r.place.Stop() {
		return r.stage.Stop()
	}
	return step
}

// recover answers for an adapter that has answered step to at.
func (r *recovering[From, To]) recover(step iteratee.Step, at iteratee.Input[From]) iteratee.Step {
	if step.Err() == nil {
		return r.answer(step)
	}
	r.closePlace() // a goroutine of the adapter has the consumer until then
	if r.consumer.last.Err() != nil {
		return step
	}
	if r.end = iteratee.Cancelled(r.stage.Context()); !r.end.IsCont() {
		return r.end
	}
	if err := r.f(r.stage.Context(), step.Err(), at); err != nil {
		r.end = iteratee.StepError(err)
		return r.end
	}
	return r.answer(r.attach())
}

func (r *recovering[From, To]) Next(e From) iteratee.Step {
	if !r.end.IsCont() {
		return r.end
	}
	step := r.Sink.Next(e)
	if step.IsCont() {
		return step
	}
	return r.recover(step, iteratee.El(e))
}

func (r *recovering[From, To]) EOF() iteratee.Step {
	if !r.end.IsCont() {
		return r.end
	}
	step := r.recover(r.Sink.EOF(), iteratee.EOF[From]())
	if step.IsCont() {
		r.end = r.stage.Stop() // the adapter has been started afresh, and holds nothing
		return r.end
	}
	return step
}

// watched is a consumer whose last answer is noted.
type watched[E any] struct {
	out  iteratee.Outlet[E]
	last iteratee.Step
}

func (w *watched[E]) Next(e E) iteratee.Step {
	w.last = w.out.Next(e)
	return w.last
}

func (w *watched[E]) EOF() iteratee.Step      { return Closable(w.out).EOF() }
func (w *watched[E]) Rest() iteratee.Input[E] { return w.out.Rest() }
