package enumerator

import (
	"context"

	"github.com/halley-go/halley/internal/scope"
	"github.com/halley-go/halley/iteratee"
)

// Zip returns the Enumerator of pairs: the first elements of a and b, the second elements of a and b, and
// so on. It runs out when a or b does, and then stops the other. An element without a partner is dropped.
// A failure of a or b ends the run. EOF that a or b sends ends only that source, and so Zip runs out.
//
// a and b each run in a goroutine of their own, and the consumer in the goroutine of the run. They end
// like the sources of [Interleave]. Zip holds one element of each. It asks for the next elements when the
// consumer has answered the pair. It does not tell the consumer of bursts (see [iteratee.Cork]).
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

// ZipWith is [Zip], but it hands on f of the two elements instead of the pair. f is called in the
// goroutine of the run.
//
// ReactiveX: zip, with a function.
func ZipWith[A, B, C any](a Enumerator[A], b Enumerator[B], f func(A, B) C) Enumerator[C] {
	return Map(Zip(a, b), unpaired(f))
}

func unpaired[A, B, C any](f func(A, B) C) func(iteratee.Pair[A, B]) C {
	return func(p iteratee.Pair[A, B]) C { return f(p.First, p.Second) }
}
