package iteratee

import "context"

// Head returns an Iteratee that is done on the first element, and ends with a pointer to it. It ends with
// nil if EOF comes first. It never asks for a second element.
//
// Play calls it Iteratee.head.
func Head[E any]() Iteratee[E, *E] {
	return New(func(context.Context) (Running[E, *E], Step) { return &head[E]{}, StepCont })
}

type head[E any] struct {
	first *E
	end   Step
}

func (h *head[E]) Next(e E) Step {
	if h.end.IsCont() {
		h.first, h.end = &e, StepDone
	}
	return h.end
}

func (h *head[E]) EOF() Step {
	h.end = StepDone
	return h.end
}

func (h *head[E]) Rest() Input[E]      { return Empty[E]() }
func (h *head[E]) Result() (*E, error) { return h.first, nil }
