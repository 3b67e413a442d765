package chunk

import (
	"context"

	"github.com/halley-go/halley/iteratee"
)

// Head returns an Iteratee that is done with the first item. Its result is the address
// of a copy of that item, or nil at EOF. Empty chunks are skipped. The items after the
// first in its chunk are left over.
//
// Play calls it Traversable.head.
func Head[E any]() iteratee.Iteratee[[]E, *E] {
	return iteratee.New(func(context.Context) iteratee.Running[[]E, *E] {
		var (
			head *E
			rest []E
			end  iteratee.Step
		)
		return iteratee.Running[[]E, *E]{
			Sink: iteratee.Sink[[]E]{
				Next: func(es []E) iteratee.Step {
					if end.IsCont() && len(es) > 0 {
						first := es[0]
						head, rest, end = &first, es[1:], iteratee.StepDone
					}
					return end
				},
				EOF: func() iteratee.Step {
					end = iteratee.StepDone
					return end
				},
				Rest: func() iteratee.Input[[]E] { return leftOver(nil, rest, 0) },
			},
			Result: func() (*E, error) { return head, nil },
		}
	})
}
