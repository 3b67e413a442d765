package enumeratee

import (
	"context"

	"github.com/halley-go/halley/internal/fast"
	"github.com/halley-go/halley/internal/prompt"
	"github.com/halley-go/halley/internal/scope"
	"github.com/halley-go/halley/iteratee"
)

// A Stage is the place where an Enumeratee is attached. Each attachment has a Stage of its own. The answer
// [Stage.Stop] distinguishes an adapter that has stopped from a consumer that is done.
type Stage struct{ *attachment }

type attachment struct {
	ctx    context.Context
	stop   iteratee.Stop
	source context.Context // of a source that the maker of the Stage drives; nil if the Stage has a run of its own
	atEnd  []func()        // End calls them
	end    func()
	goes   bool   // the adapter has goroutines
	asks   bool   // the adapter has called interruptible
	join   func() // if set, ends the goroutines, which may wait for one another
	over   func() // if set, ends ctx
}

// NewStage returns a Stage within the run whose context is ctx. The caller calls [Stage.End] when the adapter
// is no longer needed. If an adapter with a goroutine is attached there, a source that waits is stopped only
// at its next element.
func NewStage(ctx context.Context) Stage {
	return Stage{&attachment{ctx: ctx}}
}

// newSourceStage returns the Stage of a function that drives the source too. Adapters can interrupt that
// source.
func newSourceStage(ctx context.Context) Stage {
	own, over := scope.Failable(ctx)
	if over != nil {
		ctx = own
	}
	return Stage{&attachment{ctx: own, source: ctx, over: over}}
}

// Context returns the context of the run.
func (s Stage) Context() context.Context { return s.ctx }

// Stop returns the answer of an adapter that takes no more elements while its consumer is still open. No other
// Stage has the same answer.
func (s Stage) Stop() iteratee.Step { return s.stop.Step() }

// EOF returns Stop. An adapter that holds no elements embeds its Stage and so has this EOF.
func (s Stage) EOF() iteratee.Step { return s.stop.Step() }

// Cancelled returns a function that does the same as [iteratee.Cancelled] with the Context, at the cost of an
// atomic load. An adapter that makes several values of one element calls the function between them, so that the
// run notices the end of its context there. The adapter must call Cancelled when it is attached, and the
// function in the goroutine of the consumer.
func (s Stage) Cancelled() func() iteratee.Step { return s.asker().Cancelled }

func (s Stage) asker() *prompt.Asker {
	ask := prompt.Ask(s.ctx)
	if s.ctx.Done() != nil {
		s.AtEnd(ask.Forget)
	}
	return &ask
}

// AtEnd registers f, which closes something that the adapter holds open. f is called once when the adapter is
// no longer needed, for whatever reason. See [iteratee.AtEnd].
func (s Stage) AtEnd(f func()) {
	if s.end == nil {
		s.end = iteratee.AtEnd(s.ctx, s.closeAll)
	}
	s.atEnd = append(s.atEnd, f)
}

// End calls the functions that AtEnd has registered, last first. If the run ends before that, the end of the
// run calls them.
func (s Stage) End() {
	if s.end != nil {
		s.end()
		s.end, s.atEnd = nil, nil
	}
	if s.over != nil {
		s.over()
	}
}

func (a *attachment) closeAll() {
	for _, f := range a.atEnd {
		defer f() // last first, and all of them even if one panics
	}
	if a.join != nil {
		a.join()
	}
}

// fail calls [scope.Fail] for an adapter that has failed with err while its consumer, or a function of its own,
// may be busy in another goroutine. Every adapter with a goroutine calls interruptible. If none has called it,
// no goroutine waits and another source may follow, so fail has no effect.
func (s Stage) fail(err error) {
	if s.asks {
		scope.Fail(s.ctx, err)
	}
}

// interruptible calls [scope.Interruptible] for the adapter. If the source cannot be interrupted, the function
// interrupt has no effect.
func (s Stage) interruptible() (own context.Context, interrupt func(iteratee.Step)) {
	s.asks = true
	if s.source == nil {
		if own, interrupt = scope.Interruptible[iteratee.Step](s.ctx); interrupt != nil {
			return own, interrupt
		}
	}
	// A run of its own, because other parts go on when this one is over.
	run := scope.NewWithin(s.ctx, true)
	s.AtEnd(func() {})
	s.ctx, s.source, s.join = run, nil, run.End
	return scope.Interruptible[iteratee.Step](run)
}

// passOn passes an interruption on to the source. It is for an adapter without a goroutine. The arguments are
// the results of interruptible.
func (s Stage) passOn(own context.Context, interrupt func(iteratee.Step)) {
	forget := context.AfterFunc(own, func() {
		if step := scope.Interrupted(own, iteratee.StepCont); !step.IsCont() {
			interrupt(step)
		}
	})
	s.AtEnd(func() { forget() })
}

// endedByFailure returns sink if the stage has no run of its own. Otherwise it returns a Sink that ends the
// stage when sink fails. Without that, the goroutines of the stage would go on beside the part that replaces the
// failed one. Their contexts end first, because the consumer may wait for the end of its context.
func endedByFailure[E any](s Stage, sink iteratee.Sink[E]) iteratee.Sink[E] {
	if s.join == nil {
		return sink
	}
	return &endsStage[E]{s, sink}
}

type endsStage[E any] struct {
	stage Stage
	sink  iteratee.Sink[E]
}

func (s *endsStage[E]) answer(step iteratee.Step) iteratee.Step {
	if err := step.Err(); err != nil {
		s.stage.fail(err)
		s.stage.End()
	}
	return step
}

func (s *endsStage[E]) Next(e E) iteratee.Step  { return s.answer(s.sink.Next(e)) }
func (s *endsStage[E]) EOF() iteratee.Step      { return s.answer(s.sink.EOF()) }
func (s *endsStage[E]) Rest() iteratee.Input[E] { return s.sink.Rest() }
func (s *endsStage[E]) Batch(es []E, ended *fast.Flag) (int, iteratee.Step) {
	n, step := fast.Offer[E, iteratee.Step](s.sink, es, ended)
	return n, s.answer(step)
}
