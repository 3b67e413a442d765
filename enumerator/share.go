package enumerator

import (
	"context"
	"sync"

	"github.com/halley-go/halley/internal/guard"
	"github.com/halley-go/halley/internal/stop"
	"github.com/halley-go/halley/iteratee"
)

// Shared is one run of a source that any number of runs see, which come and go at any time.
// Its methods may be called by several goroutines at once. The zero Shared is not usable; [Share]
// makes one.
type Shared[E any] struct {
	source Enumerator[E]
	config pushConfig

	mu       sync.Mutex // for what follows
	current  *sharing[E]
	runs     int // attached to that, and to those before
	holds    int
	previous <-chan struct{} // closed when the source has ended that ran before
}

// sharing is one run of the source.
type sharing[E any] struct {
	hub    *Hub[E]
	cancel context.CancelCauseFunc
	done   chan struct{} // closed when it has ended
	runs   int           // attached to it

	// These are set when done is closed.
	err      error
	panicked any
}

// Share returns e, to be run once for many. The first run starts the source; those that come later
// see what it gives from then on, or what of it is held. When the last run leaves, the source is
// stopped, unless [Shared.Hold] keeps it. The next run starts it again.
//
// When the source runs out, sends EOF, fails or panics, that happens to each run attached, after the
// elements that came before; if there is none, to the next. A run that comes later starts the source
// again.
//
// The source runs in a goroutine of its own, never twice at the same time, and has ended when the run
// that was the last is over. Its context has no values. It goes at the pace of the slowest run, with
// [Capacity] elements between the fastest and that, fewer with [CapacityFunc], since the policy is
// [Block] unless [WhenFull] says otherwise.
//
// It is Play's Concurrent.broadcast of a source, and ReactiveX's share. What is told in Play when the
// interest is down to zero, an [OnDoneEnumerating] of e is.
func Share[E any](e Enumerator[E], opts ...PushOption) *Shared[E] {
	ended := make(chan struct{})
	close(ended)
	new(sizes[E]).init("Share", configOf(Block, opts), 0) // or the first run would panic
	return &Shared[E]{source: e, config: configOf(Block, opts), previous: ended}
}

// Runs returns how many runs are attached.
func (s *Shared[E]) Runs() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.runs
}

// Live returns the Enumerator of what the source gives after a run has begun: of all, for the run
// that starts it.
func (s *Shared[E]) Live() Enumerator[Item[E]] {
	return s.items(func(h *Hub[E]) start { return h.live })
}

// Last returns the Enumerator that begins with the last n elements that are held, as [Hub.Last].
// It panics if n is negative.
func (s *Shared[E]) Last(n int) Enumerator[Item[E]] {
	checkLast(n)
	return s.items(func(h *Hub[E]) start { return h.lastN(n) })
}

// From returns the Enumerator of what comes after p, as [Hub.From]. A source that was started again
// has another Epoch.
func (s *Shared[E]) From(p Position) Enumerator[Item[E]] {
	return s.items(func(h *Hub[E]) start { return h.from(p) })
}

// Hold keeps the source running when the last run leaves, until release is called; it does not
// start it. If no run is attached then, release stops the source and waits for it. It returns the
// error, or panics with the panic, with which the source has ended since the last run left.
// Further calls of release have no effect.
//
// It is the opposite of Play's Broadcaster.close.
func (s *Shared[E]) Hold() (release func() error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holds++
	var once sync.Once
	return func() (err error) {
		once.Do(func() {
			s.mu.Lock()
			s.holds--
			idle := s.current
			if idle == nil || idle.runs > 0 || s.holds > 0 {
				s.mu.Unlock()
				return
			}
			s.current = nil
			s.mu.Unlock()
			if err = idle.stop(); idle.panicked != nil {
				panic(idle.panicked)
			}
		})
		return err
	}
}

func (s *Shared[E]) items(at func(*Hub[E]) start) Enumerator[Item[E]] {
	return New(func(ctx context.Context, sink iteratee.Sink[Item[E]]) (last iteratee.Step) {
		run, c := s.join(at)
		over := false // and no panic is on its way
		defer func() {
			run.hub.detach(c)
			if !s.leave(run) {
				return
			}
			ended := run.hub.end.Load() != nil // by itself, which was this run's to see, or not
			err := run.stop()
			if over && run.panicked != nil {
				panic(run.panicked)
			}
			if err != nil && !ended && last.Err() == nil {
				last = iteratee.StepError(err)
			}
		}()
		last = run.hub.drive(ctx, sink, c)
		over = true
		return last
	})
}

// join attaches a run, and starts the source if it does not run.
func (s *Shared[E]) join(at func(*Hub[E]) start) (*sharing[E], *cursor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	run := s.current
	starts := run == nil || run.runs > 0 && run.hub.end.Load() != nil
	if starts {
		ctx, cancel := context.WithCancelCause(context.Background())
		run = &sharing[E]{hub: newHub[E]("Share", s.config), cancel: cancel, done: make(chan struct{})}
		s.current = run
		defer func(previous <-chan struct{}) {
			go run.drive(ctx, s.source, previous) // it finds a run attached
		}(s.previous)
		s.previous = run.done
	}
	s.runs++
	run.runs++
	return run, run.hub.attach(at(run.hub))
}

// leave reports whether nobody needs the source any more.
func (s *Shared[E]) leave(run *sharing[E]) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runs--
	run.runs--
	if run.runs > 0 || s.current == run && s.holds > 0 && run.hub.end.Load() == nil {
		return false
	}
	if s.current == run {
		s.current = nil
	}
	return true
}

// drive runs the source.
func (run *sharing[E]) drive(ctx context.Context, e Enumerator[E], previous <-chan struct{}) {
	<-previous
	var end *ending
	guard.Run("enumerator: Share: the source", func() { end = run.push(ctx, e) }, func(panicked any) {
		if panicked != nil {
			end = &ending{panicked: panicked}
		}
		run.err, run.panicked = end.err, end.panicked
		run.hub.finish(end)
		run.cancel(nil)
		close(run.done)
	})
}

// push pushes the elements of e into the hub, and returns how they have ended.
func (run *sharing[E]) push(ctx context.Context, e Enumerator[E]) *ending {
	ctx, endRun := iteratee.NewRun(ctx)
	defer endRun()
	to := &pushing[E]{ctx: ctx, hub: run.hub}
	step := e.Into(ctx, to)
	return &ending{eof: to.eof, err: step.Err()}
}

// pushing is the Sink of a source whose elements go into a hub.
type pushing[E any] struct {
	ctx context.Context
	hub *Hub[E]
	eof bool
}

func (p *pushing[E]) Next(e E) iteratee.Step {
	if p.eof {
		return iteratee.StepDone
	}
	if step := iteratee.Cancelled(p.ctx); !step.IsCont() {
		return step
	}
	if err := p.hub.Push(p.ctx, e); err != nil {
		return iteratee.StepError(err)
	}
	return iteratee.StepCont
}

func (p *pushing[E]) EOF() iteratee.Step {
	p.eof = true
	return iteratee.StepDone
}

func (p *pushing[E]) Rest() iteratee.Input[E] { return iteratee.Empty[E]() }

// stop ends the source, waits for it, and returns the error with which it has ended.
func (run *sharing[E]) stop() error {
	run.cancel(errOver)
	<-run.done
	if stop.Only(run.err) {
		return nil // it is no failure
	}
	return run.err
}
