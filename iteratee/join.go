package iteratee

import "context"

// Join returns an Iteratee that runs consumer, whose result is an inner Iteratee. If the inner Iteratee
// wants more, Join sends EOF to it. Join ends with the result of the inner Iteratee. The leftovers of
// consumer are left over. The leftovers of the inner Iteratee are dropped, because they are elements of
// another stream.
//
// Play calls it Iteratee.joinI.
func Join[E, F, A any](consumer Iteratee[E, Iteratee[F, A]]) Iteratee[E, A] {
	return FlatMap(consumer, func(inner Iteratee[F, A]) Iteratee[E, A] {
		return finished(inner, func(Input[F]) Input[E] { return Empty[E]() })
	})
}

// JoinConcat is [Join] for two Iteratees of the same stream. The leftovers of the inner Iteratee are left
// over too, before those of consumer.
//
// Play calls it Iteratee.joinConcatI, and sometimes loses one of the two.
func JoinConcat[E, A any](consumer Iteratee[E, Iteratee[E, A]]) Iteratee[E, A] {
	return FlatMap(consumer, func(inner Iteratee[E, A]) Iteratee[E, A] {
		// Without EOF, because JoinConcat has sent it, and the stream may go on.
		return finished(inner, Input[E].WithoutEOF)
	})
}

// finished returns an Iteratee that consumes nothing and ends with the result that consumer has after EOF.
func finished[E, F, A any](consumer Iteratee[F, A], rest func(Input[F]) Input[E]) Iteratee[E, A] {
	return Defer(func(ctx context.Context) (Iteratee[E, A], error) {
		r, step := consumer.Start(ctx)
		a, err := Finish(r, step)
		return Done(a, rest(r.Rest())), err
	})
}
