package tables

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
)

// ErrKey is the error of a key that is empty, longer than [topics.MaxName] or not UTF-8.
var ErrKey = errors.New("tables: a key must have 1 to 512 bytes of UTF-8")

// A Change is the new value of a row of a table, or the removal of the row.
type Change[V any] struct {
	Key     string `json:"key"`
	Value   V      `json:"value"`
	Deleted bool   `json:"deleted,omitempty"` // the row was removed; Value is the zero value
}

// Tables gives a process access to the tables of a [topics.Store]. Several goroutines may call the methods at once. [New]
// makes Tables; the zero Tables is not usable.
//
// Values are stored as JSON. A table exists as long as the Store keeps entries of its topic; nothing needs to be created.
type Tables[V any] struct {
	store topics.Store
	live  *topics.Topics[Change[V]] // over a store whose data are Changes

	open  context.Context // ends when the Tables is closed
	close context.CancelFunc
}

// New returns the Tables of store. The options are those of [topics.New]. New panics if store is nil, or if the policy
// of the options is not DropOldest.
func New[V any](store topics.Store, opts ...enumerator.PushOption) *Tables[V] {
	if store == nil {
		panic("enumerator/topics/tables: New: store must not be nil")
	}
	t := &Tables[V]{store: store, live: topics.New[Change[V]](rows{store}, opts...)}
	t.open, t.close = context.WithCancel(context.Background())
	return t
}

// Close ends all runs with [topics.ErrClosed]. Later runs and changes fail with the same error. The Store stays open.
func (t *Tables[V]) Close() {
	t.close()
	t.live.Close()
}

// Table returns the table with this name.
func (t *Tables[V]) Table(name string) Table[V] { return Table[V]{t, name} }

// A Table is the table of a [Tables] with a certain name. It is an [enumerator.Source] of its changes. It is a value: two
// Tables with the same name are equal.
type Table[V any] struct {
	tables *Tables[V]
	name   string
}

// Name returns the name of the table.
func (t Table[V]) Name() string { return t.name }

// Put stores v as the row with this key, and returns the Position of the row when the Store has acknowledged it. If the
// Store does not answer, Put tries again until ctx ends. It fails with [ErrKey] if the key is not valid. An error that
// wraps [topics.ErrUnknown] says that v may have been stored. Any other error says that it was not.
func (t Table[V]) Put(ctx context.Context, key string, v V) (enumerator.Position, error) {
	return t.change(ctx, Change[V]{Key: key, Value: v}, nil)
}

// PutAfter is like [Table.Put], but stores v only if last is the Position of the row. If last is zero, it stores v only if the
// table does not have the row. Otherwise it returns [topics.ErrConflict].
func (t Table[V]) PutAfter(ctx context.Context, key string, last enumerator.Position, v V) (enumerator.Position, error) {
	return t.change(ctx, Change[V]{Key: key, Value: v}, &last)
}

// Remove removes the row with this key, if there is one, and returns the Position of the removal. Its errors are those
// of [Table.Put].
func (t Table[V]) Remove(ctx context.Context, key string) (enumerator.Position, error) {
	return t.change(ctx, Change[V]{Key: key, Deleted: true}, nil)
}

// RemoveAfter is like [Table.Remove], but removes the row only if last is its Position. Otherwise it returns
// [topics.ErrConflict].
func (t Table[V]) RemoveAfter(ctx context.Context, key string, last enumerator.Position) (enumerator.Position, error) {
	return t.change(ctx, Change[V]{Key: key, Deleted: true}, &last)
}

func (t Table[V]) change(ctx context.Context, c Change[V], last *enumerator.Position) (p enumerator.Position, err error) {
	if c.Key == "" || len(c.Key) > topics.MaxName || !utf8.ValidString(c.Key) {
		return p, ErrKey
	}
	if last != nil {
		return t.topic().PublishAfter(ctx, "", *last, c)
	}
	return t.topic().Publish(ctx, "", c)
}

func (t Table[V]) topic() topics.Topic[Change[V]] { return t.tables.live.Topic(t.name) }

// Get returns the row with this key and its Position. It returns ok false if there is no such row, or if its value cannot be
// decoded. Get reads all rows of the table. While the Store does not answer, it waits until ctx ends.
func (t Table[V]) Get(ctx context.Context, key string) (v V, p enumerator.Position, ok bool, err error) {
	get := getting[V]{key: key}
	step := t.Rows().Into(ctx, &get)
	return get.last.Value.Value, get.last.Position, get.ok, step.Err()
}

// Position returns the last Position of the table as this process knows it, like [topics.Topic.Position].
func (t Table[V]) Position() enumerator.Position { return t.topic().Position() }

// rows is a Store whose messages have Changes as their data. So a Topics of Changes need not know rows.
type rows struct{ topics.Store }

func (s rows) Append(ctx context.Context, name string, r topics.Record) (enumerator.Position, error) {
	if r.Kind == topics.Message {
		var c Change[json.RawMessage]
		if err := json.Unmarshal(r.Data, &c); err != nil {
			return enumerator.Position{}, fmt.Errorf("tables: %w", err)
		}
		r.Row, r.Data = c.Key, c.Value
		if c.Deleted {
			r.Kind, r.Data = topics.Removed, nil
		}
	}
	return s.Store.Append(ctx, name, r)
}

func (s rows) Read(ctx context.Context, name string, from topics.Place, limit int) ([]topics.Entry, bool, error) {
	entries, ok, err := s.Store.Read(ctx, name, from, limit)
	for i, e := range entries {
		entries[i] = changeOf(e)
	}
	return entries, ok, err
}

func (s rows) Watch(ctx context.Context, name string, next func(topics.Entry), lost func(error)) (enumerator.Position, func(), error) {
	return s.Store.Watch(ctx, name, func(e topics.Entry) { next(changeOf(e)) }, lost)
}

// changeOf returns e with a Change as its data. The data of an entry that is not a change cannot be decoded.
func changeOf(e topics.Entry) topics.Entry {
	c := Change[json.RawMessage]{Key: e.Row, Value: e.Data}
	switch {
	case e.Kind == topics.Ended || e.Kind == topics.Deleted:
		return e
	case e.Kind == topics.Removed:
		c.Value, c.Deleted, e.Kind = nil, true, topics.Message
	}
	e.Data = nil
	if c.Key != "" && utf8.ValidString(c.Key) {
		e.Data, _ = json.Marshal(c) // fails if the value is not JSON
	}
	return e
}

// The pauses between calls of a Store that fails grow from shortest to longest. patience is the time limit of one call.
const (
	shortest = 100 * time.Millisecond
	longest  = 2 * time.Second
	patience = 5 * time.Second
)

// ask calls f until it succeeds or fails for good, or ctx ends, or t is closed.
func (t *Tables[V]) ask(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(t.open, func() { cancel(topics.ErrClosed) })()
	for pause := shortest; ; pause = min(2*pause, longest) {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		err := try(ctx, f)
		if err == nil || errors.Is(err, topics.ErrName) || errors.Is(err, topics.ErrClosed) {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

func try(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return f(ctx)
}
