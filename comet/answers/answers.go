package answers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/internal/check"
)

// MaxID is the greatest length of the id of an answer, in bytes.
const MaxID = topics.MaxName - len(prefix)

const prefix = "answers/" // of the names of the topics

var (
	// ErrUnknown is the error if no answer with the id is kept.
	ErrUnknown = errors.New("answers: no answer with this id is kept")

	// ErrBusy is the error of Start when as many answers are under way as [MaxRunning] allows.
	ErrBusy = errors.New("answers: too many answers are under way; start this one later")

	// ErrClosed is the error of calls and runs when the [Answers] is closed.
	ErrClosed = errors.New("answers: closed")

	// ErrID is the error of an id that is empty or longer than [MaxID].
	ErrID = fmt.Errorf("answers: an id must have 1 to %d bytes", MaxID)
)

// A Reason says why an answer has ended.
type Reason string

const (
	Complete Reason = "complete" // the source has run out
	Stopped  Reason = "stopped"  // Stop was called
	Limited  Reason = "limited"  // the answer has reached MaxDuration, MaxBytes or MaxMessages
	Failed   Reason = "failed"   // the source has failed or panicked, or an element could not be stored
	Lost     Reason = "lost"     // the process that generated the answer has closed its Answers or has died
)

// Answers starts answers, and reads and stops them. Several goroutines may call its methods at once. [New] makes Answers;
// the zero Answers is not usable.
//
// Elements are stored as JSON.
type Answers[E any] struct {
	store  topics.Store
	topics *topics.Topics[entry[E]]
	last   map[Reason]E // the last message of an answer that is not complete
	config

	open  context.Context // ends with Close
	close context.CancelCauseFunc

	mu      sync.Mutex // guards the fields below
	closed  bool
	working sync.WaitGroup            // the goroutines
	running int                       // the answers under way
	stops   map[string]*generation[E] // the newest answer under way of each id
	seeking map[string]bool           // the ids of the answers that bury works on
	kept    []kept                    // the answers that this process will forget, in the order of their times
	sweeper *time.Timer               // for the first of kept, or nil
}

// entry is an element of a topic: the start of an answer, a message, the end, perhaps with a last message, or a beat, in
// which all fields are empty.
type entry[E any] struct {
	Start bool   `json:"start,omitempty"`
	End   Reason `json:"end,omitempty"`
	Value []E    `json:"value,omitempty"` // at most one
}

// New returns the Answers in store. All processes that have the store open can read and stop them, if their options and
// last are the same.
//
// last returns the last message of an answer that has ended for another reason than [Complete], so that clients can
// tell it from a complete one. New calls it once for each of these Reasons. The error of the source may hold secrets,
// so only the [Logger] gets it.
//
// The Store must keep all entries of an answer: its messages, a beat for each five seconds of silence, its start and
// its end. The topics of answers have names that begin with "answers/". A process that dies does not forget its
// answers, so the Store should have a MaxAge.
//
// New panics if store or last is nil.
func New[E any](store topics.Store, last func(Reason) E, opts ...Option) *Answers[E] {
	if store == nil {
		panic("comet/answers: New: store must not be nil")
	}
	if last == nil {
		panic("comet/answers: New: last must not be nil")
	}
	a := &Answers[E]{
		store: store, topics: topics.New[entry[E]](store), last: map[Reason]E{}, config: newConfig(opts),
		stops: map[string]*generation[E]{}, seeking: map[string]bool{},
	}
	for _, reason := range []Reason{Stopped, Limited, Failed, Lost} {
		a.last[reason] = last(reason)
	}
	a.open, a.close = context.WithCancelCause(context.Background())
	return a
}

// end returns the entry of an end.
func (a *Answers[E]) end(reason Reason) entry[E] {
	e := entry[E]{End: reason}
	if last, ok := a.last[reason]; ok {
		e.Value = []E{last}
	}
	return e
}

// endKey returns the key for all ends of the answer that begins at first. The Store keeps only the first of these ends.
func endKey(first enumerator.Position) string { return "end " + first.String() }

func (a *Answers[E]) topic(id string) topics.Topic[entry[E]] { return a.topics.Topic(prefix + id) }

func checkID(id string) error {
	if id == "" || len(id) > MaxID {
		return fmt.Errorf("%w, not %d", ErrID, len(id))
	}
	return nil
}

// mark is an entry of an answer.
type mark struct {
	enumerator.Position
	isEnd bool
}

var (
	atFirst = topics.Place{}
	atLast  = topics.Place{Last: 1}
)

// at returns the first entry of the topic after place. It tries again while the Store does not answer. The error is
// ErrUnknown if no entry follows place.
func (a *Answers[E]) at(ctx context.Context, id string, place topics.Place) (none mark, err error) {
	if err := checkID(id); err != nil {
		return none, err
	}
	if a.open.Err() != nil {
		return none, ErrClosed
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(a.open, func() { cancel(ErrClosed) })()
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		entries, err := a.readOne(ctx, id, place)
		switch {
		case err == nil && len(entries) == 0:
			return none, ErrUnknown
		case err == nil:
			var e struct{ End Reason }
			_ = json.Unmarshal(entries[0].Data, &e) // an entry that is not JSON is not an end
			return mark{entries[0].Position, e.End != ""}, nil
		case errors.Is(err, topics.ErrClosed):
			return none, ErrClosed
		}
		if !sleep(ctx, pause) {
			return none, errors.Join(context.Cause(ctx), err)
		}
	}
}

func (a *Answers[E]) readOne(ctx context.Context, id string, place topics.Place) ([]topics.Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	entries, _, err := a.store.Read(ctx, prefix+id, place, 1)
	return entries, err
}

// sleep returns false if ctx ends before d has passed.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func translated(err error) error {
	if errors.Is(err, topics.ErrClosed) {
		return ErrClosed
	}
	return err
}

// Close ends the answers under way in this process as [Lost], and waits until all of their sources have returned. It
// gives up storing their ends after five seconds. After Close, this process no longer forgets the answers that have
// ended. Runs under way and later calls fail with [ErrClosed]. The Store stays open.
func (a *Answers[E]) Close() {
	a.mu.Lock()
	a.closed, a.kept = true, nil
	if a.sweeper != nil {
		a.sweeper.Stop()
	}
	a.mu.Unlock()
	a.close(ErrClosed)
	a.working.Wait()
	a.topics.Close()
}

// patience is the time limit of one attempt to read. It is also the time for which entries may still be stored after
// the context of the source has ended.
const patience = 5 * time.Second

// An Option is an option of [New].
type Option func(*config)

type config struct {
	maxRunning  int
	maxDuration time.Duration
	maxBytes    int
	maxMessages int
	keepFor     time.Duration
	beat        time.Duration
	logger      httpadapter.ErrorLogger
}

func newConfig(opts []Option) config {
	c := config{
		maxRunning: 1000, maxDuration: 10 * time.Minute, maxBytes: 1 << 20, maxMessages: 10_000,
		keepFor: 10 * time.Minute, beat: 5 * time.Second, logger: httpadapter.LoggerOf(),
	}
	for _, opt := range opts {
		opt(&c)
	}
	return c
}

// MaxRunning limits the answers under way in this process. The default is 1000. MaxRunning panics if n is not positive.
func MaxRunning(n int) Option {
	check.Positive("comet/answers: MaxRunning: n", n)
	return func(c *config) { c.maxRunning = n }
}

// MaxDuration limits the time that an answer takes. After this time, the answer ends as [Limited]. The default is 10
// minutes. MaxDuration panics if d is not positive.
func MaxDuration(d time.Duration) Option {
	check.Positive("comet/answers: MaxDuration: d", d)
	return func(c *config) { c.maxDuration = d }
}

// MaxBytes limits the JSON of all elements of an answer together. The default is 1 MiB. The element that would exceed
// the limit is dropped, and the answer ends as [Limited]. MaxBytes panics if n is not positive.
func MaxBytes(n int) Option {
	check.Positive("comet/answers: MaxBytes: n", n)
	return func(c *config) { c.maxBytes = n }
}

// MaxMessages limits the elements of an answer. The default is 10,000. The element after the last one is dropped, and
// the answer ends as [Limited]. MaxMessages panics if n is not positive.
func MaxMessages(n int) Option {
	check.Positive("comet/answers: MaxMessages: n", n)
	return func(c *config) { c.maxMessages = n }
}

// Keep sets the time for which an answer is kept after its end. The default is 10 minutes. Keep panics if d is not
// positive.
func Keep(d time.Duration) Option {
	check.Positive("comet/answers: Keep: d", d)
	return func(c *config) { c.keepFor = d }
}

// Beat sets the time of silence after which a beat is stored. The default is five seconds. An answer without an entry
// for three times as long ends as [Lost]. All processes must set the same time. It must be longer than the Store needs
// to choose a new leader. Beat panics if d is not positive.
func Beat(d time.Duration) Option {
	check.Positive("comet/answers: Beat: d", d)
	return func(c *config) { c.beat = d }
}

// Logger sets the logger of the errors of sources, of answers that were limited or lost, and of entries that could not be
// stored. The default is package log. Logger panics if logger is nil.
func Logger(logger httpadapter.ErrorLogger) Option {
	if logger == nil {
		panic("comet/answers: Logger: logger must not be nil")
	}
	return func(c *config) { c.logger = logger }
}
