package iteratee

import "context"

// Join returns an Iteratee that ends with the result of the iteratee with which it
// ends, after EOF if that wants more. What that one leaves over is dropped, since it
// is of another stream; what it leaves over itself stays.
//
// It is Play's Iteratee.joinI.
func Join[E, F, A any](it Iteratee[E, Iteratee[F, A]]) Iteratee[E, A] {
	return FlatMap(it, func(inner Iteratee[F, A]) Iteratee[E, A] {
		return finished(inner, func(Running[F, A]) Input[E] { return Empty[E]() })
	})
}

// JoinConcat is [Join] for two iteratees of the same stream: what the inner one
// leaves over is left over too, before what it leaves over itself.
//
// It is Play's Iteratee.joinConcatI, which loses one of the two at times.
func JoinConcat[E, A any](it Iteratee[E, Iteratee[E, A]]) Iteratee[E, A] {
	return FlatMap(it, func(inner Iteratee[E, A]) Iteratee[E, A] {
		// Without EOF: that came from here, not from the stream.
		return finished(inner, func(r Running[E, A]) Input[E] { return r.Rest().WithoutEOF() })
	})
}

// finished is done with the result that it has after EOF.
func finished[E, F, A any](it Iteratee[F, A], rest func(Running[F, A]) Input[E]) Iteratee[E, A] {
	return Defer(func(ctx context.Context) (Iteratee[E, A], error) {
		r := it.Start(ctx)
		a, err := r.Finish(r.Step)
		return Done(a, rest(r)), err
	})
}
