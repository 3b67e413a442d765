package enumerateetest

import (
	"context"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/fast"
	"github.com/halley-go/halley/internal/report"
	"github.com/halley-go/halley/iteratee"
)

const (
	pace     = time.Second + time.Nanosecond // of a source: no clock with a round period ticks when an element comes
	slow     = 3 * time.Second               // of a slow consumer
	patience = time.Minute                   // with a run in which nothing happens
	excess   = 1000                          // the number of elements too many that a consumer takes
)

// length returns the longest time that a run takes if the adapter does not wait.
func (c *asyncCheck[From, To]) length() time.Duration {
	return time.Duration(len(c.in)+len(c.want)+1) * slow
}

// source returns the source of c.in, which then does what then does.
func (c *asyncCheck[From, To]) source(then func(context.Context) iteratee.Step) enumerator.Enumerator[From] {
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[From]) iteratee.Step {
		if step := feed(ctx, sink, c.in, nil); !step.IsCont() {
			return step
		}
		return then(ctx)
	})
}

func runsOut(context.Context) iteratee.Step { return iteratee.StepCont }

func waits(ctx context.Context) iteratee.Step {
	<-ctx.Done()
	return iteratee.Cancelled(ctx)
}

// feed hands over in, until busy is closed.
func feed[E any](ctx context.Context, sink iteratee.Sink[E], in []E, busy <-chan struct{}) iteratee.Step {
	for _, e := range in {
		if step := sleep(ctx, pace, busy); !step.IsCont() || isClosed(busy) {
			return step
		}
		if step := sink.Next(e); !step.IsCont() {
			return step
		}
	}
	return iteratee.StepCont
}

// sleep waits for d, or until busy is closed.
func sleep(ctx context.Context, d time.Duration, busy <-chan struct{}) iteratee.Step {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-busy:
	case <-ctx.Done():
	}
	return iteratee.Cancelled(ctx)
}

func isClosed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

// A watcher is a consumer that checks how it is called.
type watcher[To any] struct {
	report  *report.Report
	where   string               // it is attached
	last    int                  // the number of the element with which it ends, 0 for never
	end     func() iteratee.Step // is called then
	takes   time.Duration        // for each element
	most    int                  // the number of elements that it takes
	batches bool                 // whether it takes several elements at once

	ctx  context.Context // of its run
	busy chan struct{}   // the source hands over nothing more when it is closed

	mu     sync.Mutex
	got    []To
	calls  int  // that go on
	ended  bool // it has answered done, or has failed
	over   bool // the run has returned
	gaveUp bool // it has ended a goroutine that violates a law
}

func (c *asyncCheck[From, To]) watch(place string) *watcher[To] {
	where := fmt.Sprintf("over %v, %s%s", c.in, place, c.subject.name)
	return &watcher[To]{report: &c.Report, where: where, most: len(c.want) + excess}
}

// when adds to where.
func (w *watcher[To]) when(format string, args ...any) *watcher[To] {
	w.where += ", " + fmt.Sprintf(format, args...)
	return w
}

// iteratee returns the Iteratee that w is. It can be used once.
func (w *watcher[To]) iteratee() iteratee.Iteratee[To, struct{}] {
	return iteratee.New(func(ctx context.Context) (iteratee.Running[To, struct{}], iteratee.Step) {
		w.ctx = ctx
		if w.batches {
			return &batching[To]{w}, iteratee.StepCont
		}
		return w, iteratee.StepCont
	})
}

type batching[To any] struct{ *watcher[To] }

func (b *batching[To]) Batch(es []To, ended *fast.Flag) (int, iteratee.Step) {
	return fast.Offer[To, iteratee.Step](b.watcher, es, ended)
}

func (w *watcher[To]) Next(e To) (step iteratee.Step) {
	n := w.enter(e)
	defer w.leave()
	time.Sleep(w.takes)
	if n == w.last {
		step = w.end()
	}
	return step
}

// enter notes a call of Next and returns the number of the element.
func (w *watcher[To]) enter(e To) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.over:
		w.report.Wrong("consumer", "%s, it hands on %v when the run has returned", w.where, e)
	case w.ended:
		w.report.Wrong("stop", "%s, it hands on %v when the consumer has ended", w.where, e)
	case w.calls > 0:
		w.report.Wrong("consumer", "%s, it hands on %v while the consumer is busy with another element", w.where, e)
	case len(w.got) == w.most:
		w.report.Wrong("elements", "%s, it has handed on %d elements and goes on", w.where, w.most)
	default:
		w.got = append(w.got, e)
		w.calls++
		w.ended = len(w.got) == w.last
		return len(w.got)
	}
	w.gaveUp = true
	runtime.Goexit() // as the adapter may go on for ever
	return 0
}

func (w *watcher[To]) leave() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls--
}

func (w *watcher[To]) EOF() iteratee.Step {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.calls > 0 {
		w.report.Wrong("consumer", "%s, the consumer gets EOF while it is busy with an element", w.where)
	}
	w.ended = true
	return iteratee.StepDone
}

func (w *watcher[To]) Rest() iteratee.Input[To]           { return iteratee.Empty[To]() }
func (w *watcher[To]) Result() (none struct{}, err error) { return none, nil }

// waits waits for the end of ctx.
func (w *watcher[To]) waits(ctx context.Context) iteratee.Step {
	close(w.busy)
	return waits(ctx)
}

// taken returns the elements that w has got.
func (w *watcher[To]) taken() []To {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.got)
}

func (w *watcher[To]) hasGivenUp() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.gaveUp
}

// close notes that the run is over.
func (w *watcher[To]) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	if w.calls > 0 {
		w.report.Wrong("consumer", "%s, the run returns while the consumer is busy with %v", w.where, w.got[len(w.got)-1])
	}
}

// An outcome is the way in which a run has ended.
type outcome struct {
	how   end
	err   error // if it has returned
	value any   // of a panic
}

type end int

const (
	hung end = iota
	returned
	panicked
	exited
)

// of calls f. While f runs, it hangs.
func (o *outcome) of(f func() error) {
	how := exited
	defer func() {
		if how == exited {
			if o.value = recover(); o.value != nil {
				how = panicked
			}
		}
		o.how = how
	}()
	o.err = f()
	how = returned
}

// String returns a predicate for the subject "the run".
func (o outcome) String() string {
	switch {
	case o.how == hung:
		return "hangs"
	case o.how == panicked:
		return fmt.Sprintf("panics (%v)", o.value)
	case o.how == exited:
		return "leaves its goroutine"
	case o.err != nil:
		return fmt.Sprintf("fails (%v)", o.err)
	}
	return "returns"
}

// run calls f, which runs a stream into w, in a bubble of its own, and returns how that has ended.
func (c *asyncCheck[From, To]) run(w *watcher[To], f func(context.Context) error) (o outcome) {
	var left goroutines
	defer func() {
		if len(left) > 0 {
			recover() // synctest panics, since goroutines are left
			c.t.Logf("%s:\n%s", w.where, strings.Join(left, "\n\n"))
		}
	}()
	synctest.Test(c.t, func(*testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		w.busy = make(chan struct{})
		over := make(chan outcome, 1)
		go func() {
			var o outcome
			defer func() { over <- o }()
			o.of(func() error { return f(ctx) })
		}()
		select {
		case o = <-over:
			w.close()
			if left = others(); len(left) > 0 {
				c.Wrong("goroutines", "%s, the run returns, and %s", w.where, left)
			}
		case <-time.After(c.length() + patience):
			c.hung, left = true, others()
		}
	})
	return o
}

// goroutines are the stacks of goroutines.
type goroutines []string

var creator = regexp.MustCompile(`(?m)^created by (.*?)(?: in goroutine \d+)?\n\s+(.*?)(?: \+0x.*)?$`)

// String returns a clause.
func (g goroutines) String() string {
	if by := creator.FindStringSubmatch(g[0]); by != nil {
		return fmt.Sprintf("a goroutine is left that %s has started", by[1])
	}
	return "a goroutine is left"
}

var bubble = regexp.MustCompile(`^goroutine \d+ .*(synctest bubble \d+)`)

// others returns the other goroutines of the bubble, when all are blocked.
func others() (stacks goroutines) {
	synctest.Wait()
	buf := make([]byte, 1<<16)
	n := runtime.Stack(buf, true)
	for ; n == len(buf); n = runtime.Stack(buf, true) {
		buf = make([]byte, 2*len(buf))
	}
	all := strings.Split(string(buf[:n]), "\n\n")
	own := bubble.FindStringSubmatch(all[0])[1]
	for _, stack := range all[1:] {
		in := bubble.FindStringSubmatch(stack)
		switch {
		case in == nil || in[1] != own:
		case strings.Contains(stack, " [synctest.Run"):
		case strings.Contains(stack, "created by testing"):
		case strings.Contains(stack, "created by context."):
		default:
			stacks = append(stacks, stack)
		}
	}
	return stacks
}
