package iteratee

import "context"

// Head returns an Iteratee that is done with the first element, of which it gives
// the address, or with nil at EOF. The second element is never asked for.
//
// It is Play's Iteratee.head.
func Head[E any]() Iteratee[E, *E] {
	return New(func(context.Context) Running[E, *E] {
		var head *E
		end := Step{}
		return Running[E, *E]{
			Sink: Sink[E]{
				Next: func(e E) Step {
					if end.IsCont() {
						head, end = &e, StepDone
					}
					return end
				},
				EOF: func() Step {
					end = StepDone
					return end
				},
				Rest: Empty[E],
			},
			Result: func() (*E, error) { return head, nil },
		}
	})
}
