package topics

import (
	"context"
	"time"

	"github.com/halley-go/halley/enumerator"
)

// Topics are the topics of a [Store], as one process sees them. Several goroutines may call the methods at once.
// The zero Topics is not usable.
//
// A message is JSON in the Store. A Topics[[]byte] stores the bytes as they are.
type Topics[E any] struct {
	store Store
}

// New returns the Topics of store. The options are [enumerator.Capacity] and [enumerator.CapacityFunc]: they say how
// many of the last messages a topic holds in memory while runs read it. New panics if the policy of
// [enumerator.WhenFull] is not DropOldest.
func New[E any](store Store, opts ...enumerator.PushOption) *Topics[E] {
	return &Topics[E]{store: store}
}

// Publish stores e as the next message of the topic, and returns its Position when the Store has said that it is stored.
// If the Store does not answer, Publish tries again, and stores e once, until ctx ends.
//
// A second Publish with the same key within two minutes stores nothing and returns the Position of the first. An
// empty key is a key of its own.
//
// An error that wraps [ErrUnknown] says that e may have been stored. Any other error says that it was not.
func (t *Topics[E]) Publish(ctx context.Context, name, key string, e E) (enumerator.Position, error) {
	panic("to be written")
}

// PublishAfter is [Topics.Publish] under the condition that last is the last Position of the topic or, if last is zero,
// that the topic has no messages and has not ended. Otherwise it returns [ErrConflict].
func (t *Topics[E]) PublishAfter(ctx context.Context, name, key string, last enumerator.Position, e E) (enumerator.Position, error) {
	panic("to be written")
}

// End ends the topic for good, also for runs that begin later: they run out after its last message. A second End is
// no error.
func (t *Topics[E]) End(ctx context.Context, name string) error { panic("to be written") }

// Delete drops all messages of the topic, and its end. Runs under way get a Reset. The name can be used again.
func (t *Topics[E]) Delete(ctx context.Context, name string) error { panic("to be written") }

// Topic returns the topic with this name.
func (t *Topics[E]) Topic(name string) Topic[E] { return Topic[E]{t, name} }

// From is [Topic.From] of the topic with this name.
func (t *Topics[E]) From(name string, p enumerator.Position) enumerator.Enumerator[enumerator.Item[E]] {
	return t.Topic(name).From(p)
}

// Last is [Topic.Last] of the topic with this name.
func (t *Topics[E]) Last(name string, n int) enumerator.Enumerator[enumerator.Item[E]] {
	return t.Topic(name).Last(n)
}

// Runs returns the number of runs under way that read the topic.
func (t *Topics[E]) Runs(name string) int { panic("to be written") }

// Stats returns the counters.
func (t *Topics[E]) Stats() Stats { panic("to be written") }

// Close ends all runs with [ErrClosed]. Later runs and publishes fail with it. The Store stays open.
func (t *Topics[E]) Close() {}

// Stats are numbers about a [Topics]. Topics and Runs are those of now; the others count since New.
type Stats struct {
	Topics    int           // the topics that have runs
	Runs      int           // the runs under way
	Published uint64        // entries that were stored
	Refused   uint64        // publishes that failed, and were not stored
	Unknown   uint64        // publishes that failed with ErrUnknown
	Fills     uint64        // reads of the Store for runs
	Filled    uint64        // entries that these reads returned
	Resets    uint64        // Resets that runs were told
	Undecoded uint64        // entries that could not be decoded
	Lag       time.Duration // from the time when the newest entry was stored, by the clock of the Store, to its arrival here
}

// A Topic is one of [Topics], by its name. It is an [enumerator.Source].
type Topic[E any] struct {
	topics *Topics[E]
	name   string
}

// Name returns the name of the topic.
func (t Topic[E]) Name() string { return t.name }

// From returns an Enumerator of the messages after the one at p, those that are stored and those to come.
func (t Topic[E]) From(p enumerator.Position) enumerator.Enumerator[enumerator.Item[E]] {
	panic("to be written")
}

// Last returns an Enumerator of the last n messages, or of all that are kept if they are fewer, and of those to come. It
// panics if n is negative.
func (t Topic[E]) Last(n int) enumerator.Enumerator[enumerator.Item[E]] { panic("to be written") }

// FromOrLast returns From(p), or Last(n) if p is the zero Position. It panics if n is negative.
func (t Topic[E]) FromOrLast(p enumerator.Position, n int) enumerator.Enumerator[enumerator.Item[E]] {
	panic("to be written")
}

// Since returns an Enumerator of the messages that were stored at this time or later, and of those to come.
func (t Topic[E]) Since(at time.Time) enumerator.Enumerator[enumerator.Item[E]] {
	panic("to be written")
}

// Beginning returns an Enumerator of all messages that are kept, and of those to come.
func (t Topic[E]) Beginning() enumerator.Enumerator[enumerator.Item[E]] { panic("to be written") }

// Read returns an Enumerator of the messages after place, up to the last one when the run begins. Then it hands on a
// Bookmark and runs out.
func (t Topic[E]) Read(place Place) enumerator.Enumerator[enumerator.Item[E]] { panic("to be written") }

// Position returns the last Position of the topic, or the zero Position if the Store does not answer.
func (t Topic[E]) Position() enumerator.Position { panic("to be written") }

// Publish is [Topics.Publish].
func (t Topic[E]) Publish(ctx context.Context, key string, e E) (enumerator.Position, error) {
	return t.topics.Publish(ctx, t.name, key, e)
}

// PublishAfter is [Topics.PublishAfter].
func (t Topic[E]) PublishAfter(ctx context.Context, key string, last enumerator.Position, e E) (enumerator.Position, error) {
	return t.topics.PublishAfter(ctx, t.name, key, last, e)
}

// End is [Topics.End].
func (t Topic[E]) End(ctx context.Context) error { return t.topics.End(ctx, t.name) }

// Delete is [Topics.Delete].
func (t Topic[E]) Delete(ctx context.Context) error { return t.topics.Delete(ctx, t.name) }
