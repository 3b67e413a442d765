package chunk

import (
	"context"

	"github.com/halley-go/halley/iteratee"
)

// Head returns an Iteratee that is done with the first item inside the chunks, of
// which it gives the address of a copy, or with nil at EOF. Empty chunks are skipped.
// What follows the item in its chunk is left over.
//
// It is Play's Traversable.head.
func Head[E any]() iteratee.Iteratee[[]E, *E] {
	return iteratee.New(func(context.Context) iteratee.Running[[]E, *E] {
		var (
			head *E
			over []E
			end  iteratee.Step
		)
		return iteratee.Running[[]E, *E]{
			Sink: iteratee.Sink[[]E]{
				Next: func(es []E) iteratee.Step {
					if end.IsCont() && len(es) > 0 {
						first := es[0]
						head, over, end = &first, es[1:], iteratee.StepDone
					}
					return end
				},
				EOF: func() iteratee.Step {
					end = iteratee.StepDone
					return end
				},
				Rest: func() iteratee.Input[[]E] { return leftOver(nil, over, 0) },
			},
			Result: func() (*E, error) { return head, nil },
		}
	})
}
