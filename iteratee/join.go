package iteratee

import "context"

// Join returns an Iteratee that runs consumer and then ends the Iteratee that is its result: it sends EOF
// to that one if it wants more, and ends with its result. What the inner one leaves over is dropped,
// because it is of another stream. What consumer leaves over is left over.
//
// Play calls it Iteratee.joinI.
func Join[E, F, A any](consumer Iteratee[E, Iteratee[F, A]]) Iteratee[E, A] {
	return FlatMap(consumer, func(inner Iteratee[F, A]) Iteratee[E, A] {
		return finished(inner, func(Input[F]) Input[E] { return Empty[E]() })
	})
}

// JoinConcat is [Join] for two iteratees of the same stream: what the inner one leaves over is left over
// too, before what consumer leaves over.
//
// Play calls it Iteratee.joinConcatI, and loses one of the two at times.
func JoinConcat[E, A any](consumer Iteratee[E, Iteratee[E, A]]) Iteratee[E, A] {
	return FlatMap(consumer, func(inner Iteratee[E, A]) Iteratee[E, A] {
		// Without EOF: that came from here, not from the stream.
		return finished(inner, Input[E].WithoutEOF)
	})
}

// finished is done with the result that consumer has after EOF.
func finished[E, F, A any](consumer Iteratee[F, A], rest func(Input[F]) Input[E]) Iteratee[E, A] {
	return Defer(func(ctx context.Context) (Iteratee[E, A], error) {
		r, step := consumer.Start(ctx)
		a, err := Finish(r, step)
		return Done(a, rest(r.Rest())), err
	})
}
