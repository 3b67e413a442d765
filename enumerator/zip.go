package enumerator

import (
	"context"

	"github.com/halley-go/halley/internal/scope"
	"github.com/halley-go/halley/iteratee"
)

// Zip returns the Enumerator of pairs: one of the first elements of a and b, one of their second elements,
// and so on. It runs out when a or b does, and then stops the other; it drops an element that has no partner.
// A failure of either ends the run. EOF of either ends that one alone.
//
// Zip runs a and b in goroutines of their own, and the consumer in that of the run; they end as with
// [Interleave]. It holds one element of each, and asks for the next ones when the consumer has answered the
// pair. So it hears the end of a source only when it asks. It does not tell the consumer of bursts.
//
// ReactiveX: zip.
func Zip[A, B any](a Enumerator[A], b Enumerator[B]) Enumerator[iteratee.Pair[A, B]] {
	type pair = iteratee.Pair[A, B]
	return merged("Zip", func(m *merge[pair]) {
		left, stopLeft := m.stoppable()
		right, stopRight := m.stoppable()
		partners := make(chan B)
		answers := make(chan iteratee.Step) // one for each partner
		m.start(right, New(func(ctx context.Context, sink iteratee.Sink[pair]) iteratee.Step {
			return sided(b, func(_ iteratee.Sink[pair], e B) iteratee.Step {
				select {
				case partners <- e:
					return <-answers
				case <-ctx.Done():
					return iteratee.Cancelled(ctx)
				}
			}, nil).Into(ctx, sink)
		}), stopLeft)
		m.start(left, New(func(ctx context.Context, sink iteratee.Sink[pair]) iteratee.Step {
			part := scope.NewPart(scope.Apart(ctx, nil), ctx) // a may have more at hand while b has not
			defer part.End()
			return sided(a, func(out iteratee.Sink[pair], e A) iteratee.Step {
				select {
				case partner := <-partners:
					step := out.Next(pair{First: e, Second: partner})
					answers <- step
					return step
				case <-ctx.Done():
					return iteratee.Cancelled(ctx)
				}
			}, nil).Into(part, sink)
		}), stopRight)
	})
}

// ZipWith is [Zip] with f of the elements in place of each pair. It calls f in the goroutine of the run.
//
// ReactiveX: zip, with a function.
func ZipWith[A, B, C any](a Enumerator[A], b Enumerator[B], f func(A, B) C) Enumerator[C] {
	return Map(Zip(a, b), unpaired(f))
}

func unpaired[A, B, C any](f func(A, B) C) func(iteratee.Pair[A, B]) C {
	return func(p iteratee.Pair[A, B]) C { return f(p.First, p.Second) }
}
