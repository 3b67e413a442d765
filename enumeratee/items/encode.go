package items

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
)

// held is the number of encoded messages that Encode holds.
const held = 256

// Encode returns the adapter that replaces the Value of each message with the result of f. It calls f once for each
// Position, however many runs use the adapter at the same time. It is for hubs with many readers: make one adapter
// and use it in all runs. The adapter holds up to 256 of the last chunks. A message is encoded again for a run that
// is further behind. Messages with the zero Position are encoded for each run.
//
// A message must have the same Value in all runs that use the adapter, because the runs share the chunk. So adapters
// that depend on the client must come behind Encode, or have an Encode of their own. No one may change a chunk.
//
// An error of f ends each run that reads the message. With comet.Recover, a gap takes the place of the
// message. A panic of f reaches each of these runs. The leftovers are those of [enumeratee.Map].
func Encode[E any](f func(E) ([]byte, error)) enumeratee.Enumeratee[enumerator.Item[E], enumerator.Item[[]byte]] {
	chunks := &cache[E]{f: f}
	return enumeratee.MapM(func(_ context.Context, item enumerator.Item[E]) (enumerator.Item[[]byte], error) {
		if !item.IsMessage() {
			return with[[]byte](item, nil), nil
		}
		chunk, err := chunks.get(item.Position, item.Value)
		return with(item, chunk), err
	})
}

// cache holds the chunks of some of the last Positions. Several runs use it at once.
type cache[E any] struct {
	f     func(E) ([]byte, error)
	slots [held]atomic.Pointer[encoded]
}

type encoded struct {
	position enumerator.Position
	chunk    func() ([]byte, error)
}

func (c *cache[E]) get(p enumerator.Position, e E) ([]byte, error) {
	if p == (enumerator.Position{}) {
		return c.f(e)
	}
	// Consecutive numbers have different slots. Consecutive multiples of 256 have different slots too.
	slot := &c.slots[(p.Seq^p.Seq>>8^p.Seq>>16)%held]
	for {
		old := slot.Load()
		if old != nil && old.position == p {
			return old.chunk()
		}
		if made := c.encoded(p, e); slot.CompareAndSwap(old, made) {
			return made.chunk()
		}
	}
}

// encoded is a function of its own because e is on the heap here.
func (c *cache[E]) encoded(p enumerator.Position, e E) *encoded {
	return &encoded{p, sync.OnceValues(func() ([]byte, error) { return c.f(e) })}
}
