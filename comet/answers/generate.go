package answers

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/internal/guard"
	"github.com/halley-go/halley/iteratee"
)

// Start starts an answer: it runs source in a goroutine, and stores its elements. It returns when the Store has
// acknowledged that the answer has begun, and does not wait for an element. An answer that is kept under the same id is
// replaced. If that answer is under way, it is stopped, and its readers go on with the new one.
//
// ctx bounds Start but not source. source gets a context without values. The context ends when the answer is stopped or
// replaced, after [MaxDuration], and with [Answers.Close]. If source fails or panics, the answer ends as [Failed].
//
// The errors of Start wrap [ErrID], [ErrBusy], [ErrClosed], or an error of the Store. Then source is not run.
func (a *Answers[E]) Start(ctx context.Context, id string, source enumerator.Enumerator[E]) error {
	return a.start(ctx, id, source, func() {})
}

// start implements Start. It calls over when source has returned, or when start fails.
func (a *Answers[E]) start(ctx context.Context, id string, source enumerator.Enumerator[E], over func()) (err error) {
	g := &generation[E]{Answers: a, id: id, topic: a.topic(id), over: over, turn: make(chan struct{}, 1)}
	if err := g.enter(); err != nil {
		over()
		return err
	}
	defer func() {
		if err != nil {
			g.leave()
		}
	}()
	if g.first, err = g.begin(ctx); err != nil {
		return fmt.Errorf("answers: Start: %w", translated(err))
	}
	g.last = g.first
	var limited context.Context
	limited, g.cancel = context.WithTimeoutCause(a.open, a.maxDuration, errTooLong)
	running, stop := context.WithCancelCause(limited)
	g.stop = stop
	a.mu.Lock()
	older := a.stops[id]
	if older != nil && older.first.Seq > g.first.Seq { // another Start has replaced g meanwhile
		older = g
	} else {
		a.stops[id] = g
	}
	a.mu.Unlock()
	if older != nil {
		older.stop(errOver)
	}
	go g.run(running, source)
	return nil
}

var (
	errTooLong  = errors.New("answers: the answer takes longer than MaxDuration")
	errTooLarge = errors.New("answers: the answer is larger than MaxBytes or MaxMessages")
	errOver     = errors.New("answers: the answer was stopped or replaced")
)

// generation is an answer that this process generates.
type generation[E any] struct {
	*Answers[E]
	id     string
	topic  topics.Topic[entry[E]]
	over   func()
	stop   context.CancelCauseFunc
	cancel context.CancelFunc

	first           enumerator.Position // of the start
	bytes, messages int

	turn    chan struct{}   // is held while an entry is stored, and guards the fields below
	storing context.Context // ends patience after the context of the source
	last    enumerator.Position
	fenced  bool        // another entry has come after the last one
	bell    *time.Timer // rings after a beat without an entry
}

// enter takes one of the places of MaxRunning.
func (g *generation[E]) enter() error {
	if err := checkID(g.id); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.closed:
		return ErrClosed
	case g.running >= g.maxRunning:
		return ErrBusy
	}
	g.running++
	g.working.Add(1)
	return nil
}

func (g *generation[E]) leave() {
	g.mu.Lock()
	g.running--
	if g.stops[g.id] == g {
		delete(g.stops, g.id)
	}
	g.mu.Unlock()
	if g.stop != nil {
		g.stop(nil)
		g.cancel()
	}
	g.over()
	g.working.Done()
}

// begin stores the start, after it has deleted an earlier answer. Another process may store an entry after the deletion,
// so begin tries again.
func (g *generation[E]) begin(ctx context.Context) (enumerator.Position, error) {
	for {
		p, err := g.topic.PublishAfter(ctx, "", enumerator.Position{}, entry[E]{Start: true})
		if !errors.Is(err, topics.ErrConflict) {
			return p, err
		}
		if err := g.topic.Delete(ctx); err != nil {
			return p, err
		}
	}
}

func (g *generation[E]) run(ctx context.Context, source enumerator.Enumerator[E]) {
	defer g.leave()
	storing, give := context.WithCancel(context.Background())
	defer give()
	defer context.AfterFunc(ctx, func() {
		if sleep(storing, patience) {
			give()
		}
	})()
	g.turn <- struct{}{}
	g.storing = storing
	g.bell = time.AfterFunc(g.beat, func() { g.sendBeat(ctx) })
	<-g.turn
	var err error
	guard.Run("comet/answers: Start: source", func() {
		_, err = enumerator.Run(ctx, source, iteratee.ForEach(g.take))
	}, func(panicked any) {
		if panicked != nil {
			err = fmt.Errorf("panic: %v\n\n%s", panicked, debug.Stack())
		}
		g.finish(err)
	})
}

// take stores e if the limits allow it.
func (g *generation[E]) take(_ context.Context, e E) error {
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	g.bytes += len(data)
	g.messages++
	if g.bytes > g.maxBytes || g.messages > g.maxMessages {
		return errTooLarge
	}
	g.turn <- struct{}{}
	defer func() { <-g.turn }()
	return g.add("", entry[E]{Value: []E{e}})
}

// sendBeat stores a beat. A source that goes on after the end of ctx gets no more beats.
func (g *generation[E]) sendBeat(ctx context.Context) {
	g.turn <- struct{}{}
	defer func() { <-g.turn }()
	if ctx.Err() != nil {
		return
	}
	if err := g.add("", entry[E]{}); err != nil {
		g.stop(err)
	}
}

// add stores e after the last entry. The end of the answer does not interrupt it, because g.last would then be unknown.
// The caller has the turn.
func (g *generation[E]) add(key string, e entry[E]) error {
	p, err := g.topic.PublishAfter(g.storing, key, g.last, e)
	if err == nil {
		g.last = p
	}
	g.fenced = errors.Is(err, topics.ErrConflict)
	g.bell.Reset(g.beat)
	return err
}

// finish stores the end of the answer, whose source has ended with err.
func (g *generation[E]) finish(err error) {
	g.turn <- struct{}{}
	defer func() { <-g.turn }()
	defer g.stop(nil) // no beat comes after this
	defer g.bell.Stop()
	var reason Reason
	switch {
	case g.fenced || errors.Is(err, errOver): // the answer was stopped or replaced, which others have stored
	case err == nil:
		reason = Complete
	case errors.Is(err, errTooLong), errors.Is(err, errTooLarge):
		reason = Limited
	case errors.Is(err, ErrClosed):
		reason = Lost
	default:
		reason = Failed
	}
	if reason != "" {
		g.log(reason, err)
		if err := g.add(endKey(g.first), g.end(reason)); err != nil && !g.fenced {
			g.log(Failed, fmt.Errorf("the end was not stored: %w", err))
		}
	}
	g.keep(g.id, g.first)
}

func (g *generation[E]) log(reason Reason, err error) {
	switch reason {
	case Failed:
		g.logger.ErrorContext(context.Background(), "answers: an answer has failed", "id", g.id, "error", err)
	case Limited, Lost:
		g.logger.WarnContext(context.Background(), "answers: an answer was ended", "id", g.id, "reason", reason, "error", err)
	}
}

// Stop ends an answer as [Stopped], even if another process generates it. It returns when the Store has acknowledged
// the end. Elements that come later are dropped. The context of the source ends at once in this process, and in another
// one at the next element or beat. If the answer has ended, Stop has no effect.
//
// The error is [ErrUnknown] if no answer with this id is kept.
func (a *Answers[E]) Stop(ctx context.Context, id string) error {
	first, err := a.at(ctx, id, atFirst)
	if err != nil {
		return err
	}
	switch last, err := a.at(ctx, id, atLast); {
	case err != nil:
		return err
	case last.isEnd:
		return nil
	}
	// No condition: it would fail again and again while elements come quickly.
	if _, err := a.topic(id).Publish(ctx, endKey(first.Position), a.end(Stopped)); err != nil {
		return translated(err)
	}
	a.mu.Lock()
	g := a.stops[id]
	a.mu.Unlock()
	switch {
	case g == nil:
		a.keep(id, first.Position) // the process that generates it may be dead
	case g.first == first.Position: // otherwise another answer has replaced it meanwhile
		g.stop(errOver)
	}
	return nil
}

// kept is an answer that has ended. It is forgotten at the time until.
type kept struct {
	id    string
	first enumerator.Position // tells the answer from a later one with the same id
	until time.Time
}

// keep notes that an answer has ended.
func (a *Answers[E]) keep(id string, first enumerator.Position) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return
	}
	a.kept = append(a.kept, kept{id, first, time.Now().Add(a.keepFor)})
	if a.sweeper == nil {
		a.sweeper = time.AfterFunc(a.keepFor, a.sweep)
	}
}

// sweep forgets the answers whose time has come.
func (a *Answers[E]) sweep() {
	if !a.work() {
		return
	}
	defer a.working.Done()
	for {
		a.mu.Lock()
		if len(a.kept) == 0 {
			a.kept, a.sweeper = nil, nil
			a.mu.Unlock()
			return
		}
		k := a.kept[0]
		if wait := time.Until(k.until); wait > 0 {
			a.sweeper.Reset(wait)
			a.mu.Unlock()
			return
		}
		a.kept = a.kept[1:]
		a.mu.Unlock()
		if err := a.forget(a.open, k); err != nil && a.open.Err() == nil {
			a.logger.WarnContext(a.open, "answers: an answer could not be forgotten", "id", k.id, "error", err)
			a.keep(k.id, k.first)
		}
	}
}

// work counts a goroutine that Close waits for. It returns false after Close.
func (a *Answers[E]) work() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return false
	}
	a.working.Add(1)
	return true
}

// forget deletes the topic of k, unless it has a later answer.
func (a *Answers[E]) forget(ctx context.Context, k kept) error {
	for {
		first, err := a.at(ctx, k.id, atFirst)
		if err != nil || first.Position != k.first {
			return ignored(err, ErrUnknown)
		}
		last, err := a.at(ctx, k.id, atLast)
		if err != nil {
			return ignored(err, ErrUnknown)
		}
		_, err = a.store.Append(ctx, prefix+k.id, topics.Record{
			Key: rand.Text(), Kind: topics.Deleted, Conditional: true, Last: last.Position,
		})
		if !errors.Is(err, topics.ErrConflict) {
			return err
		}
	}
}

func ignored(err, harmless error) error {
	if errors.Is(err, harmless) {
		return nil
	}
	return err
}
