package enumerateetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/report"
	"github.com/halley-go/halley/iteratee"
)

// TestAsync checks an adapter that runs its consumer in another goroutine, such as an adapter made by
// [enumeratee.Async]. A source hands over the elements of in, each a second and a nanosecond after the one
// before, and then runs out. adapter must hand on want. TestAsync returns nil, or an error with the first
// violation of each law:
//
//   - elements: adapter hands on want, once, before the run is over. The consumer stays open for a source
//     that follows.
//   - stop: when the consumer is done, fails, panics or calls [runtime.Goexit], adapter hands on nothing
//     more, and the run ends in the same way, even if the source waits. The source also stops when an
//     adapter behind this one stops, and the consumer stays open then.
//   - failure: when the source fails or panics, or an adapter before this one fails, the run ends in the
//     same way, even if the consumer waits for its context.
//   - cancel: when the context ends, the run fails with the cause, even if the source or the consumer waits.
//   - consumer: the consumer is called by one goroutine at a time, and not after the run has returned.
//   - goroutines: when the loop of adapter has returned, the goroutines that it has started have ended.
//   - recipe: each of several runs at the same time hands on want.
//   - rest: when the consumer is done, the next Iteratee gets the elements that come later. The leftovers
//     are the end of the input.
//
// TestAsync checks adapter alone and composed with other adapters, behind sources and before consumers,
// some of which take several elements at once. It compares elements by [reflect.DeepEqual]. It returns early
// if it has found violations that would show in the other checks too.
//
// An adapter without a goroutine does not pass; use [Test] for it. An adapter whose consumer stops the source
// only at the next element does not pass either. That can be the case with [enumeratee.Recover]. If adapter
// calls the consumer in a goroutine that does not catch panics, a panic of the consumer can end the program.
//
// Each run takes place in a bubble of package [testing/synctest]. So time is virtual, and TestAsync must not
// be called in a bubble. Clocks of adapter should take less than ten seconds. If a run is not over a minute
// after it should be, TestAsync logs the stacks of its goroutines to t, abandons them, and returns. A run that
// never blocks, or that blocks on something outside its bubble, such as a connection, hangs the test.
//
// The number of runs grows fast with the length of in. Three elements find as many faults as thirty. The race
// detector finds more faults in the same runs.
func TestAsync[From, To any](t *testing.T, adapter enumeratee.Enumeratee[From, To], in []From, want []To) error {
	c := &asyncCheck[From, To]{t: t, in: in, want: want}
	for _, c.subject = range subjects(adapter) {
		for _, laws := range [][]func(){
			{c.elements},
			{c.cancels, c.takesTime},
			{c.stops, c.failures, c.concurrently, c.leaves},
		} {
			for _, check := range laws {
				check()
			}
			if err := c.Err(); err != nil { // the other checks would report the same again
				return err
			}
		}
	}
	return nil
}

type asyncCheck[From, To any] struct {
	report.Report
	t       *testing.T
	in      []From
	want    []To
	subject subject[From, To]
	hung    bool // a run; no other one begins
}

// A subject is the adapter of the test, alone or composed with another one that changes nothing.
type subject[From, To any] struct {
	name    string // follows the name of a place
	loses   int    // the number of elements that the other adapter cannot give back
	adapter enumeratee.Enumeratee[From, To]
}

func subjects[From, To any](adapter enumeratee.Enumeratee[From, To]) []subject[From, To] {
	return []subject[From, To]{
		{"", 0, adapter},
		{", behind Map", 0, enumeratee.Compose(enumeratee.Map(same[From]), adapter)},
		{", behind Buffer", 0, enumeratee.Compose(enumeratee.Buffer[From](1), adapter)},
		{", behind Grouped", 1, enumeratee.Compose(regrouped[From](1), adapter)},
		{", before Map", 0, enumeratee.Compose(adapter, enumeratee.Map(same[To]))},
		{", before Buffer", 0, enumeratee.Compose(adapter, enumeratee.Buffer[To](1))},
		{", before Grouped", 0, enumeratee.Compose(adapter, regrouped[To](2))},
	}
}

func same[E any](e E) E { return e }

// regrouped makes groups of n elements, and hands on the elements of each.
func regrouped[E any](n int) enumeratee.Enumeratee[E, E] {
	return enumeratee.Compose(enumeratee.Grouped(iteratee.TakeUpTo[E](n)), enumeratee.MapConcat(same[[]E]))
}

// A place is a way to run a source, the adapter of the test and a consumer.
type place[From, To any] struct {
	name string
	run  func(context.Context, parts[From, To]) error
}

type parts[From, To any] struct {
	source   enumerator.Enumerator[From]
	adapter  enumeratee.Enumeratee[From, To]
	consumer iteratee.Iteratee[To, struct{}]
}

// places returns the places, Through and Transform first.
func places[From, To any]() []place[From, To] {
	return []place[From, To]{
		{"in Through", func(ctx context.Context, p parts[From, To]) error {
			return drive(ctx, enumerator.Through(p.source, p.adapter), p.consumer)
		}},
		{"in Transform", func(ctx context.Context, p parts[From, To]) error {
			return drive(ctx, p.source, enumeratee.Transform(p.adapter, p.consumer))
		}},
		{"in Apply", func(ctx context.Context, p parts[From, To]) error {
			applied := enumerator.Apply(ctx, p.source, enumeratee.Transform(p.adapter, p.consumer))
			return drive(ctx, enumerator.Empty[From](), applied)
		}},
		{"in a Through between Buffers", func(ctx context.Context, p parts[From, To]) error {
			source := enumerator.Through(p.source, enumeratee.Buffer[From](0))
			return drive(ctx, enumerator.Through(source, p.adapter), enumeratee.Transform(enumeratee.Buffer[To](0), p.consumer))
		}},
	}
}

func drive[E any](ctx context.Context, source enumerator.Enumerator[E], consumer iteratee.Iteratee[E, struct{}]) error {
	_, err := enumerator.Run(ctx, source, consumer)
	return err
}

// An ending is how a run must end.
type ending struct {
	must string
	ok   func(outcome) bool
}

var (
	returns = ending{"return no error", func(o outcome) bool { return o.how == returned && o.err == nil }}
	exits   = ending{"panic", func(o outcome) bool { return o.how == panicked || o.how == exited }}
)

func failsWith(err error) ending {
	return ending{fmt.Sprintf("fail (%v)", err), func(o outcome) bool { return errors.Is(o.err, err) }}
}

func panicsWith(value any) ending {
	return ending{fmt.Sprintf("panic (%v)", value), func(o outcome) bool { return o.how == panicked && o.value == value }}
}

// check reports whether f, which runs a stream into w, ends as it must. Otherwise it notes a violation of law.
func (c *asyncCheck[From, To]) check(law string, w *watcher[To], end ending, f func(context.Context) error) bool {
	if c.hung {
		return false
	}
	o := c.run(w, f)
	if w.hasGivenUp() {
		return false
	}
	if !end.ok(o) {
		c.Wrong(law, "%s, the run %s; it must %s", w.where, o, end.must)
		return false
	}
	return true
}

// elements checks runs that nothing disturbs.
func (c *asyncCheck[From, To]) elements() {
	for _, batches := range []bool{false, true} {
		for _, place := range places[From, To]() {
			w := c.watch(place.name)
			w.batches = batches
			c.gives("elements", w, c.want, func(ctx context.Context) error {
				return place.run(ctx, parts[From, To]{c.source(runsOut), c.subject.adapter, w.iteratee()})
			})
		}
		c.followed("elements", "in Through", c.want, c.source(runsOut), c.subject.adapter)
	}
	taken := enumeratee.Compose(enumeratee.Take[From](len(c.in)), c.subject.adapter)
	c.followed("elements", "behind Take", c.want, c.source(waits), taken)
}

// gives checks that f, which runs a stream into w, hands on want.
func (c *asyncCheck[From, To]) gives(law string, w *watcher[To], want []To, f func(context.Context) error) {
	if c.check(law, w, returns, f) && !equal(w.taken(), want) {
		c.Wrong(law, "%s, it hands on %v; it must hand on %v", w.where, w.taken(), want)
	}
}

// followed checks that source behind adapter hands on want, and that a source that follows finds the consumer open.
func (c *asyncCheck[From, To]) followed(law, place string, want []To, source enumerator.Enumerator[From], adapter enumeratee.Enumeratee[From, To]) {
	var more To
	w := c.watch(place).when("with %v in a source that follows", more)
	c.gives(law, w, append(want[:len(want):len(want)], more), func(ctx context.Context) error {
		return drive(ctx, enumerator.Through(source, adapter).AndThen(enumerator.Of(more)), w.iteratee())
	})
}

func equal[E any](a, b []E) bool {
	return len(a) == len(b) && (len(a) == 0 || reflect.DeepEqual(a, b))
}

// stops checks consumers, and adapters behind this one, that end with each of the elements that are handed on
// while the source waits.
func (c *asyncCheck[From, To]) stops() {
	live := c.live()
	for k := 1; k <= len(live); k++ {
		c.stopsWith("is done with", live[:k], done, returns)
		c.stopsWith("fails with", live[:k], func() iteratee.Step { return iteratee.StepError(errConsumer) }, failsWith(errConsumer))
		c.stopsWith("calls runtime.Goexit with", live[:k], func() iteratee.Step { runtime.Goexit(); return done() }, exits)
		if c.Err() != nil {
			return // before a panic in a goroutine that does not catch it ends the program
		}
		c.stopsWith("panics with", live[:k], func() iteratee.Step { panic(errConsumer) }, panicsWith(errConsumer))
		taken := enumeratee.Compose(c.subject.adapter, enumeratee.Take[To](k))
		c.followed("stop", fmt.Sprintf("before Take(%d)", k), live[:k], c.source(waits), taken)
	}
}

// stopsWith checks a consumer that calls end for the last element of want.
func (c *asyncCheck[From, To]) stopsWith(how string, want []To, end func() iteratee.Step, must ending) {
	k := len(want)
	for i, place := range places[From, To]() {
		w := c.watch(place.name).when("when the consumer %s the element %d while the source waits", how, k)
		w.last, w.batches = k, (i+k)%2 == 0
		w.end = func() iteratee.Step {
			close(w.busy)
			return end()
		}
		source := enumerator.New(func(ctx context.Context, sink iteratee.Sink[From]) iteratee.Step {
			step := feed(ctx, sink, c.in, w.busy)
			if step.IsCont() {
				step = waits(ctx)
			}
			if i < 2 { // in the other places, the source can be stopped before the loop has returned
				if left := others(); len(left) > 0 {
					c.Wrong("goroutines", "%s, the source is stopped, and %s", w.where, left)
				}
			}
			return step
		})
		ended := c.check("stop", w, must, func(ctx context.Context) error {
			return place.run(ctx, parts[From, To]{source, c.subject.adapter, w.iteratee()})
		})
		if ended && !equal(w.taken(), want) {
			c.Wrong("elements", "%s, it has handed on %v; it must hand on %v", w.where, w.taken(), want)
		}
	}
}

func done() iteratee.Step { return iteratee.StepDone }

// live returns the elements that are handed on while the source waits, as many as want has at most.
func (c *asyncCheck[From, To]) live() []To {
	if len(c.want) == 0 {
		return nil
	}
	w := c.watch("in Through").when("when the context ends while the source waits")
	w.last, w.end = len(c.want), done
	either := ending{"fail with the cause", func(o outcome) bool { return returns.ok(o) || errors.Is(o.err, errCancelled) }}
	c.check("cancel", w, either, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeoutCause(ctx, c.length()+patience/2, errCancelled)
		defer cancel()
		return drive(ctx, enumerator.Through(c.source(waits), c.subject.adapter), w.iteratee())
	})
	return w.taken()
}

var (
	errSource = errors.New("the source of the test has failed")
	errBefore = errors.New("the adapter before it has failed")
)

// failures checks sources, and adapters before this one, that fail.
func (c *asyncCheck[From, To]) failures() {
	c.interrupted("failure", "when the source fails", failsWith(errSource), c.subject.adapter,
		func(context.Context, func(), iteratee.Sink[From]) iteratee.Step { return iteratee.StepError(errSource) })
	c.interrupted("failure", "when the source panics", panicsWith(errSource), c.subject.adapter,
		func(context.Context, func(), iteratee.Sink[From]) iteratee.Step { panic(errSource) })

	fails := false
	before := enumeratee.MapM(func(_ context.Context, e From) (From, error) {
		if fails {
			return e, errBefore
		}
		return e, nil
	})
	c.interrupted("failure", "when an adapter before it fails", failsWith(errBefore), enumeratee.Compose(before, c.subject.adapter),
		func(_ context.Context, _ func(), sink iteratee.Sink[From]) iteratee.Step {
			defer func() { fails = false }()
			fails = true
			var e From
			return sink.Next(e)
		})
}

// cancels checks contexts that end.
func (c *asyncCheck[From, To]) cancels() {
	c.interrupted("cancel", "when the context ends", failsWith(errCancelled), c.subject.adapter,
		func(ctx context.Context, cancel func(), _ iteratee.Sink[From]) iteratee.Step {
			cancel()
			return waits(ctx)
		})
	for k := 1; k <= len(c.want); k++ {
		w := c.watch("in Transform").when("when the context ends while the consumer waits for that with the element %d", k)
		c.check("cancel", w, failsWith(errCancelled), func(ctx context.Context) error {
			ctx, cancel := context.WithCancelCause(ctx)
			defer cancel(nil)
			w.last, w.end = k, func() iteratee.Step {
				time.AfterFunc(pace, func() { cancel(errCancelled) })
				return waits(w.ctx)
			}
			return drive(ctx, c.source(runsOut), enumeratee.Transform(c.subject.adapter, w.iteratee()))
		})
	}
}

// interrupted checks runs of adapter that the source ends by a call of interrupt: after each number of elements,
// and while the consumer, or a function between adapter and consumer, waits for its context.
func (c *asyncCheck[From, To]) interrupted(law, how string, end ending, adapter enumeratee.Enumeratee[From, To],
	interrupt func(ctx context.Context, cancel func(), sink iteratee.Sink[From]) iteratee.Step) {
	check := func(place place[From, To], w *watcher[To], in []From, settle time.Duration, adapter enumeratee.Enumeratee[From, To]) {
		var called atomic.Bool // otherwise adapter has stopped before
		or := ending{end.must, func(o outcome) bool { return end.ok(o) || o.how != hung && !called.Load() }}
		c.check(law, w, or, func(ctx context.Context) error {
			ctx, cancel := context.WithCancelCause(ctx)
			defer cancel(nil)
			source := enumerator.New(func(ctx context.Context, sink iteratee.Sink[From]) iteratee.Step {
				step := feed(ctx, sink, in, w.busy)
				if step.IsCont() {
					step = sleep(ctx, settle, w.busy)
				}
				if step.IsCont() {
					step = sleep(ctx, pace, nil)
				}
				if !step.IsCont() {
					cancel(nil) // as the consumer may wait for its context
					return step
				}
				called.Store(true)
				return interrupt(ctx, func() { cancel(errCancelled) }, sink)
			})
			return place.run(ctx, parts[From, To]{source, adapter, w.iteratee()})
		})
	}
	for _, place := range places[From, To]()[:2] {
		for n := range len(c.in) + 1 {
			check(place, c.watch(place.name).when("%s after %d elements", how, n), c.in[:n], 0, adapter)
		}
		w := c.watch(place.name).when("%s while the consumer waits for its context", how)
		w.last, w.end = 1, func() iteratee.Step { return w.waits(w.ctx) }
		check(place, w, c.in, patience/2, adapter)

		w = c.watch(place.name).when("%s while a function behind the adapter waits for its context", how)
		behind := enumeratee.MapM(func(ctx context.Context, e To) (To, error) { return e, w.waits(ctx).Err() })
		check(place, w, c.in, patience/2, enumeratee.Compose(adapter, behind))
	}
}

// takesTime checks consumers that take their time and ignore their context, behind a source that does not wait.
// Elements may be dropped, and adapter may fail.
func (c *asyncCheck[From, To]) takesTime() {
	over := ending{"return", func(o outcome) bool { return o.how == returned }}
	for k := range len(c.want) + 1 {
		for _, d := range []time.Duration{slow * 3 / 2, c.length()} {
			w := c.watch("in Transform").when("with a slow consumer and a context that ends after %v", d)
			w.last, w.end, w.takes = k, done, slow
			c.check("cancel", w, over, func(ctx context.Context) error {
				ctx, cancel := context.WithTimeoutCause(ctx, d, errCancelled)
				defer cancel()
				return drive(ctx, enumerator.FromSlice(c.in), enumeratee.Transform(c.subject.adapter, w.iteratee()))
			})
		}
	}
}

// concurrently checks runs at the same time.
func (c *asyncCheck[From, To]) concurrently() {
	var (
		ws   [4]*watcher[To]
		outs [len(ws)]outcome
	)
	for i := range ws {
		ws[i] = c.watch("in Through").when("at the same time as in other runs")
	}
	ended := c.check("recipe", ws[0], returns, func(ctx context.Context) error {
		var all sync.WaitGroup
		for i, w := range ws {
			all.Go(func() {
				outs[i].of(func() error {
					return drive(ctx, enumerator.Through(c.source(runsOut), c.subject.adapter), w.iteratee())
				})
			})
		}
		all.Wait()
		return nil
	})
	for i, w := range ws {
		if ended && !(returns.ok(outs[i]) && equal(w.taken(), c.want)) {
			c.Wrong("recipe", "%s, it hands on %v, and the run %s; it must hand on %v", w.where, w.taken(), outs[i], c.want)
		}
	}
}

// leaves checks the leftovers.
func (c *asyncCheck[From, To]) leaves() {
	for k := range len(c.want) + 1 {
		w := c.watch("in Transform").when("when the consumer has taken %d", k)
		var given, later atomic.Int64
		w.last, w.end = k, func() iteratee.Step {
			later.Store(int64(len(c.in)) - given.Load())
			return done()
		}
		var rest []From
		ended := c.check("rest", w, returns, func(ctx context.Context) (err error) {
			source := enumerator.Map(c.source(runsOut), func(e From) From { given.Add(1); return e })
			both := iteratee.FlatMap(enumeratee.Transform(c.subject.adapter, w.iteratee()), func(struct{}) iteratee.Iteratee[From, []From] {
				return iteratee.Collect[From]()
			})
			rest, err = enumerator.Run(ctx, source, both)
			return err
		})
		if !ended {
			continue
		}
		least := max(0, int(later.Load())-c.subject.loses)
		switch n := len(c.in) - len(rest); {
		case n < 0 || !equal(rest, c.in[n:]):
			c.Wrong("rest", "%s, the next Iteratee gets %v, which is not the end of the input", w.where, rest)
		case len(rest) < least:
			c.Wrong("rest", "%s, the next Iteratee gets %v; it must get %v, which come later", w.where, rest, c.in[len(c.in)-least:])
		}
	}
}
