package enumeratee

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/halley-go/halley/iteratee"
)

// MapConcurrent returns the adapter that hands on f of each element, in their order, and
// calls f for up to limit of them at once. An element counts until its result is handed on,
// so a slow one, or a slow consumer, has the source wait after limit.
//
// f is called in goroutines of its own, with a context that ends when the results are not
// wanted any more; the consumer runs in another. The first error of f ends the run at once,
// as does its first panic, which reaches the caller of the run; the other calls are
// cancelled, and their results dropped. The run is not over before all calls have returned.
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
	if limit <= 0 {
		panic(fmt.Sprintf("enumeratee: %s: limit must be positive, got %d", operator, limit))
	}
	return New(func(stage Stage, inner iteratee.Sink[To]) (iteratee.Sink[From], iteratee.Step) {
		c := &concurrent[From, To]{
			f: f, limit: limit, ordered: ordered, inner: inner,
			free:    make(chan *call[From, To], limit),
			todo:    make(chan *call[From, To], limit),
			results: make(chan *call[From, To], limit),
			closed:  make(chan struct{}),
		}
		c.consumer = goRun(stage, c.run)
		return iteratee.Sink[From]{Next: c.next, EOF: c.eof, Rest: c.rest}, iteratee.StepCont
	})
}

// concurrent is one use of MapConcurrent. A call goes from the source to todo, a worker,
// results, the consumer and free. In order, it is in results while it is made.
type concurrent[From, To any] struct {
	f        func(context.Context, From) (To, error)
	limit    int
	ordered  bool
	inner    iteratee.Sink[To]
	consumer *running

	todo, results, free chan *call[From, To] // have room for all calls
	closed              chan struct{}        // closed when all calls are free, and no more come

	// Of the source's goroutine.
	calls []*call[From, To]
	count int
	ended bool
	late  iteratee.Input[From]

	last From // the consumer's last element was made from it
}

// call is a call of f, used again and again.
type call[From, To any] struct {
	in   From
	out  To
	at   int           // of the element, from 1; 0 if it is free
	made chan struct{} // has room for one
}

func (c *concurrent[From, To]) next(e From) iteratee.Step {
	one := c.acquire()
	if one == nil {
		if c.late.IsEmpty() {
			c.late = iteratee.El(e)
		}
		return c.consumer.answer()
	}
	c.count++
	one.in, one.at = e, c.count
	c.todo <- one
	if c.ordered {
		c.results <- one
	}
	return iteratee.StepCont
}

// acquire waits for a free call. It returns nil if the consumer is over.
func (c *concurrent[From, To]) acquire() *call[From, To] {
	if c.consumer.isOver() {
		return nil
	}
	if len(c.calls) < c.limit && len(c.free) == 0 {
		one := &call[From, To]{made: make(chan struct{}, 1)}
		c.calls = append(c.calls, one)
		return one
	}
	select {
	case one := <-c.free:
		return one
	case <-c.consumer.over:
		return nil
	}
}

func (c *concurrent[From, To]) eof() iteratee.Step {
	if !c.ended {
		c.ended = true
		for range c.calls {
			select {
			case <-c.free:
			case <-c.consumer.over:
			}
		}
		close(c.closed)
	}
	return c.consumer.answer()
}

func (c *concurrent[From, To]) rest() iteratee.Input[From] {
	if !c.consumer.isOver() {
		return iteratee.Empty[From]()
	}
	var es []From
	if _, ok := c.inner.Rest().El(); ok {
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
	w := &workers[From, To]{concurrent: c}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	w.start(1)
	defer w.end()
	for {
		select {
		case one := <-c.results:
			if c.ordered {
				select {
				case <-one.made:
				case <-w.ctx.Done():
				}
			}
			if step := iteratee.Cancelled(w.ctx); !step.IsCont() {
				return step
			}
			out := one.out
			c.last = one.in
			*one = call[From, To]{made: one.made}
			c.free <- one
			if step := c.inner.Next(out); !step.IsCont() {
				return step
			}
		case <-c.closed:
			return iteratee.Cancelled(w.ctx)
		case <-w.ctx.Done():
			return iteratee.Cancelled(w.ctx)
		}
	}
}

// workers are the goroutines that call f.
type workers[From, To any] struct {
	*concurrent[From, To]
	ctx    context.Context
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup

	mu       sync.Mutex
	panicked any
}

// start starts the n-th, if there may be so many. Each starts the next when it has got
// something to do.
func (w *workers[From, To]) start(n int) {
	if n > w.limit {
		return
	}
	w.wg.Go(func() {
		guard(func() { w.work(n) }, func(panicked any) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.panicked == nil {
				w.panicked = panicked
			}
			w.cancel(errPanicked)
		})
	})
}

func (w *workers[From, To]) work(n int) {
	for started := false; ; started = true {
		select {
		case one := <-w.todo:
			if !started {
				w.start(n + 1)
			}
			if w.ctx.Err() != nil {
				return
			}
			out, err := w.f(w.ctx, one.in)
			if err != nil {
				w.cancel(err)
				return
			}
			one.out = out
			if w.ordered {
				one.made <- struct{}{}
			} else {
				w.results <- one
			}
		case <-w.ctx.Done():
			return
		}
	}
}

// end cancels all calls, waits for them, and hands on a panic.
func (w *workers[From, To]) end() {
	w.cancel(nil)
	w.wg.Wait()
	if w.panicked != nil {
		panic(w.panicked)
	}
}
