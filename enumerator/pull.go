package enumerator

import (
	"context"
	"errors"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/halley-go/halley/internal/scope"
	halt "github.com/halley-go/halley/internal/stop"
	"github.com/halley-go/halley/iteratee"
)

// RunPartial drives consumer with the elements of source until consumer is done. It returns the result
// and the rest of the stream: first the elements that consumer has left over, then those that source
// has not given yet. If source runs out first, consumer gets EOF, and the rest holds only the elements
// that consumer has left over.
//
// source then waits and keeps open whatever it has opened, until rest has been run or stop is called.
// A caller that does not run rest must call stop. stop returns when source has closed everything, and
// drops an error of closing. It has no effect when it is called again or after rest has been run.
//
// If source or consumer fails before consumer is done, RunPartial returns the error. rest is empty
// then, and stop has no effect. If source fails later, rest fails. source runs with ctx to its end, so
// ctx must not end before rest has been run. rest ends with ctx and with its own context. A panic of
// source reaches the caller of RunPartial or of rest, depending on which of them runs.
//
// rest can be run once: it continues the same run of source. It fails when it is run again or after
// stop. source runs in a coroutine, as with [iter.Pull]: source and consumer never run at the same
// time, and each element costs two switches.
//
// Play calls it Concurrent.runPartial.
func RunPartial[E, A any](ctx context.Context, source Enumerator[E], consumer iteratee.Iteratee[E, A]) (a A, rest Enumerator[E], stop func(), err error) {
	p := newPull(ctx, source)
	open := false
	defer func() {
		if !open {
			p.stop()
		}
	}()
	ctx, end := iteratee.NewRun(ctx)
	defer end()
	r, step := consumer.Start(ctx)
	if step.IsCont() {
		step = p.into(ctx, r)
	}
	if a, err = iteratee.Finish(r, step); err != nil {
		err = halt.Caused(ctx, err)
		scope.Fail(ctx, err) // tells a consumer in another goroutine
		return a, rest, p.stop, err
	}
	open = true
	return a, p.rest(r.Rest()), p.stop, nil
}

// A pull is a run of source that makes an element when ask is called.
type pull[E any] struct {
	source Enumerator[E]
	ctx    context.Context
	cancel context.CancelCauseFunc

	mu    sync.Mutex
	next  func() (E, error, bool) // nil until an element is asked for
	close func()
}

func newPull[E any](ctx context.Context, source Enumerator[E]) *pull[E] {
	ctx, cancel := context.WithCancelCause(ctx)
	return &pull[E]{source: source, ctx: ctx, cancel: cancel}
}

// ask returns the next element. If there is none, end is true and step is the last answer of the
// source.
func (p *pull[E]) ask() (e E, end bool, step iteratee.Step) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next == nil {
		p.next, p.close = iter.Pull2(All(p.ctx, p.source))
	}
	e, err, ok := p.next()
	switch {
	case err != nil:
		return e, true, iteratee.StepError(err)
	case !ok:
		return e, true, iteratee.Cancelled(p.ctx) // the source may have been cut short
	}
	return e, false, iteratee.StepCont
}

// claim reports whether no element has been asked for. If so, it makes sure that none will be.
func (p *pull[E]) claim() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next != nil {
		return false
	}
	p.next, p.close = func() (e E, err error, ok bool) { return e, nil, false }, func() {}
	return true
}

// stop ends the run and returns when the run is over.
func (p *pull[E]) stop() {
	p.cancel(errOver)
	if p.claim() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.close()
}

// into drives sink until sink is done, the source has ended, or ctx has ended.
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

var errRestTwice = errors.New("enumerator: RunPartial: the rest can be run only once")

// rest returns a source of the elements of left and of those not yet asked for.
func (p *pull[E]) rest(left iteratee.Input[E]) Enumerator[E] {
	var used atomic.Bool
	return New(func(ctx context.Context, sink iteratee.Sink[E]) iteratee.Step {
		if !used.CompareAndSwap(false, true) {
			return iteratee.StepError(errRestTwice)
		}
		defer p.stop()
		defer context.AfterFunc(ctx, func() { p.cancel(context.Cause(ctx)) })()
		step := iteratee.Cancelled(p.ctx) // the source may have been stopped
		if step.IsCont() {
			step = FromSlice(left.Els()).Into(ctx, sink)
		}
		if step.IsCont() {
			step = p.into(ctx, sink)
		}
		return step
	})
}
