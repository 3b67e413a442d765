package enumeratee

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/halley-go/halley/internal/check"
	"github.com/halley-go/halley/internal/scope"
	"github.com/halley-go/halley/iteratee"
)

// GroupBy returns the adapter that sends each element through the adapter of its key. When the first
// element with a key comes, the function adapter makes the adapter of that key. The adapters of all keys
// hand on to the same consumer.
//
// GroupBy remembers at most limit keys. When another key comes, GroupBy forgets the key that has not come
// for the longest time. The adapter of that key gets EOF, and so hands on the elements that it holds. If
// an element with that key comes later, the function adapter is called again. When the adapter of a key
// stops by itself, as [Take] does, further elements with that key are dropped until the key is forgotten.
// At EOF the adapters of all keys get EOF, in the order in which the keys first came.
//
// An error of the adapter of a key ends the run, unless the adapter is wrapped in [Recover]. A key that
// does not equal itself, such as a NaN, ends the run with an error. If the consumer ends on an element of
// a key, the leftovers of the adapter of that key are left over. Elements that the adapters of other keys
// hold are lost then.
//
// The adapters of the keys may run the consumer in goroutines of their own, as [Debounce] and [Buffer] do. One
// goroutine at a time calls the consumer. When the consumer is done, the source is stopped, even if it waits for its
// next element. A source does not tell the consumer of bursts (see [iteratee.Cork]). Each element costs a look-up in a
// map, and each element that is handed on costs a lock. Each key costs the memory of an attachment.
//
// GroupBy panics if limit is not positive.
//
// ReactiveX: GroupBy, followed by a FlatMap of the groups.
func GroupBy[From, To any, K comparable](limit int, key func(From) K, adapter func(K) Enumeratee[From, To]) Enumeratee[From, To] {
	check.Positive("enumeratee: GroupBy: limit", limit)
	return New(func(stage Stage, out iteratee.Outlet[To]) (iteratee.Sink[From], iteratee.Step) {
		own, interrupt := stage.interruptible()
		stage.passOn(own, interrupt)
		scope.LineOf(stage.Context()).Cut()
		g := newGroups(limit, key, adapter, stage, out, interrupt)
		g.ctx = scope.NewPart(own, stage.Context())
		stage.AtEnd(g.close)
		return g, iteratee.StepCont
	})
}

// GroupByWithin is [GroupBy], but it also forgets a key when no element with that key has come for d. It
// does so as soon as d has passed, and does not wait for the next element.
//
// If the source fails, or the context ends, the elements that the adapters hold are dropped. GroupByWithin
// runs its consumer in a goroutine of its own. While the consumer is busy, the source waits. GroupByWithin
// panics if limit or d is not positive.
//
// ReactiveX: GroupBy with a duration selector, GroupByUntil.
func GroupByWithin[From, To any, K comparable](limit int, d time.Duration, key func(From) K, adapter func(K) Enumeratee[From, To]) Enumeratee[From, To] {
	check.Positive("enumeratee: GroupByWithin: limit", limit)
	check.Positive("enumeratee: GroupByWithin: d", d)
	return New(func(stage Stage, out iteratee.Outlet[To]) (iteratee.Sink[From], iteratee.Step) {
		ended := make(chan struct{}, 1)
		g := newGroups(limit, key, adapter, stage, out, func(iteratee.Step) { signal(ended) })
		return newAsync(stage, g.Rest, func(ctx context.Context, in <-chan From) iteratee.Step {
			return g.run(ctx, in, d, ended)
		})
	})
}

// groups are the keys of one attachment of GroupBy, and their adapters. The goroutines of the adapters may
// call ended, finish, handOn and interrupted. Only one goroutine calls the other methods.
type groups[K comparable, From, To any] struct {
	key       func(From) K
	adapter   func(K) Enumeratee[From, To]
	limit     int
	out       iteratee.Outlet[To]
	stage     Stage
	ctx       *scope.Part         // of the groups; ends when an adapter behind interrupts
	interrupt func(iteratee.Step) // stops the source

	live   *recent[K, *group[From]]
	opened int                  // the number of groups so far
	told   bool                 // Next has answered the end
	late   iteratee.Input[From] // the element on which Next first answered the end, if no group has got it

	turn chan struct{} // a lock for calls of out; a channel, so that testing/synctest can wait for it
	end  atomic.Pointer[ending[From]]
}

// group is a key and its adapter.
type group[From any] struct {
	number  int // its index, from 0, in the order in which the keys came
	stage   Stage
	over    func() // ends the run of the group
	sink    iteratee.Sink[From]
	stopped bool      // the adapter has stopped by itself
	used    time.Time // when the last element came; for GroupByWithin
}

// ending says how all groups have ended: with step, on an element of the group by. by is nil if the group
// is not known.
type ending[From any] struct {
	step iteratee.Step
	by   *group[From]
}

func newGroups[K comparable, From, To any](limit int, key func(From) K, adapter func(K) Enumeratee[From, To], stage Stage, out iteratee.Outlet[To], interrupt func(iteratee.Step)) *groups[K, From, To] {
	return &groups[K, From, To]{key: key, adapter: adapter, limit: limit, stage: stage, out: out, interrupt: interrupt,
		live: newRecent[K, *group[From]](), turn: make(chan struct{}, 1)}
}

func (g *groups[K, From, To]) ended() iteratee.Step {
	if end := g.end.Load(); end != nil {
		return end.step
	}
	return iteratee.StepCont
}

// finish notes that all groups have ended. Only the first call has an effect.
func (g *groups[K, From, To]) finish(step iteratee.Step, by *group[From]) iteratee.Step {
	if g.end.CompareAndSwap(nil, &ending[From]{step, by}) && step.Err() != nil {
		g.stage.fail(step.Err()) // the consumer may be busy in the goroutine of another group
	}
	return g.ended()
}

// Next hands e to its group.
func (g *groups[K, From, To]) Next(e From) iteratee.Step {
	step, taken := g.ended(), false
	if step.IsCont() {
		step, taken = g.offer(e)
	}
	if !step.IsCont() && !g.told {
		if g.told = true; !taken {
			g.late = iteratee.El(e)
		}
	}
	return step
}

// offer hands e to its group, and reports whether the group has got it.
func (g *groups[K, From, To]) offer(e From) (step iteratee.Step, taken bool) {
	k := g.key(e)
	if k != k {
		return g.finish(iteratee.StepError(fmt.Errorf("enumeratee: GroupBy: the key %v does not equal itself; key must return another", k)), nil), false
	}
	x := g.live.use(k)
	if x == nil {
		if g.live.len() == g.limit {
			if step := g.forget(g.live.oldest()); !step.IsCont() {
				return step, false
			}
		}
		x = &entry[K, *group[From]]{key: k}
		if step := g.open(x); !step.IsCont() {
			return step, false
		}
	}
	if x.value.stopped {
		return iteratee.StepCont, true
	}
	return g.answered(x.value, x.value.sink.Next(e)), true
}

// answered returns the answer of all groups when the group x has answered step.
func (g *groups[K, From, To]) answered(x *group[From], step iteratee.Step) iteratee.Step {
	switch step {
	case iteratee.StepCont:
	case x.stage.Stop():
		if step := x.sink.EOF(); step != x.stage.Stop() {
			return g.finish(step, x)
		}
		x.stopped = true
		x.close()
		x.sink = nil
	default:
		return g.finish(step, x)
	}
	return g.ended() // the goroutine of another group may have ended all
}

// open makes the group of x and attaches its adapter.
func (g *groups[K, From, To]) open(x *entry[K, *group[From]]) iteratee.Step {
	one := &group[From]{number: g.opened}
	run := scope.NewWithin(g.ctx, true)
	one.stage, one.over = NewStage(run), run.End
	g.opened++
	x.value = one
	g.live.add(x)
	var step iteratee.Step
	one.sink, step = g.adapter(x.key).Attach(one.stage, &groupConsumer[K, From, To]{g, one})
	if step = g.answered(one, step); step.IsCont() && one.stage.asks && !one.stopped {
		own, _ := one.stage.interruptible()
		one.stage.passOn(own, func(step iteratee.Step) { g.interrupted(one, step) })
	}
	return step
}

// groupConsumer is the consumer of one group. It hands on to the consumer of all groups.
type groupConsumer[K comparable, From, To any] struct {
	g   *groups[K, From, To]
	one *group[From]
}

func (c *groupConsumer[K, From, To]) Next(e To) iteratee.Step {
	return c.g.handOn(c.one, func() iteratee.Step { return c.g.out.Next(e) })
}

func (c *groupConsumer[K, From, To]) EOF() iteratee.Step {
	return c.g.handOn(c.one, Closable(c.g.out).EOF)
}

func (c *groupConsumer[K, From, To]) Rest() iteratee.Input[To] {
	if end := c.g.end.Load(); end == nil || end.by != c.one {
		return iteratee.Empty[To]()
	}
	return c.g.out.Rest()
}

// handOn calls the consumer for the group one.
func (g *groups[K, From, To]) handOn(one *group[From], call func() iteratee.Step) iteratee.Step {
	g.turn <- struct{}{}
	defer func() { <-g.turn }()
	if step := g.ended(); !step.IsCont() {
		return step
	}
	returned := false
	defer func() {
		if !returned { // the consumer has panicked: the goroutines that wait for their turn must not call it
			g.finish(iteratee.StepError(errPanicked), nil)
		}
	}()
	step := call()
	returned = true
	if !step.IsCont() {
		return g.finish(step, one)
	}
	return step
}

// interrupted is called when the goroutine of one has ended with step. The source may wait then.
func (g *groups[K, From, To]) interrupted(one *group[From], step iteratee.Step) {
	if step != one.stage.Stop() {
		g.interrupt(g.finish(step, one))
	}
}

// forget removes the group of x and sends EOF to its adapter, which hands on the elements that it holds.
func (g *groups[K, From, To]) forget(x *entry[K, *group[From]]) iteratee.Step {
	g.live.remove(x)
	defer x.value.close()
	if x.value.stopped {
		return g.ended()
	}
	if step := x.value.sink.EOF(); step != x.value.stage.Stop() {
		return g.finish(step, x.value)
	}
	return g.ended()
}

func (g *groups[K, From, To]) EOF() iteratee.Step {
	if end := g.end.Load(); end != nil {
		if end.by != nil && end.step.Err() == nil && !end.by.stopped {
			end.by.sink.EOF() // waits for its goroutine, which knows the leftovers
		}
		return end.step
	}
	all := g.all()
	slices.SortFunc(all, func(a, b *entry[K, *group[From]]) int { return cmp.Compare(a.value.number, b.value.number) })
	for _, x := range all {
		if step := g.forget(x); !step.IsCont() {
			return step
		}
	}
	return g.finish(g.stage.Stop(), nil)
}

func (g *groups[K, From, To]) Rest() iteratee.Input[From] {
	end := g.end.Load()
	if end == nil || end.by == nil || end.by.stopped {
		return g.late
	}
	return end.by.sink.Rest().Then(g.late)
}

// all returns the live groups, in the order from the newest to the oldest.
func (g *groups[K, From, To]) all() (all []*entry[K, *group[From]]) {
	for x := g.live.ends.after; x != &g.live.ends; x = x.after {
		all = append(all, x)
	}
	return all
}

func (g *groups[K, From, To]) close() {
	defer g.ctx.End()
	for _, x := range g.all() {
		defer x.value.close() // all of them even if one panics
	}
}

func (x *group[From]) close() {
	defer x.over()
	x.stage.End()
}

// run is the goroutine of GroupByWithin.
func (g *groups[K, From, To]) run(ctx context.Context, in <-chan From, d time.Duration, ended <-chan struct{}) iteratee.Step {
	g.ctx = scope.NewPart(ctx, g.stage.Context())
	defer g.close()
	clock := time.NewTimer(d)
	defer clock.Stop()
	for runs := true; ; {
		if step := iteratee.Cancelled(ctx); !step.IsCont() {
			return step // even if a group is due to be forgotten
		}
		if step := g.ended(); !step.IsCont() {
			return step
		}
		select {
		case <-ctx.Done():
		case <-ended:
		case e, ok := <-in:
			if !ok {
				return g.EOF()
			}
			g.Next(e)
			if g.live.len() > 0 {
				g.live.newest().value.used = time.Now()
			}
		case <-clock.C:
			runs = false
			for g.live.len() > 0 && time.Since(g.live.oldest().value.used) >= d {
				if step := g.forget(g.live.oldest()); !step.IsCont() {
					break
				}
			}
		}
		if !runs && g.live.len() > 0 {
			clock.Reset(time.Until(g.live.oldest().value.used.Add(d)))
			runs = true
		}
	}
}
