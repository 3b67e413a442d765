package iteratee

import (
	"context"

	"github.com/halley-go/halley/internal/check"
)

// TakeUpTo returns an Iteratee that ends with a slice of the first n elements, or of fewer at EOF. The slice
// is nil if there are none. TakeUpTo never asks for an element after the n-th. TakeUpTo(0) is done at once.
// TakeUpTo panics if n is negative.
//
// Play calls it Iteratee.takeUpTo.
func TakeUpTo[E any](n int) Iteratee[E, []E] {
	check.NotNegative("iteratee: TakeUpTo: n", n)
	if n == 0 {
		return Done[E]([]E(nil), Empty[E]())
	}
	return FoldUntil(nil, func(_ context.Context, es []E, e E) ([]E, bool, error) {
		es = append(es, e)
		return es, len(es) == n, nil
	})
}

// EOFOrElse returns an Iteratee that ends with atEOF at EOF. It ends with otherwise if an element comes. It
// consumes neither: the element or EOF is left over.
//
// Play calls it Iteratee.eofOrElse.
func EOFOrElse[E, A any](otherwise, atEOF A) Iteratee[E, A] {
	return Cont(func(in Input[E]) Iteratee[E, A] {
		if in.IsEOF() {
			return Done(atEOF, in)
		}
		return Done(otherwise, in)
	})
}

// IsEmpty returns an Iteratee that ends with true at EOF. It ends with false if an element comes. It
// consumes neither: the element or EOF is left over.
//
// Play calls it Iteratee.isEmpty.
func IsEmpty[E any]() Iteratee[E, bool] { return EOFOrElse[E](false, true) }

// Consume returns an Iteratee that joins all chunks up to EOF and ends with the joined chunk, which is nil
// if all chunks were empty. It keeps all chunks in memory. To bound a stream that can be long, use
// enumeratee/chunk.Take.
//
// Play calls it Iteratee.consume.
func Consume[E any]() Iteratee[[]E, []E] {
	return Fold(nil, func(all, chunk []E) []E { return append(all, chunk...) })
}

// ConsumeString returns an Iteratee that joins all chunks up to EOF and ends with the joined string, which
// is empty if all chunks were empty. The chunks are strings (ConsumeString[string]) or slices of bytes
// (ConsumeString[[]byte]). A character may be spread over several chunks. ConsumeString keeps all chunks in
// memory, and copies them once at the end. To bound a stream that can be long, use enumeratee/chunk.Take or
// enumeratee.Take.
//
// Play calls it Iteratee.consume[String].
func ConsumeString[S ~string | ~[]byte]() Iteratee[S, string] {
	joined := Fold(nil, func(all []byte, chunk S) []byte { return append(all, chunk...) })
	return Map(joined, func(all []byte) string { return string(all) })
}
