package iteratee

import (
	"context"
	"fmt"
)

// TakeUpTo returns an Iteratee that ends with the first n elements, or with fewer at
// EOF; nil if there are none. The one after the n-th is never asked for;
// TakeUpTo(0) is done at once. It panics if n is negative.
//
// It is Play's Iteratee.takeUpTo.
func TakeUpTo[E any](n int) Iteratee[E, []E] {
	if n < 0 {
		panic(fmt.Sprintf("iteratee: TakeUpTo: n must not be negative, got %d", n))
	}
	if n == 0 {
		return Done[E]([]E(nil), Empty[E]())
	}
	return FoldUntil(nil, func(_ context.Context, es []E, e E) ([]E, bool, error) {
		es = append(es, e)
		return es, len(es) == n, nil
	})
}

// EOFOrElse returns an Iteratee that ends with atEOF if the stream is at its end, and
// with otherwise if there is an element, which it leaves over.
//
// It is Play's Iteratee.eofOrElse.
func EOFOrElse[E, A any](otherwise, atEOF A) Iteratee[E, A] {
	return Cont(func(in Input[E]) Iteratee[E, A] {
		if in.IsEOF() {
			return Done(atEOF, in)
		}
		return Done(otherwise, in)
	})
}

// IsEmpty returns an Iteratee that ends with true if the stream is at its end, and
// with false if there is an element, which it leaves over.
//
// It is Play's Iteratee.isEmpty.
func IsEmpty[E any]() Iteratee[E, bool] { return EOFOrElse[E](false, true) }

// Consume returns an Iteratee that ends with all chunks up to EOF joined to one, nil
// if there was nothing in them. It keeps them all in memory; bound them with
// enumeratee/chunk.Take if there can be many.
//
// It is Play's Iteratee.consume.
func Consume[E any]() Iteratee[[]E, []E] {
	return Fold(nil, func(all, chunk []E) []E { return append(all, chunk...) })
}

// ConsumeString returns an Iteratee that ends with all chunks up to EOF joined to one string, "" if
// there was nothing in them. Chunks are strings, ConsumeString[string], or bytes,
// ConsumeString[[]byte]. A character may be spread over several chunks. ConsumeString keeps all in
// memory, and copies it once at the end; bound the stream with enumeratee/chunk.Take or
// enumeratee.Take if it can be long.
//
// Play calls it Iteratee.consume[String].
func ConsumeString[S ~string | ~[]byte]() Iteratee[S, string] {
	joined := Fold(nil, func(all []byte, chunk S) []byte { return append(all, chunk...) })
	return Map(joined, func(all []byte) string { return string(all) })
}
