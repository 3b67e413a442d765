// Package scope holds the lifetime of a run: its context, the things that it holds open, and its goroutines
// (run.go); how a part of it fails (part.go); how a consumer in another goroutine interrupts the source
// (interrupt.go); and how a source tells the consumer of bursts (line.go).
package scope

import (
	"container/list"
	"context"
	"sync"

	"github.com/halley-go/halley/internal/stop"
)

// A Run is the context of one run, with the things that the run has to close.
type Run struct {
	lazy
	mu   sync.Mutex // concurrent sources attach adapters concurrently
	open *list.List // of func(); nil before the first AtEnd

	ends    context.Context // see ending; nil before the first Go
	stop    func()          // ends the context
	running sync.WaitGroup  // the goroutines that Go has started, also in runs within this one

	source context.Context // of the source, if the source can be interrupted
	driven bool            // Drive has been called
	line   Line            // to the consumer
	sub    bool            // the run or part around this run fails with it
}

// New returns a Run whose context is made from ctx.
func New(ctx context.Context) *Run {
	r := &Run{lazy: lazy{parent: ctx}}
	r.line.run = r
	return r
}

// NewWithin returns a Run for an adapter within the run or the part whose context is ctx. Both have the same
// consumer. If fails is true, that run or part fails with the new Run.
func NewWithin(ctx context.Context, fails bool) *Run {
	r := New(ctx)
	r.sub = fails
	r.line.join(LineOf(ctx))
	return r
}

type runKey struct{}

// Of returns the Run whose context is ctx, or a context from which ctx is made. It panics if ctx does not
// come from a Run. function is the name of the caller for the message.
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

// AtEnd registers f, which is called once when r ends. The function now calls f at once instead.
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

// count adds n to the number of goroutines of this run and of the runs around it.
func (r *Run) count(n int) {
	for ; r != nil; r = within(r.parent) {
		r.running.Add(n)
	}
}

// ending returns a context that ends when this run or a run around it ends.
func (r *Run) ending() context.Context {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ends == nil {
		r.ends = context.Background()
		if whole := within(r.parent); whole != nil {
			r.ends = whole.ending()
		}
		r.ends, r.stop = context.WithCancel(r.ends)
	}
	return r.ends
}

// End ends the contexts of the goroutines of r, waits for them, calls the functions that AtEnd has
// registered, last first, and ends the context of r.
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
	defer r.close() // calls the others even if this one panics
	if at := r.open.Front(); r.remove(at) {
		at.Value.(func())()
	}
}
