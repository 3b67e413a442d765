package iteratee

import "context"

// Done returns an Iteratee that consumes nothing, ends with a and leaves rest to
// the next one. The rest comes before anything that was left over already; an
// EOF in it ends the stream for the iteratees that follow.
//
// It is Play's Done.
func Done[E, A any](a A, rest Input[E]) Iteratee[E, A] {
	return New(func(context.Context) Running[E, A] {
		return Running[E, A]{
			Sink:   Ended(StepDone, rest),
			Step:   StepDone,
			Result: func() (A, error) { return a, nil },
		}
	})
}

// Cont returns an Iteratee in its pure form: it hands one Input to k and goes on
// as the Iteratee that k answers. k must not want more after EOF: an Iteratee that
// does fails with [ErrDivergent]. k is called once per input of each run, and
// costs some allocations each time; [Fold] and its kin cost none.
//
// It is Play's Cont.
func Cont[E, A any](k func(Input[E]) Iteratee[E, A]) Iteratee[E, A] {
	return Iteratee[E, A]{node: &node[E]{cont: func(in Input[E]) *node[E] { return k(in).erase() }}}
}

// Error returns an Iteratee that has failed with err because of the input at,
// which it leaves over. It panics if err is nil.
//
// It is Play's Error, with an error where Play has a message.
func Error[E, A any](err error, at Input[E]) Iteratee[E, A] {
	step := StepError(err)
	return New(func(context.Context) Running[E, A] {
		return Running[E, A]{
			Sink:   Ended(step, at),
			Step:   step,
			Result: func() (a A, _ error) { return a, err },
		}
	})
}
