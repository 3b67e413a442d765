package chunk

import (
	"context"

	"github.com/halley-go/halley/iteratee"
)

// Head returns an Iteratee that is done with the first item. Its result is a pointer to a copy of
// that item, or nil if EOF comes first. Empty chunks are skipped. The items after the first in its
// chunk are left over.
//
// Play calls it Traversable.head.
func Head[E any]() iteratee.Iteratee[[]E, *E] {
	return iteratee.New(func(context.Context) (iteratee.Running[[]E, *E], iteratee.Step) {
		return &head[E]{}, iteratee.StepCont
	})
}

type head[E any] struct {
	first *E
	rest  []E
	end   iteratee.Step
}

func (h *head[E]) Next(es []E) iteratee.Step {
	if h.end.IsCont() && len(es) > 0 {
		first := es[0]
		h.first, h.rest, h.end = &first, es[1:], iteratee.StepDone
	}
	return h.end
}

func (h *head[E]) EOF() iteratee.Step {
	h.end = iteratee.StepDone
	return h.end
}

func (h *head[E]) Rest() iteratee.Input[[]E] { return leftOver(nil, h.rest, 0) }
func (h *head[E]) Result() (*E, error)       { return h.first, nil }
