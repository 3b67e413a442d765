package iteratee

import "context"

// Done returns an Iteratee that consumes nothing, ends with a and leaves rest over. In a [FlatMap], rest
// comes before the leftovers of the part before. If rest ends the stream, the stream ends for all parts
// that follow.
//
// Play calls it Done.
func Done[E, A any](a A, rest Input[E]) Iteratee[E, A] {
	return pure(StepDone, rest, a, nil)
}

// Cont returns an Iteratee in its pure form. It hands one Input, an element or EOF, to k and goes on as the
// Iteratee that k returns. If that Iteratee wants more after EOF, the run fails with [ErrDivergent]. Each
// Input costs some allocations; [Fold] costs none.
//
// Play calls it Cont.
func Cont[E, A any](k func(Input[E]) Iteratee[E, A]) Iteratee[E, A] {
	return Iteratee[E, A]{node: &node[E]{cont: func(in Input[E]) *node[E] { return k(in).erase() }}}
}

// Error returns an Iteratee that has failed with err because of the Input at, which it leaves over. Error
// panics if err is nil.
//
// Play calls it Error, and takes a message instead of an error.
func Error[E, A any](err error, at Input[E]) Iteratee[E, A] {
	var none A
	return pure(StepError(err), at, none, err)
}

func pure[E, A any](step Step, rest Input[E], a A, err error) Iteratee[E, A] {
	return New(func(context.Context) (Running[E, A], Step) {
		return &constant[E, A]{ended[E]{step, rest}, a, err}, step
	})
}

type constant[E, A any] struct {
	ended[E]
	a   A
	err error
}

func (c *constant[E, A]) Result() (A, error) { return c.a, c.err }
