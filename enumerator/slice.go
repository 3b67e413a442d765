package enumerator

import (
	"context"
	"slices"

	"github.com/halley-go/halley/iteratee"
)

// Of returns the Enumerator of the given elements. It keeps a copy of them.
//
// It is Play's Enumerator.apply.
func Of[E any](es ...E) Enumerator[E] { return FromSlice(slices.Clone(es)) }

// FromSlice returns the Enumerator of the elements of es, which must not change
// while it runs.
func FromSlice[E any](es []E) Enumerator[E] {
	return New(func(ctx context.Context, sink iteratee.Sink[E]) iteratee.Step {
		for es := range slices.Chunk(es, askEvery) {
			if _, step := sink.Offer(es); !step.IsCont() {
				return step
			}
			if step := iteratee.Cancelled(ctx); !step.IsCont() {
				return step
			}
		}
		return iteratee.StepCont
	})
}

// askEvery is how many elements a source that never waits makes before it asks the
// context again: asking costs as much as an element. Consumers and adapters whose
// functions take the context ask it before each call.
const askEvery = 128

// asker asks the context once per askEvery calls.
type asker struct {
	ctx context.Context
	n   uint
}

func (a *asker) cancelled() iteratee.Step {
	if a.n++; a.n%askEvery != 0 {
		return iteratee.StepCont
	}
	return iteratee.Cancelled(a.ctx)
}
