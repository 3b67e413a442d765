package enumeratee

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/halley-go/halley/internal/check"
	"github.com/halley-go/halley/internal/fast"
	"github.com/halley-go/halley/internal/guard"
	"github.com/halley-go/halley/iteratee"
)

// MapConcurrent returns the adapter that hands on f of each element, in the order of the elements. It calls f
// for up to limit elements at once. An element counts until its result has been handed on, so the source waits
// for a slow call or a slow consumer when there are limit elements.
//
// The first error of f ends the run at once: the contexts of the other calls and of the consumer end, and the
// results that wait are dropped. A panic of f does the same, and reaches the caller of the run. When the
// consumer is done, the source is stopped, even if it waits for its next element.
//
// The elements whose results the consumer did not get are left over, although f may have been called for them.
// If the consumer leaves over the result on which it ended, the element of that result is left over too.
//
// f is called in goroutines of its own, with a context that ends when its result is no longer needed. The
// consumer runs in another goroutine. The run is not over before the consumer and all calls of f have returned.
// MapConcurrent panics if limit is not positive.
//
// Akka Streams: mapAsync. github.com/destel/rill: OrderedMap.
func MapConcurrent[From, To any](limit int, f func(context.Context, From) (To, error)) Enumeratee[From, To] {
	return mapConcurrent("MapConcurrent", limit, true, f)
}

// MapConcurrentUnordered is [MapConcurrent], but it hands on each result as soon as the call of f returns. No
// result waits for a slower call. The leftovers are in the order of the source.
//
// Akka Streams: mapAsyncUnordered. github.com/destel/rill: Map.
func MapConcurrentUnordered[From, To any](limit int, f func(context.Context, From) (To, error)) Enumeratee[From, To] {
	return mapConcurrent("MapConcurrentUnordered", limit, false, f)
}

func mapConcurrent[From, To any](operator string, limit int, ordered bool, f func(context.Context, From) (To, error)) Enumeratee[From, To] {
	check.Positive("enumeratee: "+operator+": limit", limit)
	return New(func(stage Stage, out iteratee.Outlet[To]) (iteratee.Sink[From], iteratee.Step) {
		c := &concurrent[From, To]{f: f, limit: limit, ordered: ordered, out: out, stage: stage}
		c.room.L, c.work.L, c.result.L = &c.mu, &c.mu, &c.mu
		c.consumer = goRun(stage, c.run)
		return c, iteratee.StepCont
	})
}

// concurrent is one attachment of MapConcurrent. The goroutines of the source, of the consumer and of the
// workers share it. It is not locked while f and the consumer are called.
type concurrent[From, To any] struct {
	f        func(context.Context, From) (To, error)
	limit    int
	ordered  bool
	out      iteratee.Outlet[To]
	stage    Stage
	consumer *running
	ctx      context.Context // of f
	cancel   context.CancelCauseFunc
	group    sync.WaitGroup

	mu     sync.Mutex
	room   sync.Cond // the source waits for it
	work   sync.Cond // the workers wait for it
	result sync.Cond // the consumer waits for it

	calls         []*call[From, To] // all calls
	free          []*call[From, To]
	todo, results queue[*call[From, To]] // if ordered, results has the calls of todo too, in order
	count         int                    // of elements
	workers, idle int
	closed        bool          // the source has ended
	over          bool          // ctx has ended
	ended         bool          // the consumer has ended
	failed        iteratee.Step // set by an error or a panic of f
	panicked      any

	late iteratee.Input[From] // the element that came when the consumer had ended
	last From                 // the element of the result that the consumer got last
}

// call is a call of f. It is used for one element after the other.
type call[From, To any] struct {
	in   From
	out  To
	at   int  // the index of the element, from 1; 0 if the call is free
	made bool // f has returned
}

func (c *concurrent[From, To]) Next(e From) iteratee.Step {
	c.mu.Lock()
	ok := c.add(e)
	c.mu.Unlock()
	return c.added(ok, e)
}

func (c *concurrent[From, To]) Batch(es []From, ended *fast.Flag) (n int, step iteratee.Step) {
	c.mu.Lock()
	ok := true
	for ; n < len(es) && ok && !ended.Load(); n++ {
		ok = c.add(es[n])
	}
	c.mu.Unlock()
	if n == 0 {
		return 0, iteratee.StepCont
	}
	return n, c.added(ok, es[n-1])
}

// add waits until another call may be made, and adds one for e. It returns false if nothing is wanted.
func (c *concurrent[From, To]) add(e From) bool {
	for len(c.free) == 0 && len(c.calls) == c.limit && !c.over {
		c.room.Wait()
	}
	if c.over {
		return false
	}
	if len(c.free) == 0 {
		one := &call[From, To]{}
		c.calls, c.free = append(c.calls, one), append(c.free, one)
	}
	one := c.free[len(c.free)-1]
	c.free = c.free[:len(c.free)-1]
	c.count++
	one.in, one.at = e, c.count
	c.todo.push(one)
	if c.ordered {
		c.results.push(one)
	}
	c.seek()
	return true
}

func (c *concurrent[From, To]) added(ok bool, e From) iteratee.Step {
	if ok {
		return iteratee.StepCont
	}
	if c.late.IsEmpty() {
		c.late = iteratee.El(e)
	}
	return c.consumer.answer()
}

func (c *concurrent[From, To]) EOF() iteratee.Step {
	c.mu.Lock()
	c.closed = true
	c.result.Signal()
	c.mu.Unlock()
	return c.consumer.answer()
}

func (c *concurrent[From, To]) Rest() iteratee.Input[From] {
	if !c.consumer.isOver() {
		return iteratee.Empty[From]()
	}
	var es []From
	if _, ok := c.out.Rest().El(); ok {
		es = append(es, c.last)
	}
	slices.SortFunc(c.calls, func(a, b *call[From, To]) int { return cmp.Compare(a.at, b.at) })
	for _, one := range c.calls {
		if one.at > 0 {
			es = append(es, one.in)
		}
	}
	return iteratee.Els(es...).Then(c.late)
}

// run is the goroutine of the consumer.
func (c *concurrent[From, To]) run(ctx context.Context) iteratee.Step {
	c.start(ctx)
	defer c.end()
	for {
		if step := iteratee.Cancelled(c.ctx); !step.IsCont() {
			return step // c.over may not be set yet
		}
		out, ok := c.take()
		if !ok {
			return iteratee.Cancelled(c.ctx)
		}
		if step := c.out.Next(out); !step.IsCont() {
			return c.lastAnswer(step)
		}
	}
}

// lastAnswer returns the answer when the consumer has ended with step.
func (c *concurrent[From, To]) lastAnswer(step iteratee.Step) iteratee.Step {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	if !c.failed.IsCont() {
		return c.failed // the failure may have made the consumer return
	}
	return step
}

func (c *concurrent[From, To]) start(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ctx, c.cancel = context.WithCancelCause(ctx)
	c.group.Go(func() {
		<-c.ctx.Done()
		c.mu.Lock()
		defer c.mu.Unlock()
		c.over = true
		c.room.Broadcast()
		c.work.Broadcast()
		c.result.Broadcast()
	})
	for range c.todo.n { // elements that came before c.ctx was set
		c.seek()
	}
}

// end cancels the calls that are being made and waits for them. If f has panicked, end panics.
func (c *concurrent[From, To]) end() {
	c.mu.Lock()
	c.ended = true
	c.mu.Unlock()
	c.cancel(nil)
	c.group.Wait()
	if c.panicked != nil {
		panic(c.panicked)
	}
}

// take waits for the next result and returns it. It returns false if no more results come.
func (c *concurrent[From, To]) take() (out To, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.results.empty() || !c.results.first().made {
		if c.over || c.closed && len(c.free) == len(c.calls) {
			return out, false
		}
		c.result.Wait()
	}
	if c.over {
		return out, false
	}
	one := c.results.pop()
	out, c.last = one.out, one.in
	*one = call[From, To]{}
	c.free = append(c.free, one)
	c.room.Signal()
	return out, true
}

// seek wakes or starts a worker, unless all workers are busy. A busy worker looks for work when it is done.
func (c *concurrent[From, To]) seek() {
	switch {
	case c.ctx == nil:
	case c.idle > 0:
		c.idle--
		c.work.Signal()
	case c.workers < c.limit:
		c.workers++
		c.group.Go(func() { guard.Run(elsewhere, c.worker, c.caught) })
	}
}

func (c *concurrent[From, To]) worker() {
	c.mu.Lock()
	for !c.over {
		if c.todo.empty() {
			c.idle++
			c.work.Wait()
			continue
		}
		one := c.todo.pop()
		c.mu.Unlock()
		ok := c.do(one)
		c.mu.Lock()
		if !ok {
			break
		}
		one.made = true
		if !c.ordered {
			c.results.push(one)
		}
		if c.results.first() == one {
			c.result.Signal()
		}
	}
	c.mu.Unlock()
}

func (c *concurrent[From, To]) do(one *call[From, To]) bool {
	if c.ctx.Err() != nil {
		return false
	}
	out, err := c.f(c.ctx, one.in)
	if err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.fail(err)
		return false
	}
	one.out = out
	return true
}

// fail ends the contexts of the calls that are being made and of the consumer. It has no effect when the
// consumer has ended. The caller holds the lock.
func (c *concurrent[From, To]) fail(err error) {
	if !c.ended && c.failed.IsCont() {
		c.failed = iteratee.StepError(err)
		c.cancel(err)
		c.stage.fail(err)
	}
}

func (c *concurrent[From, To]) caught(v any) {
	if v == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.panicked == nil {
		c.panicked = v
	}
	c.fail(errPanicked)
}
