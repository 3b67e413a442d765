package iteratee

import (
	"cmp"
	"container/list"
	"context"
	"sync"
	"sync/atomic"

	"github.com/halley-go/halley/internal/cork"
	"github.com/halley-go/halley/internal/stop"
)

// NewRun returns the context of one run, and the function that ends the run: it
// calls what [AtEnd] has registered, last first, and then ends the context. enumerator.Run
// calls both; so must whoever drives an [Iteratee] by hand.
func NewRun(ctx context.Context) (run context.Context, end func()) {
	s := &scope{lazy: lazy{Context: ctx}}
	return s, s.end
}

// NewSubrun is [NewRun] for an adapter that has goroutines of its own within the run or the
// part whose context is ctx: a failure in it is one of that, see [Fail].
func NewSubrun(ctx context.Context) (run context.Context, end func()) {
	s := &scope{lazy: lazy{Context: ctx}, sub: true}
	return s, s.end
}

// AtEnd has f called when the run whose context is ctx is over, however that ends:
// f closes what a consumer or an adapter holds open. It is called once, before the
// run returns, or when now is called, if that is earlier. AtEnd panics if ctx does
// not come from a run.
func AtEnd(ctx context.Context, f func()) (now func()) {
	s := scopeOf(ctx, "AtEnd")
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = list.New()
	}
	at := s.open.PushFront(f)
	return func() {
		if s.remove(at) {
			f()
		}
	}
}

// Go calls f, which runs a consumer, in a goroutine of its own. The context of f is made of
// ctx, and ends when cancel is called or the run whose context is ctx is over. That ends the
// contexts of all such goroutines before it waits for any, since one may wait for another;
// and only when all have returned does it call what [AtEnd] has registered: what the
// consumers use. A source that runs in another goroutine from then on does not tell the consumer of
// bursts by [Cork]. f must not panic. Go panics if ctx does not come from a run.
func Go(ctx context.Context, f func(context.Context)) (cancel func()) {
	s := scopeOf(ctx, "Go")
	cork.Of(ctx).Cut()
	ctx, cancel = context.WithCancel(cork.With(ctx, nil))
	forget := context.AfterFunc(s.ending(), cancel)
	s.count(1)
	go func() {
		defer s.count(-1)
		defer forget()
		f(ctx)
	}()
	return cancel
}

// Interruptible is for an adapter that runs its consumer in a goroutine of its own. It
// is called when the adapter is attached, with the context of the run, and returns the
// context under which the adapter itself runs, and a function that makes the source stop
// waiting and ends the run with step, which is what the adapter has answered or would
// answer next. That function can be called by any goroutine and at any time.
//
// The context returned ends when an adapter behind this one interrupts the source. That
// goes no further by itself: the adapter interrupts what is before it when it has ended, so
// that nobody drives its consumer any more when the source is told.
//
// A source can only be interrupted if nobody else will want its elements: not on behalf
// of a part of a [FlatMap], say, after which another part goes on. Interruptible returns
// ctx and nil then; the source is stopped at its next element.
func Interruptible(ctx context.Context) (own context.Context, interrupt func(Step)) {
	s, ok := ctx.(*scope) // a part of the consumer has a context made of that
	if !ok {
		return ctx, nil
	}
	if s.driven {
		return ctx, func(Step) {}
	}
	if own = ctx; s.up != nil {
		own = s.up
	}
	up, cancel := context.WithCancelCause(ctx)
	AtEnd(ctx, func() { cancel(nil) })
	s.up = up
	return own, func(step Step) { cancel(&interruption{step}) }
}

// Drive has drive drive sink in the run whose context is ctx, and returns the last answer.
// What is attached to the sink can interrupt drive from then on: see [Interruptible].
// enumerator.Run and Through call it. There is one call of Drive in a run made by
// [NewRun].
func Drive[E any](ctx context.Context, sink Sink[E], drive func(context.Context, Sink[E]) Step) Step {
	s, ok := ctx.(*scope)
	if !ok {
		return drive(ctx, sink)
	}
	s.driven = true
	source := s.up
	if source == nil {
		source = (*driving)(s)
	}
	return Interrupted(source, drive(source, sink))
}

// Interrupted returns what has interrupted an adapter that ran under own and has answered
// step, or step itself if that is not because of an interruption. See [Interruptible].
func Interrupted(own context.Context, step Step) Step {
	if own.Err() == nil || step.Err() != nil && !stop.Only(step.Err()) {
		return step
	}
	if by := interruptionOf(own); by != nil {
		return by.step
	}
	return step
}

// interruptionOf returns the interruption that has ended ctx, the context of a source; nil if there is none.
func interruptionOf(ctx context.Context) *interruption {
	by, _ := context.Cause(ctx).(*interruption)
	return by
}

// Cork is for a source that may have several elements at hand. It returns a function, which
// the source calls with true before it hands on one after which it will not wait for the
// next, and with false when there are no more, before it waits or returns. That tells a
// consumer that has asked for it, by [OnCork], so that what comes together can be sent
// together. To call it is cheap, and has no effect where nobody has asked.
//
// It is for the goroutine that drives the consumer: ctx is the context that the source has, or
// one made of it, or that of the stage for an adapter that is about to start such a goroutine. A
// goroutine that drives a consumer must have been started by [Go], with the context that it gets
// there; the function has no effect in it.
//
// The name is that of the option of a socket. Between elements, it says what Play's
// Input.Empty does: nothing for now.
func Cork(ctx context.Context) func(corked bool) {
	if tell := cork.Of(ctx).Tell(); tell != nil {
		return tell
	}
	return func(bool) {}
}

// OnCork is for a consumer that can hold back what it has been given, such as the response of a
// server. It is called when that is started, with the context of the run, and has f
// called as [Cork] says, between calls of the consumer and in their goroutine; at the end of
// the source also when the consumer is done, or panics. Few sources call it; and what is
// between them and the consumer may wait though f was called with true. So nothing should be
// held back for longer than a few milliseconds.
//
// On behalf of a part of a [FlatMap] or of a [Zip] it has no effect.
func OnCork(ctx context.Context, f func(corked bool)) {
	cork.Of(ctx).Connect(f)
}

// interruption is why the context of a source has ended though the run goes on.
type interruption struct{ step Step }

func (*interruption) Error() string { return "iteratee: the consumer is done" }

// Unwrap returns what it is for the source: the failure of the consumer or, if it has none, stop.Err.
func (i *interruption) Unwrap() []error {
	return []error{cmp.Or(i.step.Err(), stop.Err), context.Canceled}
}

// Fail ends the context ctx of a run, or of a part of one, with err as its cause, since the run
// or the part has failed with err. A consumer, or a function of an adapter, may wait for its context
// in a goroutine of its own. Fail frees it, so that the run can wait for that goroutine.
// An adapter that fails calls Fail. So does a function that drives a source, when the source has failed.
//
// Fail has no effect if ctx has ended already, since to be stopped is not a failure. Nor does it end a
// context that package context has made from that of a run, since the rest of the run may go on.
func Fail(ctx context.Context, err error) {
	for ctx != nil && ctx.Err() == nil {
		if p, ok := ctx.(*part); ok {
			p.end(err)
			ctx = p.whole
			continue
		}
		s := runOf(ctx)
		if s == nil {
			return
		}
		s.lazy.end(err)
		if !s.sub {
			return
		}
		ctx = s.Context
	}
}

// Failable returns a context that [Fail] ends, for consumers and for functions of adapters. ctx is the
// context that the source has, or the caller that drives the consumer. If ctx is that of a run or of
// a part, Failable returns the context of the run or of the part, and end is nil. Otherwise it
// makes one from ctx, by [Part].
func Failable(ctx context.Context) (own context.Context, end func()) {
	if d, ok := ctx.(*driving); ok {
		return (*scope)(d), nil
	}
	if _, ok := ctx.(*part); ok || runOf(ctx) != nil {
		return ctx, nil
	}
	return Part(ctx, nil)
}

// Part returns a context, made of ctx, for a part of a run that can fail by itself. If [Fail]
// ends it and whole is not nil, Fail ends whole too: that is the context of the run, or of the larger part,
// that fails with this one. whole is nil if the run goes on after the failure. So an Enumerator that
// tries another when one has failed makes a Part for each; otherwise the first failure could end the
// context of the consumer. The function of [Cork] is the same as with ctx. end must be called when the
// part is over.
func Part(ctx, whole context.Context) (own context.Context, end func()) {
	p := &part{lazy: lazy{Context: ctx}, drives: true, whole: whole}
	return p, p.release
}

// partOf returns the context for a part of a consumer: others go on when that is done.
func partOf(ctx context.Context) *part { return &part{lazy: lazy{Context: ctx}} }

// part is the context of a part of a run, which can fail while others go on.
type part struct {
	lazy
	drives bool            // the part drives the consumer
	whole  context.Context // fails with it; nil for nothing
}

// lazy is a context that ends with the one that it is made of, or when it is told to. As long as
// nobody waits for it, it is no more than a pointer.
type lazy struct {
	context.Context
	own atomic.Pointer[ended]
}

type ended struct {
	context.Context
	cancel context.CancelCauseFunc
}

func (l *lazy) ownContext() *ended {
	if own := l.own.Load(); own != nil {
		return own
	}
	ctx, cancel := context.WithCancelCause(l.Context)
	own := &ended{ctx, cancel}
	if !l.own.CompareAndSwap(nil, own) {
		cancel(nil)
		return l.own.Load()
	}
	return own
}

func (l *lazy) end(cause error) { l.ownContext().cancel(cause) }

// released is what a lazy context is after its run or part, if nobody has waited for it before.
var released = func() *ended {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(stop.Over)
	return &ended{ctx, cancel}
}()

// release ends the context since its run or part is over.
func (l *lazy) release() {
	if !l.own.CompareAndSwap(nil, released) {
		l.own.Load().cancel(stop.Over)
	}
}

func (l *lazy) Done() <-chan struct{} { return l.ownContext().Done() }

func (l *lazy) Err() error {
	if own := l.own.Load(); own != nil {
		return own.Err()
	}
	return l.Context.Err()
}

func (l *lazy) Value(key any) any {
	if own := l.own.Load(); own != nil {
		if v := own.Value(key); v != nil || own != released {
			return v
		}
	}
	return l.Context.Value(key)
}

func (p *part) Value(key any) any {
	if key == (cork.Key{}) && !p.drives {
		return nil
	}
	return p.lazy.Value(key)
}

type scopeKey struct{}

// scope is what a run has to close. It is the context of the run itself, which spares an
// allocation.
type scope struct {
	lazy
	mu   sync.Mutex // sources that run side by side attach adapters side by side
	open *list.List // of func(); nil if there has been none

	ends    context.Context // see ending; nil if Go has started nothing
	stop    func()          // ends it
	running sync.WaitGroup  // what Go has started, in runs within this one too

	up     context.Context // of the source, if it can be interrupted
	driven bool            // the source has its context
	cork   cork.Line       // to the consumer
	sub    bool            // the context from which it is made fails with it
}

// driving is a scope as the context of its source. A source has returned, or is about to, when its run
// fails. So driving ends only with the context from which the scope is made, and a source can wait for
// it at no cost.
type driving scope

func (d *driving) Done() <-chan struct{} { return d.Context.Done() }
func (d *driving) Err() error            { return d.Context.Err() }
func (d *driving) Value(key any) any {
	switch key {
	case scopeKey{}:
		return (*scope)(d)
	case cork.Key{}:
		return &d.cork
	}
	return d.Context.Value(key)
}

// runOf returns the run whose context ctx is, or that of its source; nil if it is made of one.
func runOf(ctx context.Context) *scope {
	switch c := ctx.(type) {
	case nil:
		return nil
	case *scope:
		return c
	case *driving:
		return (*scope)(c)
	}
	if s, ok := ctx.Value(scopeKey{}).(*scope); ok && s.up == ctx {
		return s
	}
	return nil
}

func scopeOf(ctx context.Context, function string) *scope {
	s, ok := ctx.Value(scopeKey{}).(*scope)
	if !ok {
		panic("iteratee: " + function + ": the context is not that of a run; whoever drives an Iteratee by hand makes one with NewRun")
	}
	return s
}

func (s *scope) Value(key any) any {
	switch key {
	case scopeKey{}:
		return s
	case cork.Key{}:
		return &s.cork
	}
	return s.lazy.Value(key)
}

func (s *scope) remove(at *list.Element) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.open.Len()
	s.open.Remove(at)
	return s.open.Len() < before
}

// within returns the run that this one is a part of, nil if it is none.
func (s *scope) within() *scope {
	whole, _ := s.Context.Value(scopeKey{}).(*scope)
	return whole
}

// count adds n to the goroutines of this run, and of those that it is within.
func (s *scope) count(n int) {
	for ; s != nil; s = s.within() {
		s.running.Add(n)
	}
}

// ending returns the context that ends when this run, or one that it is within, is over.
func (s *scope) ending() context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ends == nil {
		s.ends = context.Background()
		if whole := s.within(); whole != nil {
			s.ends = whole.ending()
		}
		s.ends, s.stop = context.WithCancel(s.ends)
	}
	return s.ends
}

func (s *scope) end() {
	s.mu.Lock()
	endAll := s.stop
	s.mu.Unlock()
	if endAll != nil {
		s.lazy.end(stop.Over)
		endAll()
		s.running.Wait()
	}
	s.close()
	s.release()
}

func (s *scope) close() {
	if s.open == nil || s.open.Len() == 0 {
		return
	}
	defer s.close() // the others too, if this one panics
	if at := s.open.Front(); s.remove(at) {
		at.Value.(func())()
	}
}
