package scope

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/halley-go/halley/internal/stop"
)

// Fail ends ctx, the context of a run or of a part of one, with err as its cause, because the run or the
// part has failed with err. A consumer, or a function of an adapter, may wait for its context in a
// goroutine of its own. That goroutine ends when Fail ends the context, so the run can wait for it. An
// adapter that fails calls Fail. A function that drives a source calls it when the source has failed.
//
// Fail has no effect if ctx has ended already, because a run that was stopped has not failed. It has no
// effect on a context that package context has made from the context of a run, because the rest of the run
// may go on.
func Fail(ctx context.Context, err error) {
	for ctx != nil && ctx.Err() == nil {
		if p, ok := ctx.(*Part); ok {
			p.end(err)
			ctx = p.whole
			continue
		}
		r := runOf(ctx)
		if r == nil {
			return
		}
		r.lazy.end(err)
		if !r.sub {
			return
		}
		ctx = r.parent
	}
}

// Failable returns a context that [Fail] ends, for consumers and for functions of adapters. ctx is the
// context of the source, or of the caller that drives the consumer. If ctx is the context of a run or of a
// part, Failable returns the context that Fail ends for it, and end is nil. Otherwise Failable makes a
// part, and the caller calls end when the part is over.
func Failable(ctx context.Context) (own context.Context, end func()) {
	if d, ok := ctx.(*driving); ok {
		return (*Run)(d), nil
	}
	if _, ok := ctx.(*Part); ok || runOf(ctx) != nil {
		return ctx, nil
	}
	p := NewPart(ctx, nil)
	return p, p.End
}

// runOf returns the Run if ctx is its context or the context of its source. It returns nil for a context
// that is made from one of these.
func runOf(ctx context.Context) *Run {
	switch c := ctx.(type) {
	case nil:
		return nil
	case *Run:
		return c
	case *driving:
		return (*Run)(c)
	}
	if r := within(ctx); r != nil && r.source == ctx {
		return r
	}
	return nil
}

// A Part is the context of a part of a run. It can fail while other parts go on.
type Part struct {
	lazy
	masks bool            // the Line does not lead to this part
	whole context.Context // fails with the part; may be nil
}

// NewPart returns the context of a part of a run that drives the consumer. The context is made from ctx.
// whole is the context of the run, or of the larger part, that fails with this part: if [Fail] ends the
// Part, it ends whole too. whole is nil if the run goes on after a failure of the part. So an Enumerator
// that tries another source after a failure makes a Part for each source. Otherwise the first failure could
// end the context of the consumer. The caller must call End when the part is over.
func NewPart(ctx, whole context.Context) *Part {
	return &Part{lazy: lazy{parent: ctx}, whole: whole}
}

// PartOf returns the context for a part of a consumer. Other parts may want elements when this part is
// done. So the source does not tell this part of bursts, and this part cannot interrupt the source.
func PartOf(ctx context.Context) *Part { return &Part{lazy: lazy{parent: ctx}, masks: true} }

// End ends the context, because the part is over.
func (p *Part) End() { p.release() }

func (p *Part) Value(key any) any {
	if key == (lineKey{}) && p.masks {
		return nil
	}
	return p.lazy.Value(key)
}

// lazy is a context that ends with its parent, or when end or release is called. It costs a pointer until
// Done or end is called.
type lazy struct {
	parent context.Context
	own    atomic.Pointer[ended]
}

type ended struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
}

func (l *lazy) ownContext() *ended {
	if own := l.own.Load(); own != nil {
		return own
	}
	ctx, cancel := context.WithCancelCause(l.parent)
	own := &ended{ctx, cancel}
	if !l.own.CompareAndSwap(nil, own) {
		cancel(nil)
		return l.own.Load()
	}
	return own
}

func (l *lazy) end(cause error) { l.ownContext().cancel(cause) }

// released stands for the context of a run or part that is over, if no function has waited for its end.
var released = func() *ended {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(stop.Over)
	return &ended{ctx, cancel}
}()

// release ends the context, because its run or part is over.
func (l *lazy) release() {
	if !l.own.CompareAndSwap(nil, released) {
		l.own.Load().cancel(stop.Over)
	}
}

func (l *lazy) Deadline() (time.Time, bool) { return l.parent.Deadline() }

func (l *lazy) Done() <-chan struct{} { return l.ownContext().ctx.Done() }

func (l *lazy) Err() error {
	if own := l.own.Load(); own != nil {
		return own.ctx.Err()
	}
	return l.parent.Err()
}

func (l *lazy) Value(key any) any {
	if own := l.own.Load(); own != nil {
		if v := own.ctx.Value(key); v != nil || own != released {
			return v
		}
	}
	return l.parent.Value(key)
}
