package enumerator

import (
	"context"
	"errors"
	"slices"

	"github.com/halley-go/halley/iteratee"
)

// Interleave returns the Enumerator of the elements of all of es, as they come: in the order
// of each source, and in any order of the sources. It runs out when all of them have. A
// failure of one stops the others and ends the run. Without sources it is [Empty].
//
// It runs each source in a goroutine of its own, and the consumer in that of the run. A source
// makes its next element when the consumer has answered the one before. When the consumer is
// done, or a source has failed, the context of all sources ends; Interleave waits until they
// have returned. If one of them fails or panics on that, so does the run, unless it has
// already. A panic of a source reaches the caller of the run.
//
// It is Play's Enumerator.interleave and >-. EOF reaches the consumer when all sources have sent
// it, as there.
func Interleave[E any](es ...Enumerator[E]) Enumerator[E] {
	return New(func(ctx context.Context, sink iteratee.Sink[E]) (last iteratee.Step) {
		ctx, cancel := context.WithCancelCause(ctx)
		in := &interleaving[E]{ctx: ctx, elements: make(chan element[E]), ends: make(chan end)}
		running := len(es)
		over := false // and no panic is on its way

		defer func() { // also if the consumer panics
			cancel(errInterleaveOver)
			var panicked any
			for ; running > 0; running-- {
				end := <-in.ends
				if panicked == nil {
					panicked = end.panicked
				}
				// That it was stopped is no failure, whichever way it says so.
				err := end.step.Err()
				if err != nil && last.Err() == nil && !isStop(err, errInterleaveOver) {
					last = end.step
				}
			}
			if over && panicked != nil {
				panic(panicked)
			}
		}()
		for _, e := range es {
			go in.run(e)
		}
		eofs := 0
		for running > 0 {
			select {
			case e := <-in.elements:
				step := sink.Next(e.value)
				e.answer <- step
				if !step.IsCont() {
					over = true
					return step
				}
			case end := <-in.ends:
				running--
				switch {
				case end.panicked != nil:
					panic(end.panicked)
				case end.step.Err() != nil:
					over = true
					return end.step
				case !end.step.IsCont():
					eofs++
				}
			}
		}
		if eofs > 0 && eofs == len(es) {
			return sink.EOF()
		}
		return iteratee.Cancelled(ctx)
	})
}

// isStop reports whether err says no more than that a source was stopped for that cause.
func isStop(err, cause error) bool {
	switch of := err.(type) {
	case interface{ Unwrap() []error }:
		return !slices.ContainsFunc(of.Unwrap(), func(err error) bool { return !isStop(err, cause) })
	case interface{ Unwrap() error }:
		return isStop(of.Unwrap(), cause)
	}
	return errors.Is(err, cause) || errors.Is(err, context.Canceled)
}

var (
	errInterleaveOver = errors.New("enumerator: Interleave: the run is over")
	errGoexit         = errors.New("enumerator: Interleave: a source has called runtime.Goexit")
)

type interleaving[E any] struct {
	ctx      context.Context
	elements chan element[E]
	ends     chan end // one of each source
}

// element is one that waits for its answer.
type element[E any] struct {
	value  E
	answer chan<- iteratee.Step
}

// end is how a source has ended.
type end struct {
	step     iteratee.Step
	panicked any
}

// run runs one source. Its sink hands each element over to the goroutine of the run.
func (in *interleaving[E]) run(e Enumerator[E]) {
	how := end{panicked: errGoexit}
	defer func() {
		if v := recover(); v != nil {
			how.panicked = v
		}
		in.ends <- how
	}()
	answers := make(chan iteratee.Step, 1) // so that the run need not wait for a source that is gone
	last := iteratee.StepCont
	step := e.Into(in.ctx, iteratee.Sink[E]{
		Next: func(e E) iteratee.Step {
			if last.IsCont() {
				last = in.offer(element[E]{e, answers}, answers)
			}
			return last
		},
		EOF: func() iteratee.Step {
			if last.IsCont() {
				last = iteratee.StepDone // for this source
			}
			return last
		},
		Rest: iteratee.Empty[E],
	})
	how = end{step: step}
}

func (in *interleaving[E]) offer(e element[E], answers <-chan iteratee.Step) iteratee.Step {
	select {
	case in.elements <- e:
	case <-in.ctx.Done():
		return iteratee.Cancelled(in.ctx)
	}
	select {
	case step := <-answers:
		return step
	case <-in.ctx.Done():
	}
	select {
	case step := <-answers: // it came before the end
		return step
	default:
		return iteratee.Cancelled(in.ctx)
	}
}
