package enumerator

import (
	"context"
	"errors"
	"iter"
	"sync"
	"sync/atomic"

	halt "github.com/halley-go/halley/internal/stop"
	"github.com/halley-go/halley/iteratee"
)

// RunPartial drives it with the elements of e until it is done, and returns its result and the
// rest of the stream: what it has left over, then what e has not given yet. If e runs out first, it
// gets EOF, and the rest is what it has left over.
//
// Meanwhile e waits, and keeps open what it has opened, until the rest has been run or stop is
// called. Whoever does not run the rest must call stop, which returns when e has closed everything;
// an error of that is dropped. More calls of stop, and one after the rest has been run, have no
// effect.
//
// A failure of either before it is done is what RunPartial returns; there is no rest then, and stop
// has no effect. A failure of e after that is one of the rest. e runs with the context of
// RunPartial to its end, so that must live on; the rest ends with that and with its own. A panic of
// e reaches the caller of what runs at that time, the rest or RunPartial.
//
// The rest can be run once: it is that run of e, and fails if it is run again or after stop. e runs
// in a coroutine, as [iter.Pull] makes one, so the two never run at the same time, and every
// element costs two switches.
//
// It is Play's Concurrent.runPartial, where a rest that is not used leaks the source.
func RunPartial[E, A any](ctx context.Context, e Enumerator[E], it iteratee.Iteratee[E, A]) (a A, rest Enumerator[E], stop func(), err error) {
	p := newPull(ctx, e)
	open := false
	defer func() {
		if !open {
			p.stop()
		}
	}()
	ctx, end := iteratee.NewRun(ctx)
	defer end()
	r := it.Start(ctx)
	step := r.Step
	if step.IsCont() {
		step = p.into(ctx, r.Sink)
	}
	if a, err = r.Finish(step); err != nil {
		err = halt.Caused(ctx, err)
		iteratee.Fail(ctx, err) // a consumer in another goroutine learns why
		return a, rest, p.stop, err
	}
	open = true
	return a, p.rest(r.Rest()), p.stop, nil
}

// A pull is a run of e that makes an element when it is asked for one.
type pull[E any] struct {
	e      Enumerator[E]
	ctx    context.Context
	cancel context.CancelCauseFunc

	mu    sync.Mutex
	next  func() (E, error, bool) // nil until an element is asked for
	close func()
}

func newPull[E any](ctx context.Context, e Enumerator[E]) *pull[E] {
	ctx, cancel := context.WithCancelCause(ctx)
	return &pull[E]{e: e, ctx: ctx, cancel: cancel}
}

// ask returns the next element or, if there is none, the answer of the source.
func (p *pull[E]) ask() (e E, end bool, step iteratee.Step) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next == nil {
		p.next, p.close = iter.Pull2(All(p.ctx, p.e))
	}
	e, err, ok := p.next()
	switch {
	case err != nil:
		return e, true, iteratee.StepError(err)
	case !ok:
		return e, true, iteratee.Cancelled(p.ctx) // it may have been cut short
	}
	return e, false, iteratee.StepCont
}

// claim reports whether no element has been asked for, and sees to it that none will be.
func (p *pull[E]) claim() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next != nil {
		return false
	}
	p.next, p.close = func() (e E, err error, ok bool) { return e, nil, false }, func() {}
	return true
}

// stop ends the run and returns when it is over.
func (p *pull[E]) stop() {
	p.cancel(errOver)
	if p.claim() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.close()
}

// into drives sink until that is done, the source has ended, or ctx has.
func (p *pull[E]) into(ctx context.Context, sink iteratee.Sink[E]) iteratee.Step {
	for {
		e, end, step := p.ask()
		if end {
			return step
		}
		if step := sink.Next(e); !step.IsCont() {
			return step
		}
		if step := iteratee.Cancelled(ctx); !step.IsCont() {
			return step
		}
	}
}

var errRestTwice = errors.New("enumerator: RunPartial: the rest can be run once")

// rest returns the source of left and of what has not been asked for yet.
func (p *pull[E]) rest(left iteratee.Input[E]) Enumerator[E] {
	var used atomic.Bool
	return New(func(ctx context.Context, sink iteratee.Sink[E]) iteratee.Step {
		if !used.CompareAndSwap(false, true) {
			return iteratee.StepError(errRestTwice)
		}
		defer p.stop()
		defer context.AfterFunc(ctx, func() { p.cancel(context.Cause(ctx)) })()
		step := iteratee.Cancelled(p.ctx) // it may have been stopped
		if step.IsCont() {
			step = FromSlice(left.Els()).Into(ctx, sink)
		}
		if step.IsCont() {
			step = p.into(ctx, sink)
		}
		return step
	})
}
