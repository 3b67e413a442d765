package enumeratee

import (
	"context"
	"sync/atomic"

	"github.com/halley-go/halley/internal/cork"
	"github.com/halley-go/halley/internal/prompt"
	"github.com/halley-go/halley/iteratee"
)

// An Enumeratee adapts a stream of From to a stream of To: it turns a consumer of
// To into a consumer of From.
//
// It is a recipe: every attachment starts afresh, so one value may be used many
// times and by several goroutines at once. The zero Enumeratee is not usable.
//
// An adapter that gets EOF hands on what it still holds, and does not pass EOF on:
// its consumer stays open for whatever comes next. So does one that stops early.
//
// The idea is Play's play.api.libs.iteratee.Enumeratee.
type Enumeratee[From, To any] struct {
	attach func(Stage, iteratee.Sink[To]) (iteratee.Sink[From], iteratee.Step)
	part   *part // set instead of attach: composed
}

// New makes an Enumeratee of the function that attaches it to a consumer which is
// not done yet. The function is called once per attachment and must make
// everything that the attachment changes. It returns the adapter and what that
// answers before any element: StepCont, or the end if it is done already.
//
// The adapter passes on every answer of its consumer but StepCont. To say that it
// takes no more itself it answers [Stage.Stop], and so does its EOF, which hands
// on what the adapter still holds, unless the consumer ends by that. EOF may come
// again, and when the consumer is done, and must not have an effect then. The Rest
// is what the adapter was handed and neither it nor its consumer has consumed.
func New[From, To any](attach func(Stage, iteratee.Sink[To]) (iteratee.Sink[From], iteratee.Step)) Enumeratee[From, To] {
	return Enumeratee[From, To]{attach: attach}
}

// Attach puts the adapter before inner, which must not be done. Composing,
// [Transform] and enumerator.Through call it; so do adapters made of adapters.
func (t Enumeratee[From, To]) Attach(stage Stage, inner iteratee.Sink[To]) (iteratee.Sink[From], iteratee.Step) {
	switch {
	case t.part != nil:
		return attachParts[From](t.part, stage, inner)
	case t.attach != nil:
		return t.attach(stage, inner)
	}
	panic("enumeratee: Attach: the zero Enumeratee cannot run; make one with Map, Take or another constructor")
}

// A Stage is the place where an Enumeratee is attached. Whoever attaches one makes
// it, and so can tell whether the adapter stopped or its consumer is done.
type Stage struct{ *attachment }

type attachment struct {
	ctx   context.Context
	stop  iteratee.Stop
	owns  bool     // whoever made the Stage drives the source too
	atEnd []func() // what End has to call
	end   func()
	goes  bool   // the adapter has goroutines
	asks  bool   // the adapter has asked for an interrupt
	join  func() // if set, ends them all; they may wait for one another
	over  func() // if set, ends ctx
}

// NewStage returns a Stage of its own within the run whose context is ctx. Whoever
// makes it calls [Stage.End] when the adapter is not needed any more.
func NewStage(ctx context.Context) Stage {
	return Stage{&attachment{ctx: ctx}}
}

// NewSourceStage is [NewStage] for whoever drives the source too, by [iteratee.Drive] with
// the Context that the Stage has when the adapter is attached: what is attached can
// interrupt that source.
func NewSourceStage(ctx context.Context) Stage {
	own, over := iteratee.Failable(ctx)
	return Stage{&attachment{ctx: own, owns: true, over: over}}
}

// Context returns the context of the run.
func (s Stage) Context() context.Context { return s.ctx }

// Fail is [iteratee.Fail] for an adapter that has failed with err while its consumer, or a
// function of its own, may be busy in another goroutine. A function that drives the source of the
// Stage calls it too, when the source has failed. Fail has no effect unless an adapter has called
// [Stage.Interruptible], as every adapter with a goroutine does: no goroutine waits then, and
// another source may follow.
func (s Stage) Fail(err error) {
	if s.asks {
		iteratee.Fail(s.ctx, err)
	}
}

// Interruptible is [iteratee.Interruptible] for the adapter. The function has no effect where
// the source cannot be interrupted.
func (s Stage) Interruptible() (own context.Context, interrupt func(iteratee.Step)) {
	s.asks = true
	if !s.owns {
		if own, interrupt = iteratee.Interruptible(s.ctx); interrupt != nil {
			return own, interrupt
		}
	}
	// A run of its own, since others go on when this one is over.
	run, end := iteratee.NewSubrun(s.ctx)
	cork.Of(run).Join(cork.Of(s.ctx))
	s.AtEnd(func() {})
	s.ctx, s.owns, s.join = run, false, end
	return iteratee.Interruptible(run)
}

// endedByFailure is sink, which ends the stage when it fails, if that has a run of its own:
// its goroutines would go on beside what takes the place of the part that has failed. They are
// freed first, since the consumer may wait for its context.
func endedByFailure[E any](s Stage, sink iteratee.Sink[E]) iteratee.Sink[E] {
	if s.join == nil {
		return sink
	}
	ended := func(step iteratee.Step) iteratee.Step {
		if err := step.Err(); err != nil {
			s.Fail(err)
			s.End()
		}
		return step
	}
	return iteratee.Sink[E]{
		Next: func(e E) iteratee.Step { return ended(sink.Next(e)) },
		EOF:  func() iteratee.Step { return ended(sink.EOF()) },
		Rest: sink.Rest,
		Batch: func(es []E, over *atomic.Bool) (int, iteratee.Step) {
			n, step := sink.Offer(es, over)
			return n, ended(step)
		},
	}
}

// passOn has an interruption pass the adapter, which has no goroutine. The arguments are what
// Interruptible has returned.
func (s Stage) passOn(own context.Context, interrupt func(iteratee.Step)) {
	stop := context.AfterFunc(own, func() {
		if step := iteratee.Interrupted(own, iteratee.StepCont); !step.IsCont() {
			interrupt(step)
		}
	})
	s.AtEnd(func() { stop() })
}

// Cancelled returns a function that does what [iteratee.Cancelled] of the Context does, at the
// cost of an atomic load. An adapter that makes several elements of one calls the function between
// them, so that the run notices the end of its context there. The adapter calls Cancelled when it is
// attached, and the function in the goroutine of the consumer.
func (s Stage) Cancelled() func() iteratee.Step { return s.asker().Cancelled }

func (s Stage) asker() *prompt.Asker {
	ask := prompt.Ask(s.ctx)
	if s.ctx.Done() != nil {
		s.AtEnd(ask.Forget)
	}
	return &ask
}

// Stop returns what the adapter answers when it takes no more while its consumer
// is still open. No other Stage has the same.
func (s Stage) Stop() iteratee.Step { return s.stop.Step() }

// EOF returns Stop. It is the EOF function of an adapter that holds nothing.
func (s Stage) EOF() iteratee.Step { return s.stop.Step() }

// AtEnd has f called once when the adapter is not needed any more, however that came:
// f closes what the adapter holds open. See [iteratee.AtEnd].
func (s Stage) AtEnd(f func()) {
	if s.end == nil {
		s.end = iteratee.AtEnd(s.ctx, s.closeAll)
	}
	s.atEnd = append(s.atEnd, f)
}

// End calls what AtEnd has registered, last first. The end of the run does it too,
// if that comes first.
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
		defer f() // last first, and each though another panics
	}
	if a.join != nil {
		a.join()
	}
}
