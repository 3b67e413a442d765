package topics

import (
	"context"
	"time"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/check"
	"github.com/halley-go/halley/iteratee"
)

// A Topic is the topic of a [Topics] with a certain name. It is an [enumerator.Source], like an [enumerator.Hub]. It
// is a value: two Topics of one [Topics] with the same name are equal.
//
// The runs of From, Last, Since and Beginning begin with stored messages and continue with new ones. No message is
// lost or repeated in between. A slow run reads messages from the Store when memory no longer holds them. A run
// hands on these notices:
//
//   - The first Item is a Bookmark with the Position where the run begins, or a Reset.
//   - A Reset says that messages since the previous Position of the run may be lost. The messages that are kept
//     follow. A Reset has one of three reasons: messages were dropped before the run could read them, the topic was
//     deleted, or the Store was replaced. If the run cannot know whether messages were lost, it gets a Reset.
//   - A Bookmark follows when the run reaches the message that was the last one when the run began. A run that begins
//     there has only the first Bookmark.
//   - A Gap of 1 takes the place of a message that could not be decoded.
//   - A Bookmark takes the place of an entry that has Meta and no Data: a protocol such as that of httpadapter/durable has
//     stored it for itself.
//
// A run runs out when the topic has ended. It waits while the Store does not answer. It fails with [ErrName] if the
// name is not valid, and with [ErrClosed] when the [Topics] is closed. A run takes place in the goroutine of the
// caller.
type Topic[E any] struct {
	topics *Topics[E]
	name   string
}

// Name returns the name of the topic.
func (t Topic[E]) Name() string { return t.name }

// From returns an Enumerator of the messages after the one at p. If p is the zero Position, these are the messages
// that arrive after the run has begun.
func (t Topic[E]) From(p enumerator.Position) enumerator.Enumerator[enumerator.Item[E]] {
	return t.items(run[E]{start: Place{After: p}, live: p == enumerator.Position{}})
}

// Last returns an Enumerator of the last n messages, and then of the messages to come. If fewer than n messages are
// kept, it begins with all of them. Messages in memory count as kept. Last panics if n is negative.
func (t Topic[E]) Last(n int) enumerator.Enumerator[enumerator.Item[E]] {
	check.NotNegative("enumerator/topics: Last: n", n)
	return t.items(run[E]{start: Place{Last: n}, live: n == 0})
}

// FromOrLast returns From(p), or Last(n) if p is the zero Position. It serves clients that come back and clients
// that come for the first time. It panics if n is negative.
func (t Topic[E]) FromOrLast(p enumerator.Position, n int) enumerator.Enumerator[enumerator.Item[E]] {
	check.NotNegative("enumerator/topics: FromOrLast: n", n)
	if p == (enumerator.Position{}) {
		return t.Last(n)
	}
	return t.From(p)
}

// Since returns an Enumerator of the messages that were stored at or after a time, and then of the messages to come.
// The Times of entries are those of the clock of the Store.
func (t Topic[E]) Since(at time.Time) enumerator.Enumerator[enumerator.Item[E]] {
	return t.items(run[E]{start: Place{Since: at}})
}

// Beginning returns an Enumerator of all messages that are kept, and then of the messages to come.
func (t Topic[E]) Beginning() enumerator.Enumerator[enumerator.Item[E]] { return t.items(run[E]{}) }

// Read returns an Enumerator of the messages after place, up to the one that is the last when the run begins. Then
// it hands on a Bookmark and runs out. Read does not attach the topic: it reads the Store. It panics if place.Last
// is negative. It ignores place.State.
func (t Topic[E]) Read(place Place) enumerator.Enumerator[enumerator.Item[E]] {
	check.NotNegative("enumerator/topics: Read: place.Last", place.Last)
	place.State = false
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[enumerator.Item[E]]) iteratee.Step {
		return (&run[E]{sink: sink, topics: t.topics, name: t.name, start: place}).read(ctx)
	})
}

func (t Topic[E]) items(start run[E]) enumerator.Enumerator[enumerator.Item[E]] {
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[enumerator.Item[E]]) iteratee.Step {
		r := start
		r.sink, r.topics, r.name = sink, t.topics, t.name
		return r.drive(ctx)
	})
}

// Position returns the last Position of the topic as this process knows it. If no run reads the topic here, Position
// asks the Store. It returns the zero Position if the Store does not answer within two seconds.
func (t Topic[E]) Position() enumerator.Position {
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	defer cancel()
	p, _ := t.LastPosition(ctx)
	return p
}

// LastPosition is like [Topic.Position], but waits until the Store answers or ctx ends. It fails with [ErrName] if the
// name is not valid, with [ErrClosed] when the [Topics] is closed, and with an error that wraps the cause when ctx ends.
func (t Topic[E]) LastPosition(ctx context.Context) (enumerator.Position, error) {
	t.topics.mu.Lock()
	f := t.topics.feeds[t.name]
	t.topics.mu.Unlock()
	if f != nil {
		if l := f.current(); l != nil {
			return l.end(), nil
		}
	}
	return t.topics.last(ctx, t.name)
}

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
