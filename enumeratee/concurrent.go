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

// MapConcurrent returns the adapter that hands on f of each element, in their order, and
// calls f for up to limit of them at once. An element counts until its result is handed on,
// so a slow one, or a slow consumer, has the source wait after limit.
//
// f is called in goroutines of its own, with a context that ends when the results are not
// wanted any more; the consumer runs in another. The first error of f ends the run at once,
// as does its first panic, which reaches the caller of the run: the contexts of the other calls
// and of the consumer end, and the results that wait are dropped. The run is not over before the
// consumer and all calls have returned.
//
// When the consumer is done, the source is stopped, also while it waits for its next
// element. The elements whose results the consumer did not get are left over, though f may
// have been called for them; so is the one on which it ended, if it leaves that over.
// MapConcurrent panics if limit is not positive.
//
// It is the OrderedMap of github.com/destel/rill, and the mapAsync of Akka Streams.
func MapConcurrent[From, To any](limit int, f func(context.Context, From) (To, error)) Enumeratee[From, To] {
	return mapConcurrent("MapConcurrent", limit, true, f)
}

// MapConcurrentUnordered is [MapConcurrent], but hands on each result as soon as it is
// there, so that a slow one holds up no other. What is left over is in the order of the
// source.
//
// It is the Map of github.com/destel/rill, and the mapAsyncUnordered of Akka Streams.
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

// concurrent is one use of MapConcurrent. The goroutines of the source, of the consumer and
// of the workers share it; f and the consumer are called while it is not locked.
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

	mu                 sync.Mutex
	room, work, result sync.Cond // what the source, the workers and the consumer wait for

	calls         []*call[From, To] // all
	free          []*call[From, To]
	todo, results queue[*call[From, To]] // results has what is in todo too, in order
	count         int                   // of elements
	workers, idle int
	closed        bool          // nothing more comes
	over          bool          // nothing more is wanted
	ended         bool          // the consumer has
	failed        iteratee.Step // by an error or a panic of f
	panicked      any

	late iteratee.Input[From] // for which there was no call any more
	last From                 // the consumer's last element was made from it
}

// call is a call of f. It is used for one element after the other.
type call[From, To any] struct {
	in   From
	out  To
	at   int // of the element, from 1; 0 if it is free
	made bool
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

// add waits until there may be one call more, unless the consumer is over.
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
			return step // over would be set a moment later
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

// lastAnswer is the answer after the consumer has ended with step.
func (c *concurrent[From, To]) lastAnswer(step iteratee.Step) iteratee.Step {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	if !c.failed.IsCont() {
		return c.failed // and has freed the consumer
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
	for range c.todo.n { // what came before there was a context
		c.seek()
	}
}

// end cancels the calls that are being made, waits for them, and hands on a panic.
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

// take waits for the next result. It returns false if there is none any more.
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

// seek has one worker more come, unless all are at work: they come back by themselves.
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

// fail ends the calls that are being made, and frees the consumer, which may wait for its context.
// It has no effect when the consumer has ended. It is called with the lock.
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
