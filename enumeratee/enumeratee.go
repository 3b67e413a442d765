package enumeratee

import (
	"context"
	"errors"

	"github.com/halley-go/halley/internal/fast"
	"github.com/halley-go/halley/internal/scope"
	"github.com/halley-go/halley/iteratee"
)

// An Enumeratee adapts a stream of From to a stream of To: it turns a consumer of
// To into a consumer of From.
//
// It is a recipe: every attachment starts afresh, so one value may be used many times and by several
// goroutines at once. The zero Enumeratee cannot be attached.
//
// An adapter that gets EOF hands on the elements that it still holds. It does not end its consumer, even if it
// stops early: the consumer stays open for the elements of the next source.
//
// Play calls it Enumeratee too.
type Enumeratee[From, To any] struct {
	attach func(Stage, iteratee.Outlet[To]) (iteratee.Sink[From], iteratee.Step)
	part   *part // set instead of attach if it is composed
}

// New makes an Enumeratee from attach, which attaches an adapter to out, a consumer that is not done. attach
// is called once for each attachment and must make everything that the attachment changes. It returns the
// adapter and its first answer, which is StepCont unless the adapter is done before its first element.
//
// The adapter passes on every answer of out but StepCont. When it takes no more elements while out is still
// open, it answers [Stage.Stop]. Its EOF hands on the elements that the adapter still holds, and answers Stop
// too, unless out has ended. EOF may be called twice, or when out has ended. Such a call must have no effect.
// Rest returns the leftovers: the elements that the adapter was handed and that neither it nor out has
// consumed.
//
// A typical adapter is a struct that embeds its Stage, for EOF, and out, for Rest, and declares Next.
func New[From, To any](attach func(stage Stage, out iteratee.Outlet[To]) (iteratee.Sink[From], iteratee.Step)) Enumeratee[From, To] {
	return Enumeratee[From, To]{attach: attach}
}

// Attach puts the adapter before out, which must not be done. It returns the attached adapter and its first
// answer. [Compose], [Transform], [Enumeratee.Drive] and adapters that are made of others call Attach. The
// caller must call EOF of the attached adapter when its own EOF comes: the adapter hands on the elements that
// it holds then. If the caller uses its own Stage, a stop of the attached adapter is a stop of the caller.
func (a Enumeratee[From, To]) Attach(stage Stage, out iteratee.Outlet[To]) (sink iteratee.Sink[From], step iteratee.Step) {
	switch {
	case a.part != nil:
		sink, step = attachParts[From](a.part, stage, out)
	case a.attach != nil:
		sink, step = a.attach(stage, out)
	default:
		panic("enumeratee: Attach: the zero Enumeratee cannot run; make one with Map, Take or another constructor")
	}
	fast.Started(sink)
	return sink, step
}

// Drive puts the adapter before sink, and calls drive to feed it. drive gets the context for its source, and
// returns the last answer of the adapter, or its own failure. Then Drive sends EOF to the adapter, but not to
// sink. It returns StepCont if sink wants more, otherwise the last answer. The leftovers of the adapter are
// dropped.
//
// enumerator.Through is made of Drive.
func (a Enumeratee[From, To]) Drive(ctx context.Context, sink iteratee.Sink[To], drive func(context.Context, iteratee.Sink[From]) iteratee.Step) iteratee.Step {
	stage := newSourceStage(ctx)
	failure := errDrivePanicked // unless Drive returns
	defer func() {
		if failure != nil {
			stage.fail(failure) // the goroutines of the adapter may wait for a consumer that waits for its context
		}
		stage.End()
	}()
	adapter, step := a.Attach(stage, sink)
	switch {
	case !step.IsCont():
	case stage.source != nil:
		step = drive(stage.source, adapter)
	default:
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

// Closable returns out as a Sink. It is for an adapter that lets a source feed its consumer, because the
// source may send EOF. If the type of out has no method EOF, the EOF of the Sink answers an error that says
// so.
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
