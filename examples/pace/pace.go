// Package pace slows down streams that would otherwise be too fast to watch.
package pace

import (
	"time"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// Slow returns the Enumerator of the elements of source, one each half second.
func Slow[E any](source enumerator.Enumerator[E]) enumerator.Enumerator[E] {
	ticks := enumerator.Interval(500 * time.Millisecond)
	return enumerator.Map(enumerator.Zip(source, ticks), func(p iteratee.Pair[E, time.Time]) E { return p.First })
}
