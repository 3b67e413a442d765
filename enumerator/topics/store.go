package topics

import (
	"context"
	"errors"
	"time"

	"github.com/halley-go/halley/enumerator"
)

// MaxName is the greatest length of the name of a topic, in bytes.
const MaxName = 512

// Window is the time for which a [Store] remembers the key of an entry.
const Window = 2 * time.Minute

var (
	// ErrUnknown is the error of a publish that may have stored its entry. A publish that fails with another
	// error has not stored it.
	ErrUnknown = errors.New("topics: it is not known whether the entry was stored; publish it again with the same key")

	// ErrConflict is the error of a publish whose condition does not hold.
	ErrConflict = errors.New("topics: the topic has another last entry")

	// ErrEnded is the error of a publish to a topic that has ended.
	ErrEnded = errors.New("topics: the topic has ended")

	// ErrName is the error of a name that is empty or longer than [MaxName].
	ErrName = errors.New("topics: a name must have 1 to 512 bytes")

	// ErrTooLarge is the error of a publish whose entry is larger than the [Store] accepts.
	ErrTooLarge = errors.New("topics: the entry is too large for the store")

	// ErrClosed is the error of runs and publishes when the [Topics] or its [Store] is closed.
	ErrClosed = errors.New("topics: closed")
)

// A Kind is the kind of an [Entry].
type Kind uint8

const (
	Message Kind = iota // the entry is a message
	Ended               // the topic has ended; the entry is the last one, unless a Deleted follows
	Deleted             // the topic was deleted; it has no entries, and may get new ones
	Removed             // the Row of the entry was removed
)

// An Entry is a message in a [Store], or the end or deletion of a topic. Nobody may change its Meta or Data.
type Entry struct {
	Position enumerator.Position
	Kind     Kind
	Row      string    // the row that a Message puts or a Removed removes; empty if there is none
	Time     time.Time // the time when the entry was stored, by the clock of the store
	Meta     []byte    // bytes that a protocol keeps beside Data
	Data     []byte
}

// isBlank reports whether e is an entry of a protocol and not a message.
func (e *Entry) isBlank() bool { return len(e.Meta) > 0 && len(e.Data) == 0 }

// A Record is an [Entry] that is not stored yet. Nobody may change its Meta or Data.
type Record struct {
	// Key makes the append idempotent: if the topic got a Record with the same Key in the last two minutes, the
	// append stores nothing and returns the Position of that Record. It does so even if its condition does not hold
	// now, or if the topic has ended. An empty Key is not remembered.
	Key string

	Kind Kind
	Row  string // the row that a Message puts or a Removed removes; empty if there is none
	Meta []byte // every Store accepts at least 32 KiB
	Data []byte

	// If Conditional is true, the Record is stored only if Last is the last Position of the topic. If Last is zero,
	// the Record is stored only if the topic has no entries.
	//
	// If Row is set, the condition is about this row: the Record is stored only if Last is the Position of the last
	// entry of the row. If Last is zero, the Record is stored only if the topic does not have the row.
	Conditional bool
	Last        enumerator.Position
}

// A Place says where a reader of a topic begins. At most one of After, Last and Since is set. The zero Place is the
// place before the oldest entry that is kept.
type Place struct {
	After enumerator.Position // after the entry with this Position
	Last  int                 // before this many of the last messages, or before all that are kept if they are fewer
	Since time.Time           // before the oldest entry that was stored at this time or later

	// If State is true, the reader wants the rows of the topic and not its history. Then Last and Since are ignored.
	State bool

	// Began is set beside State when a reader reads the next batch of a state. Then After is the Position of the last
	// entry of the previous batch, and Began is the After of the first batch. If that After was zero, Began is the last
	// Position that the topic had before the first batch was read.
	Began enumerator.Position
}

// A Store keeps the entries of topics for all programs that have it open. [Memory] returns a Store of one process.
// Package topicstest checks that a Store keeps the following laws.
//
// The Positions of all entries of a Store have the same Epoch, which is not 0. Their Seqs rise in the order in which
// the entries are stored, across all topics. Each program sees the entries of a topic in this order. A Store that
// was made anew, or has lost its last entries, has another Epoch or does not use a Seq again. In the second case its
// new Seqs may be less than its old ones. Read returns ok false for a Position of another Store.
//
// An error that wraps [ErrName], [ErrConflict], [ErrEnded], [ErrTooLarge] or [ErrClosed] is final. A call that
// fails with another error can be repeated later. An error of Append that wraps [ErrUnknown] says that the entry
// may have been stored; any other error of Append says that it was not. If the context ends, the error wraps its
// cause.
//
// A name can be any bytes. A call fails with [ErrName] if the name is empty or longer than [MaxName].
//
// An entry with a Row is the value of this row until another entry with the same Row is stored. An entry of Kind
// Removed removes the row. Such entries are also messages: they are read, watched, counted and dropped like others. But
// for readers of the state, a Store keeps the last entry of each row until the topic is deleted. It keeps a Removed for
// at least [Window]. A Row can be any bytes. Append fails with [ErrName] if it is longer than [MaxName], or if a
// Removed has no Row. The Row of an Ended or Deleted is ignored.
//
// Several goroutines may call the methods at once.
type Store interface {
	// Append stores r as the last entry of the topic and returns its Position. The checks come in this order: the
	// name, a known Key, the end of the topic ([ErrEnded]), the condition ([ErrConflict]).
	//
	// If the Kind of r is Deleted, Append drops all earlier entries of the topic, including an Ended. It stores such a
	// Record even if the topic has ended or has no entries.
	Append(ctx context.Context, name string, r Record) (enumerator.Position, error)

	// Read returns at most limit of the entries after from, in order. More entries may follow even if it returns fewer
	// than limit. If it returns no entries, there are no more at present. limit is positive.
	//
	// If from.After is set, ok reports whether no entry after it is missing. A Store that cannot decide this otherwise
	// returns true if it has an entry with exactly this Position, or if the Seq is 0 and no entry of the topic was ever
	// dropped. If ok is false, the entries begin with the oldest one that is kept. ok is true for all other Places.
	// from.Last does not count an Ended.
	//
	// If from.State is set, Read returns only entries with a Row. If from.After is zero, these are the last entries of
	// all rows. Otherwise they include the last entry of each row that has changed after from.After, even if that entry
	// is a Removed. ok is false if a Removed that was stored after from.After may be missing, if the topic was deleted
	// since, or if the Store does not know whether from.After is a place. If from.Began is set, these three conditions
	// are about from.Began. An entry that was replaced does not count as missing.
	//
	// Read does not return entries of Kind Deleted. The Position of a deletion is a place like the Position of an
	// entry. For a place before a deletion ok is false.
	//
	// Read knows all entries that this Store has reported before, by Append, Watch, next or Read. It may not know later
	// ones yet. If from.After is later than these entries, so that Read does not know whether it is a place, Read fails
	// with an error that is not final.
	Read(ctx context.Context, name string, from Place, limit int) (entries []Entry, ok bool, err error)

	// Watch returns the last Position of the topic, or {Epoch, 0} if it has none. It calls next once with each later
	// entry, in order, including entries of Kind Deleted. If the last entry is an Ended, Watch calls next with this
	// entry first. Calls may come before Watch has returned. They come one at a time. next must not block.
	//
	// If the Store has missed entries and cannot find them, it calls lost once, and then calls neither next nor lost.
	// The watcher then calls Watch again. A call of stop ends the watch: no call of next or lost begins after it. stop
	// does not wait for a call that has begun. It may be called in next and lost, and any number of times. The watch
	// does not end when ctx ends.
	Watch(ctx context.Context, name string, next func(Entry), lost func(error)) (last enumerator.Position, stop func(), err error)
}
