package items

import (
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
)

// Via returns the Source whose runs are those of source behind adapter, such as a hub whose messages are
// filtered. adapter must keep the Positions of the Items, as the adapters of this package do.
func Via[From, To any](source enumerator.Source[From], adapter enumeratee.Enumeratee[enumerator.Item[From], enumerator.Item[To]]) enumerator.Source[To] {
	return via[From, To]{source, adapter}
}

type via[From, To any] struct {
	source  enumerator.Source[From]
	adapter enumeratee.Enumeratee[enumerator.Item[From], enumerator.Item[To]]
}

func (v via[From, To]) From(p enumerator.Position) enumerator.Enumerator[enumerator.Item[To]] {
	return enumerator.Through(v.source.From(p), v.adapter)
}

func (v via[From, To]) Last(n int) enumerator.Enumerator[enumerator.Item[To]] {
	return enumerator.Through(v.source.Last(n), v.adapter)
}

func (v via[From, To]) Position() enumerator.Position { return v.source.Position() }

// Any returns source with Values of type any, so that [Join] can merge sources of different types.
func Any[E any](source enumerator.Source[E]) enumerator.Source[any] {
	return Via(source, Map(func(e E) any { return e }))
}
