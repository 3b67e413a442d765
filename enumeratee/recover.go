package enumeratee

import (
	"context"

	"github.com/halley-go/halley/internal/scope"
	"github.com/halley-go/halley/iteratee"
)

// Recover returns the adapter that runs adapter and goes on when adapter fails. It calls f with the error and
// the element on which adapter failed, or EOF if it failed at EOF. That element is dropped. Then Recover starts
// adapter afresh, before the same consumer. Elements that adapter holds, such as a group that has begun, are
// lost, and everything that it holds open is closed.
//
// An error of f ends the run. Recover does not recover from a failure of the consumer, from the end of the
// context, or from a failure when adapter is attached, such as one of [Defer]. The leftovers of adapter are left
// over.
//
// If adapter runs its consumer in another goroutine, Recover waits for that goroutine before it calls f. The
// context of the consumer does not end. In this case, when an adapter behind Recover ends, the source does
// not stop before its next element.
//
// Play calls it Enumeratee.recover, and recovers from failures of the consumer too.
func Recover[From, To any](adapter Enumeratee[From, To], f func(context.Context, error, iteratee.Input[From]) error) Enumeratee[From, To] {
	return New(func(stage Stage, out iteratee.Outlet[To]) (iteratee.Sink[From], iteratee.Step) {
		r := &recovering[From, To]{adapter: adapter, f: f, stage: stage, consumer: watched[To]{out: out}}
		own, interrupt := stage.interruptible()
		r.own = own
		stage.AtEnd(func() { r.closePlace() })
		step := r.attach()
		stage.goes = stage.goes || r.place.goes
		if !r.place.goes { // with goroutines, an interruption ends here, because they go on
			stage.passOn(own, interrupt)
		}
		return r, r.answer(step)
	})
}

type recovering[From, To any] struct {
	adapter  Enumeratee[From, To]
	f        func(context.Context, error, iteratee.Input[From]) error
	stage    Stage
	own      context.Context // ends when an adapter behind interrupts
	consumer watched[To]
	end      iteratee.Step // set when f has given up, or at EOF

	iteratee.Sink[From]       // the adapter as it is attached now
	place               Stage // its Stage
	closePlace          func()
}

// attach attaches the adapter in a run of its own. The end of that run closes everything that the adapter holds
// open when it has failed. The adapter does not interrupt the source, which goes on after a failure.
func (r *recovering[From, To]) attach() (step iteratee.Step) {
	run := scope.NewWithin(r.own, false)
	r.place, r.closePlace = NewStage(run), run.End
	r.Sink, step = r.adapter.Attach(r.place, &r.consumer)
	return step
}

// answer returns step. It replaces the Stop of the place by that of the stage.
func (r *recovering[From, To]) answer(step iteratee.Step) iteratee.Step {
	if step == r.place.Stop() {
		return r.stage.Stop()
	}
	return step
}

// recover returns the answer to the input at, to which the adapter has answered step.
func (r *recovering[From, To]) recover(step iteratee.Step, at iteratee.Input[From]) iteratee.Step {
	if step.Err() == nil {
		return r.answer(step)
	}
	r.closePlace() // a goroutine of the adapter has the consumer until then
	if r.consumer.last.Err() != nil {
		return step
	}
	if r.end = scope.Interrupted(r.own, iteratee.Cancelled(r.stage.Context())); !r.end.IsCont() {
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

// watched is a consumer that notes its last answer.
type watched[E any] struct {
	out  iteratee.Outlet[E]
	last iteratee.Step
}

func (w *watched[E]) Next(e E) iteratee.Step {
	w.last = w.out.Next(e)
	return w.last
}

func (w *watched[E]) EOF() iteratee.Step {
	w.last = Closable(w.out).EOF()
	return w.last
}

func (w *watched[E]) Rest() iteratee.Input[E] { return w.out.Rest() }
