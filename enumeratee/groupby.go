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

// GroupBy returns the adapter that sends each element through an adapter of its key: the one that
// adapter has made for the first element with that key. All of them hand on to the same consumer.
//
// limit is the number of keys that live at once. When one more comes, the key that has not come for
// the longest time is ended and forgotten: its adapter gets EOF, and so hands on what it holds. If an
// element with that key comes again, adapter is called again. When the adapter of a key stops by
// itself, as [Take] does, further elements with that key are dropped until the key is forgotten. At
// EOF the adapters of all keys get EOF, in the order in which the keys first came.
//
// An error of the adapter of a key ends the run; [Recover] around that adapter can prevent it. A key
// that does not equal itself, such as a NaN, ends the run with an error. If the consumer ends on an
// element of a key, GroupBy leaves over the elements that the adapter of that key leaves over. Elements
// that the adapters of other keys hold are lost then, so the rest need not be the end of the stream.
//
// The adapters of the keys may run the consumer in goroutines of their own, as [Debounce] and [Buffer]
// do. One goroutine at a time calls the consumer. When the consumer has ended, the source is stopped, also
// while it waits. The consumer is not told of bursts by [iteratee.Cork]. Each element costs a look-up in a
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

// GroupByWithin is [GroupBy] that also ends and forgets a key when no element with that key has come
// for d. The key is ended when d has passed, not when the next element comes.
//
// It runs its consumer in a goroutine of its own; while that is busy, the source waits. When the
// consumer is done, the source is stopped, also while it waits. If the source fails, or the context
// ends, what the adapters hold is dropped. GroupByWithin panics if limit or d is not positive.
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

// groups are the keys of one use of GroupBy, and their adapters. Only one goroutine calls its methods
// but handOn and ended, which the goroutines of the adapters call too.
type groups[K comparable, From, To any] struct {
	key       func(From) K
	adapter   func(K) Enumeratee[From, To]
	limit     int
	out       iteratee.Outlet[To]
	stage     Stage
	ctx       *scope.Part         // of the groups; ends when an adapter behind interrupts
	interrupt func(iteratee.Step) // stops the source

	live   *recent[K, *group[From]]
	opened int // groups so far
	told   bool
	late   iteratee.Input[From] // the element that found that all had ended

	turn chan struct{} // holds one while out is called; a lock on which testing/synctest knows to wait
	end  atomic.Pointer[ending[From]]
}

// group is a key and its adapter.
type group[From any] struct {
	number  int // from 0, in the order in which the keys came
	stage   Stage
	over    func() // ends the run of the group
	sink    iteratee.Sink[From]
	stopped bool      // by itself
	used    time.Time // of GroupByWithin
}

// ending is how all groups have ended: on an element of by, which is nil if that is not known.
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

// finish notes that all groups have ended. The first call counts.
func (g *groups[K, From, To]) finish(step iteratee.Step, by *group[From]) iteratee.Step {
	if g.end.CompareAndSwap(nil, &ending[From]{step, by}) && step.Err() != nil {
		g.stage.fail(step.Err()) // the consumer may be busy in the goroutine of another group
	}
	return g.ended()
}

// next takes e for its group.
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

// offer hands e over to its group. It reports whether the group has got it.
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

// answered answers for the groups when x has answered step.
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
	return g.ended() // by the goroutine of another group
}

// open begins the group of x.
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

// groupConsumer is the consumer as one group sees it.
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

// handOn calls the consumer on behalf of one.
func (g *groups[K, From, To]) handOn(one *group[From], call func() iteratee.Step) iteratee.Step {
	g.turn <- struct{}{}
	defer func() { <-g.turn }()
	if step := g.ended(); !step.IsCont() {
		return step
	}
	step := call()
	if !step.IsCont() {
		return g.finish(step, one)
	}
	return step
}

// interrupted is called when the goroutine of one has ended with step, though the source may wait.
func (g *groups[K, From, To]) interrupted(one *group[From], step iteratee.Step) {
	if step != one.stage.Stop() {
		g.interrupt(g.finish(step, one))
	}
}

// forget ends the group of x, which hands on what it holds.
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
			end.by.sink.EOF() // waits for its goroutine, which knows what is left over
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

// all returns the live groups, the one that was used last first.
func (g *groups[K, From, To]) all() (all []*entry[K, *group[From]]) {
	for x := g.live.ends.after; x != &g.live.ends; x = x.after {
		all = append(all, x)
	}
	return all
}

func (g *groups[K, From, To]) close() {
	defer g.ctx.End()
	for _, x := range g.all() {
		defer x.value.close() // each though another panics
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
			return step // though a group may have to be ended as well
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
