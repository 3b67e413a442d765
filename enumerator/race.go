package enumerator

import (
	"context"
	"sync/atomic"

	"github.com/halley-go/halley/internal/scope"
	"github.com/halley-go/halley/iteratee"
)

// Race returns the Enumerator of the elements of the winner: the first of the sources that gives an
// element or ends. When there is a winner, Race stops the other sources. None of their elements reaches
// the consumer, and their failures are dropped. A source ends when it runs out, sends EOF or fails. So if
// the winner ends by a failure, the run fails. If a failed source should lose instead, wrap each source in
// a [Catch] that goes on with [Never]. Without sources Race is [Empty].
//
// Each source runs in a goroutine of its own, and the consumer in the goroutine of the run. They end like
// the sources of [Interleave]. Each source but the winner makes at most one element.
//
// ReactiveX: amb, race.
func Race[E any](sources ...Enumerator[E]) Enumerator[E] {
	return merged("Race", func(m *merge[E]) {
		m.anyEOF = true
		r := &race{stops: make([]func(), len(sources))}
		ctxs := make([]context.Context, len(sources))
		for i := range sources {
			ctxs[i], r.stops[i] = m.stoppable()
		}
		for i, source := range sources {
			m.start(ctxs[i], contesting(r, i, source), nil)
		}
	})
}

// race is one run of Race.
type race struct {
	winner atomic.Int64 // the number of the winner, from 1; 0 if there is none
	stops  []func()     // each stops one source
}

// wins reports whether the i-th source is the winner. If there is no winner yet, it makes the i-th source
// the winner.
func (r *race) wins(i int) bool {
	if r.winner.Load() == 0 && r.winner.CompareAndSwap(0, int64(i)+1) {
		for other, stop := range r.stops {
			if other != i {
				stop()
			}
		}
	}
	return r.winner.Load() == int64(i)+1
}

// contesting returns the i-th source, changed so that it gives no elements unless it wins.
func contesting[E any](r *race, i int, source Enumerator[E]) Enumerator[E] {
	return New(func(ctx context.Context, sink iteratee.Sink[E]) iteratee.Step {
		// A failure within a source that has not won must not end the context of the consumer.
		part := scope.NewPart(ctx, nil)
		defer part.End()
		forget := context.AfterFunc(part, func() {
			if ctx.Err() == nil && r.wins(i) {
				scope.Fail(ctx, context.Cause(part))
			}
		})
		defer forget()
		step := source.Into(part, &contestant[E]{sink, r, i})
		if !r.wins(i) {
			return iteratee.StepCont
		}
		return step
	})
}

// contestant is the consumer as the i-th source sees it.
type contestant[E any] struct {
	iteratee.Sink[E]
	race *race
	i    int
}

func (c *contestant[E]) Next(e E) iteratee.Step {
	if !c.race.wins(c.i) {
		return iteratee.StepDone
	}
	return c.Sink.Next(e)
}

func (c *contestant[E]) EOF() iteratee.Step {
	if !c.race.wins(c.i) {
		return iteratee.StepDone
	}
	return c.Sink.EOF()
}
