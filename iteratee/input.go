package iteratee

import (
	"reflect"
	"slices"
)

// Input is what a pure iteratee is handed, and what any iteratee leaves over:
// an element ([El]), nothing for now ([Empty]) or the end of the stream ([EOF]).
//
// The zero Input is Empty. An Input that is handed to a continuation is always one
// element or the end. One that was left over can hold several elements, in the order
// in which they will be offered again, and the end after them.
type Input[E any] struct {
	elems []E
	eof   bool
}

// El is the Input that holds one element.
func El[E any](e E) Input[E] { return Input[E]{elems: []E{e}} }

// Els is the Input that holds these elements, Empty if there are none. It keeps es.
func Els[E any](es ...E) Input[E] { return Input[E]{elems: es} }

// Empty is the Input that holds nothing: no element now, and no end either.
func Empty[E any]() Input[E] { return Input[E]{} }

// EOF is the Input that says that no more elements will come.
func EOF[E any]() Input[E] { return Input[E]{eof: true} }

// El returns the first element and true, or the zero value and false if the
// Input holds no element.
func (in Input[E]) El() (e E, ok bool) {
	if len(in.elems) == 0 {
		return e, false
	}
	return in.elems[0], true
}

// Els returns every element the Input holds, none for Empty and EOF. The caller
// must not change the slice.
func (in Input[E]) Els() []E { return in.elems }

// IsEmpty reports whether the Input holds neither an element nor the end.
func (in Input[E]) IsEmpty() bool { return len(in.elems) == 0 && !in.eof }

// IsEOF reports whether the Input ends the stream, after any elements it holds.
func (in Input[E]) IsEOF() bool { return in.eof }

// Then returns the Input that holds what in holds, and after it what next holds.
// It is how two leftovers are joined: what was left over last comes first.
func (in Input[E]) Then(next Input[E]) Input[E] {
	return Input[E]{elems: slices.Concat(in.elems, next.elems), eof: in.eof || next.eof}
}

// WithoutEOF returns the Input that holds the same elements and not the end. It is for
// what a consumer has left over that was told of an end which is not the stream's.
func (in Input[E]) WithoutEOF() Input[E] { return Input[E]{elems: in.elems} }

// holdsLessThan reports whether in, a leftover of the same elements as other, is the
// smaller.
func (in Input[E]) holdsLessThan(other Input[E]) bool { return in.size() < other.size() }

// size is the number of elements or, if they are chunks, of what those hold: a leftover
// can begin with a part of one.
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
