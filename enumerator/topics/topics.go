package topics

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/halley-go/halley/enumerator"
)

// Topics gives a process access to the topics of a [Store]. Several goroutines may call the methods at once. [New]
// makes Topics; the zero Topics is not usable.
//
// Messages are stored as JSON. A Topics[[]byte] stores the bytes as they are. Entries with a Row are messages like others. A
// Removed has no data, so its message cannot be decoded, except by a Topics[[]byte]. Package tables reads rows.
//
// A topic exists as long as the Store keeps entries of it; nothing needs to be created. While runs read a topic, its
// last messages are held in a ring in memory. All runs share the ring, and the Store keeps it up to date. The first
// run attaches the ring, and the last run detaches it. A topic needs no goroutine besides those of its runs.
type Topics[E any] struct {
	store Store
	opts  []enumerator.PushOption
	raw   bool // E is []byte

	open  context.Context // ends when the Topics is closed
	close context.CancelCauseFunc

	mu    sync.Mutex
	feeds map[string]*feed[E] // the topics that have runs
	runs  int

	counts struct {
		published, refused, unknown, fills, filled, resets, undecoded atomic.Uint64
		lag                                                           atomic.Int64
	}
}

// New returns the Topics of store. The options are [enumerator.Capacity] and [enumerator.CapacityFunc]: they limit
// the messages of a topic that are held in memory while runs read it. The function of CapacityFunc gets the zero
// value for a message that cannot be decoded. New panics if store is nil, or if the policy of [enumerator.WhenFull]
// is not DropOldest.
func New[E any](store Store, opts ...enumerator.PushOption) *Topics[E] {
	if store == nil {
		panic("enumerator/topics: New: store must not be nil")
	}
	if p := enumerator.Broadcast[E](opts...).Policy(); p != enumerator.DropOldest {
		panic(fmt.Sprintf("enumerator/topics: New: the policy must be DropOldest, because the Store has the elements that are dropped; got %v", p))
	}
	var e E
	_, raw := any(e).([]byte)
	t := &Topics[E]{store: store, opts: opts, raw: raw, feeds: map[string]*feed[E]{}}
	t.open, t.close = context.WithCancelCause(context.Background())
	return t
}

// Publish stores e as the next message of the topic, and returns its Position when the Store has acknowledged it. If
// the Store does not answer, Publish tries again until ctx ends, and e is stored at most once. If e may have been
// stored, Publish gives up before the Store forgets the key.
//
// A second Publish with the same key within two minutes stores nothing and returns the Position of the first. An
// empty key stands for a new random key.
//
// An error that wraps [ErrUnknown] says that e may have been stored. Any other error says that it was not.
func (t *Topics[E]) Publish(ctx context.Context, name, key string, e E) (enumerator.Position, error) {
	return t.publish(ctx, name, e, Record{Key: key})
}

// PublishAfter is like [Topics.Publish], but stores e only if last is the last Position of the topic. If last is
// zero, it stores e only if the topic has no entries. Otherwise it returns [ErrConflict].
func (t *Topics[E]) PublishAfter(ctx context.Context, name, key string, last enumerator.Position, e E) (enumerator.Position, error) {
	return t.publish(ctx, name, e, Record{Key: key, Conditional: true, Last: last})
}

func (t *Topics[E]) publish(ctx context.Context, name string, e E, r Record) (p enumerator.Position, err error) {
	if r.Data, err = t.encode(e); err != nil {
		t.counts.refused.Add(1)
		return p, fmt.Errorf("topics: Publish: %w", err)
	}
	return t.append(ctx, name, r)
}

// End ends the topic for good. All runs, including later ones, run out after its last message. A second End returns
// nil.
func (t *Topics[E]) End(ctx context.Context, name string) error {
	_, err := t.append(ctx, name, Record{Kind: Ended})
	if errors.Is(err, ErrEnded) {
		return nil
	}
	return err
}

// Delete drops all messages of the topic and its end. Runs under way get a Reset. The name can be used again.
func (t *Topics[E]) Delete(ctx context.Context, name string) error {
	_, err := t.append(ctx, name, Record{Kind: Deleted})
	return err
}

// append stores r once, and counts.
func (t *Topics[E]) append(ctx context.Context, name string, r Record) (p enumerator.Position, err error) {
	if r.Key == "" {
		r.Key = rand.Text()
	}
	const margin = 20 * time.Second
	var doubt time.Time // the beginning of the first try that may have stored r
	err = t.ask(ctx, func(ctx context.Context) (err error) {
		now := time.Now()
		if !doubt.IsZero() && now.Sub(doubt) > Window-margin {
			return errForgotten
		}
		p, err = t.store.Append(ctx, name, r)
		if errors.Is(err, ErrUnknown) && doubt.IsZero() {
			doubt = now
		}
		return err
	})
	verdict := errors.Is(err, ErrConflict) || errors.Is(err, ErrEnded) // the store does not know the key, so r is not stored
	switch {
	case err == nil:
		t.counts.published.Add(1)
		return p, nil
	case !doubt.IsZero() && !verdict:
		t.counts.unknown.Add(1)
		if !errors.Is(err, ErrUnknown) {
			err = fmt.Errorf("%w: %w", ErrUnknown, err)
		}
	default:
		t.counts.refused.Add(1)
	}
	return enumerator.Position{}, err
}

func (t *Topics[E]) encode(e E) ([]byte, error) {
	if t.raw {
		return bytes.Clone(any(e).([]byte)), nil
	}
	return json.Marshal(e)
}

// decode returns false if data is not the JSON of an E, or if the UnmarshalJSON of E panics.
func (t *Topics[E]) decode(data []byte) (e E, ok bool) {
	if t.raw {
		return any(data).(E), true
	}
	defer func() {
		if !ok {
			_ = recover() // the goroutine may be one of the store
			var zero E
			e = zero // and not half filled
			t.counts.undecoded.Add(1)
		}
	}()
	err := json.Unmarshal(data, &e)
	return e, err == nil
}

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

// Runs returns the number of runs under way that read the topic. Runs of [Topic.Read] are not counted.
func (t *Topics[E]) Runs(name string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if f := t.feeds[name]; f != nil {
		return f.runs
	}
	return 0
}

// Close ends all runs with [ErrClosed]. Later runs and publishes fail with it. The Store stays open.
func (t *Topics[E]) Close() {
	t.close(ErrClosed)
	t.mu.Lock()
	feeds := make([]*feed[E], 0, len(t.feeds))
	for _, f := range t.feeds {
		feeds = append(feeds, f)
	}
	t.mu.Unlock()
	for _, f := range feeds {
		f.detach(nil, ErrClosed)
	}
}

// Stats are numbers about [Topics]. Topics and Runs are current values. The other counters begin at 0 in New.
type Stats struct {
	Topics    int           // the topics that have runs
	Runs      int           // the runs under way
	Published uint64        // entries that were stored
	Refused   uint64        // publishes that failed and stored nothing
	Unknown   uint64        // publishes that failed with ErrUnknown
	Fills     uint64        // reads of the Store for runs
	Filled    uint64        // entries that these reads returned
	Resets    uint64        // Resets that runs have got
	Undecoded uint64        // entries that could not be decoded, counted at each read
	Lag       time.Duration // the time from the storing of the newest entry, by the clock of the Store, to its arrival here
}

// Stats returns the counters.
func (t *Topics[E]) Stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := &t.counts
	return Stats{
		Topics: len(t.feeds), Runs: t.runs,
		Published: c.published.Load(), Refused: c.refused.Load(), Unknown: c.unknown.Load(),
		Fills: c.fills.Load(), Filled: c.filled.Load(),
		Resets: c.resets.Load(), Undecoded: c.undecoded.Load(),
		Lag: time.Duration(c.lag.Load()),
	}
}

// join returns the feed of a topic for one more run, which calls leave at its end.
func (t *Topics[E]) join(name string) *feed[E] {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.feeds[name]
	if f == nil {
		f = &feed[E]{topics: t, name: name, turn: make(chan struct{}, 1)}
		t.feeds[name] = f
	}
	f.runs++
	t.runs++
	return f
}

func (t *Topics[E]) leave(f *feed[E]) {
	t.mu.Lock()
	t.runs--
	f.runs--
	last := f.runs == 0
	if last {
		delete(t.feeds, f.name)
	}
	t.mu.Unlock()
	if last {
		f.detach(nil, errMoved)
	}
}
