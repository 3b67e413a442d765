package enumerator

import (
	"context"
	"sync"

	"github.com/halley-go/halley/internal/check"
	"github.com/halley-go/halley/internal/guard"
	"github.com/halley-go/halley/internal/stop"
	"github.com/halley-go/halley/iteratee"
)

// A Shared is one run of a source that feeds any number of runs, which come and go at any time. Several
// goroutines may call its methods at once. [Share] makes a Shared. The zero Shared is not usable.
type Shared[E any] struct {
	source Enumerator[E]
	config pushConfig

	mu       sync.Mutex // guards the fields below
	current  *sharing[E]
	runs     int             // the number of runs attached to current and to those before
	holds    int             // the number of calls of Hold without release
	previous <-chan struct{} // closed when the latest run of the source has ended
}

// sharing is one run of the source.
type sharing[E any] struct {
	hub    *Hub[E]
	cancel context.CancelCauseFunc
	done   chan struct{} // closed when the source has ended
	runs   int           // the number of runs attached to hub

	// These are set when done is closed.
	err      error
	panicked any
}

// Share returns a Shared, which runs source once for many runs. The first run starts source. A run
// that comes later gets the elements that source gives from then on, or the elements that are held.
// When the last run leaves, source is stopped, unless [Shared.Hold] keeps it. The next run starts it
// again.
//
// When source runs out, sends EOF, fails or panics, each attached run ends in the same way, after the
// elements that came before. If no run is attached, the next run ends in that way. A run that comes
// later starts source again.
//
// source runs in a goroutine of its own, and never twice at the same time. Its context has no values.
// source has ended when the run that leaves last is over. source goes at the pace of the slowest run,
// because the policy is [Block] unless [WhenFull] sets another. The fastest run is at most [Capacity]
// elements ahead of the slowest, or fewer with [CapacityFunc].
//
// To be notified when the last run leaves (Play's interestIsDownToZero), wrap source in
// [OnDoneEnumerating].
//
// Play calls it Concurrent.broadcast of a source. ReactiveX calls it share.
func Share[E any](source Enumerator[E], opts ...PushOption) *Shared[E] {
	ended := make(chan struct{})
	close(ended)
	new(sizes[E]).init("Share", configOf(Block, opts), 0) // panics here rather than in the first run
	return &Shared[E]{source: source, config: configOf(Block, opts), previous: ended}
}

// Runs returns the number of attached runs.
func (s *Shared[E]) Runs() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.runs
}

// Live returns an Enumerator of the elements that the source gives after a run has begun. The run that
// starts the source gets all elements.
func (s *Shared[E]) Live() Enumerator[Item[E]] {
	return s.items(func(h *Hub[E]) start { return h.live })
}

// Last returns an Enumerator that begins with the last n elements that are held, like [Hub.Last]. It
// panics if n is negative.
func (s *Shared[E]) Last(n int) Enumerator[Item[E]] {
	check.NotNegative("enumerator: Last: n", n)
	return s.items(func(h *Hub[E]) start { return h.lastN(n) })
}

// From returns an Enumerator of the elements after p, like [Hub.From]. Each start of the source has an
// Epoch of its own.
func (s *Shared[E]) From(p Position) Enumerator[Item[E]] {
	return s.items(func(h *Hub[E]) start { return h.from(p) })
}

// FromOrLast returns From(p), or Last(n) if p is the zero Position, like [Hub.FromOrLast]. It panics if n is
// negative.
func (s *Shared[E]) FromOrLast(p Position, n int) Enumerator[Item[E]] {
	check.NotNegative("enumerator: FromOrLast: n", n)
	if p == (Position{}) {
		return s.Last(n)
	}
	return s.From(p)
}

// Position returns the Position of the last element that the source has given. It is the zero Position while the
// source is not running. With it, a Shared is a [Source].
func (s *Shared[E]) Position() Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == nil {
		return Position{}
	}
	return s.current.hub.Position()
}

// Hold keeps the source running after the last run has left, until release is called. It does not
// start the source. If release finds no attached run and no other Hold, it stops the source and waits
// for it. It returns the error, or panics with the panic, with which the source has ended since the
// last run left. Further calls of release have no effect.
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
		over := false // the run has ended without a panic
		defer func() {
			run.hub.detach(c)
			if !s.leave(run) {
				return
			}
			ended := run.hub.end.Load() != nil // by itself; this run has got the end if it still wanted it
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
			go run.drive(ctx, s.source, previous) // starts when this run is attached
		}(s.previous)
		s.previous = run.done
	}
	s.runs++
	run.runs++
	return run, run.hub.attach(at(run.hub))
}

// leave reports whether the source is no longer needed.
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

// drive runs source when the run before has ended.
func (run *sharing[E]) drive(ctx context.Context, source Enumerator[E], previous <-chan struct{}) {
	<-previous
	var end *ending
	guard.Run("enumerator: Share: the source", func() { end = run.push(ctx, source) }, func(panicked any) {
		if panicked != nil {
			end = &ending{panicked: panicked}
		}
		run.err, run.panicked = end.err, end.panicked
		run.hub.finish(end)
		run.cancel(nil)
		close(run.done)
	})
}

// push pushes the elements of source into the hub and returns their ending.
func (run *sharing[E]) push(ctx context.Context, source Enumerator[E]) *ending {
	ctx, endRun := iteratee.NewRun(ctx)
	defer endRun()
	sink := &pushing[E]{ctx: ctx, hub: run.hub}
	step := source.Into(ctx, sink)
	return &ending{eof: sink.eof, err: step.Err()}
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

// stop ends the source, waits for it, and returns its error, or nil if it was only stopped.
func (run *sharing[E]) stop() error {
	run.cancel(errOver)
	<-run.done
	if stop.Only(run.err) {
		return nil
	}
	return run.err
}
