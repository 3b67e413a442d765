package enumerator

import "github.com/halley-go/halley/enumeratee"

// Map returns an Enumerator of the results of f, which it calls with each element of source.
//
// Play calls it Enumerator.map.
func Map[From, To any](source Enumerator[From], f func(From) To) Enumerator[To] {
	return Through(source, enumeratee.Map(f))
}
