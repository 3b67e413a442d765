package scope

import (
	"context"
	"sync/atomic"

	"github.com/halley-go/halley/internal/stop"
)

// Fail ends the context ctx of a run, or of a part of one, with err as its cause, because the run or the
// part has failed with err. A consumer, or a function of an adapter, may wait for its context in a
// goroutine of its own. Fail frees it, so that the run can wait for that goroutine. An adapter that fails
// calls Fail, and so does a function that drives a source, when the source has failed.
//
// Fail has no effect if ctx has ended already, because to be stopped is not a failure. Nor does it end a
// context that package context has made from that of a run, because the rest of the run may go on.
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
		ctx = r.Context
	}
}

// Failable returns a context that [Fail] ends, for consumers and for functions of adapters. ctx is the
// context of the source, or of the caller that drives the consumer. If ctx is that of a run or of a part,
// Failable returns the context of the run or of the part, and end is nil. Otherwise it makes a part.
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

// runOf returns the Run whose context ctx is, or that of its source; nil for a context made from one.
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

// A Part is the context of a part of a run, which can fail while others go on.
type Part struct {
	lazy
	masks bool            // the part does not drive the consumer
	whole context.Context // fails with it; nil for nothing
}

// NewPart returns the context, made from ctx, of a part of a run that drives the consumer and can fail by
// itself. If [Fail] ends it and whole is not nil, Fail ends whole too, which is the context of the run, or
// of the larger part, that fails with this one. whole is nil if the run goes on after the failure. So an
// Enumerator that tries another when one has failed makes a Part for each; otherwise the first failure
// could end the context of the consumer. End must be called when the part is over.
func NewPart(ctx, whole context.Context) *Part {
	return &Part{lazy: lazy{Context: ctx}, whole: whole}
}

// PartOf returns the context for a part of a consumer: other parts go on when that one is done. So what
// the source says of bursts does not hold for it, and it cannot interrupt the source.
func PartOf(ctx context.Context) *Part { return &Part{lazy: lazy{Context: ctx}, masks: true} }

// End ends the context, because the part is over.
func (p *Part) End() { p.release() }

func (p *Part) Value(key any) any {
	if key == (lineKey{}) && p.masks {
		return nil
	}
	return p.lazy.Value(key)
}

// lazy is a context that ends with the one from which it is made, or when it is told to. As long as
// nobody waits for it, it costs a pointer.
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

// released is the context of a run or part that is over, if nobody has waited for it before.
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
