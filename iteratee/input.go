package iteratee

import (
	"reflect"
	"slices"
)

// Input is a piece of a stream: an element ([El]), the end of the stream ([EOF]), or nothing ([Empty]).
//
// The function of a [Cont] gets an Input that is one element or the end. The leftovers of a consumer are an
// Input too. It can hold several elements, in the order in which the next consumer gets them, and the end
// of the stream after them. The zero Input is Empty.
type Input[E any] struct {
	elems []E
	eof   bool
}

// El is the Input that holds one element.
func El[E any](e E) Input[E] { return Input[E]{elems: []E{e}} }

// Els is the Input that holds the elements es, or Empty if there are none. The Input keeps the slice.
func Els[E any](es ...E) Input[E] { return Input[E]{elems: es} }

// Empty is the Input that holds no element and does not end the stream.
func Empty[E any]() Input[E] { return Input[E]{} }

// EOF is the Input that ends the stream.
func EOF[E any]() Input[E] { return Input[E]{eof: true} }

// El returns the first element and true. It returns the zero value and false if in holds no element.
func (in Input[E]) El() (e E, ok bool) {
	if len(in.elems) == 0 {
		return e, false
	}
	return in.elems[0], true
}

// Els returns all elements of in. There are none in Empty and EOF. The caller must not change the slice.
func (in Input[E]) Els() []E { return in.elems }

// IsEmpty reports whether in holds no element and does not end the stream.
func (in Input[E]) IsEmpty() bool { return len(in.elems) == 0 && !in.eof }

// IsEOF reports whether in ends the stream, after its elements if it has any.
func (in Input[E]) IsEOF() bool { return in.eof }

// Then returns the Input that holds the elements of in, then those of next. It ends the stream if one of
// them does. Then joins the leftovers of two consumers: in is from the consumer that ran last.
func (in Input[E]) Then(next Input[E]) Input[E] {
	return Input[E]{elems: slices.Concat(in.elems, next.elems), eof: in.eof || next.eof}
}

// WithoutEOF returns the Input that holds the same elements and does not end the stream. It is for the
// leftovers of a consumer that was sent EOF before the end of the stream.
func (in Input[E]) WithoutEOF() Input[E] { return Input[E]{elems: in.elems} }

// holdsLessThan reports whether in is smaller than other. Both are leftovers of the same elements.
func (in Input[E]) holdsLessThan(other Input[E]) bool { return in.size() < other.size() }

// size is the number of elements. If the elements are chunks, it is the number of their items, because
// leftovers can begin with a part of a chunk.
func (in Input[E]) size() (n int) {
	for _, e := range in.elems {
		switch v := reflect.ValueOf(e); v.Kind() {
		case reflect.Slice, reflect.String:
			n += v.Len()
		default:
			n++
		}
	}
	return n
}
