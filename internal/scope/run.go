// Package scope holds the lifetime of a run: its context, what is open in it, and its goroutines
// (run.go); how a part of it fails (part.go); how a consumer in another goroutine interrupts the source
// (interrupt.go); and how a source tells the consumer of bursts (line.go).
package scope

import (
	"container/list"
	"context"
	"sync"

	"github.com/halley-go/halley/internal/stop"
)

// A Run is the context of one run, and what the run has to close.
type Run struct {
	lazy
	mu   sync.Mutex // sources that run side by side attach adapters side by side
	open *list.List // of func(); nil if nothing was ever open

	ends    context.Context // see ending; nil if Go has started nothing
	stop    func()          // ends it
	running sync.WaitGroup  // the goroutines that Go has started, in runs within this one too

	source context.Context // of the source, if that can be interrupted
	driven bool            // the source has its context
	line   Line            // to the consumer
	sub    bool            // a failure of this run is one of the run or part that it is within
}

// New returns the Run whose context is made from ctx.
func New(ctx context.Context) *Run {
	r := &Run{lazy: lazy{Context: ctx}}
	r.line.run = r
	return r
}

// NewWithin returns a Run for an adapter within the run or the part whose context is ctx. Both have one
// consumer. If fails is true, a failure of the Run is one of that run or part too.
func NewWithin(ctx context.Context, fails bool) *Run {
	r := New(ctx)
	r.sub = fails
	r.line.join(LineOf(ctx))
	return r
}

type runKey struct{}

// Of returns the Run whose context ctx is, or is made from. It panics if there is none; function is the
// name to put before the advice.
func Of(ctx context.Context, function string) *Run {
	r := within(ctx)
	if r == nil {
		panic("iteratee: " + function + ": the context does not come from a run; to drive an Iteratee by hand, make one with NewRun")
	}
	return r
}

func within(ctx context.Context) *Run {
	r, _ := ctx.Value(runKey{}).(*Run)
	return r
}

func (r *Run) Value(key any) any {
	switch key {
	case runKey{}:
		return r
	case lineKey{}:
		return &r.line
	}
	return r.lazy.Value(key)
}

// AtEnd has f called at the end of r, or when now is called, if that is earlier.
func (r *Run) AtEnd(f func()) (now func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open == nil {
		r.open = list.New()
	}
	at := r.open.PushFront(f)
	return func() {
		if r.remove(at) {
			f()
		}
	}
}

func (r *Run) remove(at *list.Element) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.open.Len()
	r.open.Remove(at)
	return r.open.Len() < before
}

// Go calls f in a goroutine of its own. The context of f is made from ctx, which comes from r, and ends
// when cancel is called or r ends.
func (r *Run) Go(ctx context.Context, f func(context.Context)) (cancel func()) {
	LineOf(ctx).Cut()
	ctx, cancel = context.WithCancel(Apart(ctx, nil))
	forget := context.AfterFunc(r.ending(), cancel)
	r.count(1)
	go func() {
		defer r.count(-1)
		defer forget()
		f(ctx)
	}()
	return cancel
}

// count adds n to the goroutines of this run, and of those that it is within.
func (r *Run) count(n int) {
	for ; r != nil; r = within(r.Context) {
		r.running.Add(n)
	}
}

// ending returns the context that ends when this run, or one that it is within, is over.
func (r *Run) ending() context.Context {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ends == nil {
		r.ends = context.Background()
		if whole := within(r.Context); whole != nil {
			r.ends = whole.ending()
		}
		r.ends, r.stop = context.WithCancel(r.ends)
	}
	return r.ends
}

// End ends the contexts of the goroutines of r, waits for them, calls what AtEnd has registered, last
// first, and ends the context of r.
func (r *Run) End() {
	r.mu.Lock()
	endAll := r.stop
	r.mu.Unlock()
	if endAll != nil {
		r.lazy.end(stop.Over)
		endAll()
		r.running.Wait()
	}
	r.close()
	r.release()
}

func (r *Run) close() {
	if r.open == nil || r.open.Len() == 0 {
		return
	}
	defer r.close() // the others too, if this one panics
	if at := r.open.Front(); r.remove(at) {
		at.Value.(func())()
	}
}
