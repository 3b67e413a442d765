package enumerator

import (
	"github.com/halley-go/halley/enumeratee"
)

// Map returns the Enumerator of f of each element of e.
//
// It is Play's Enumerator.map.
func Map[From, To any](e Enumerator[From], f func(From) To) Enumerator[To] {
	return Through(e, enumeratee.Map(f))
}
