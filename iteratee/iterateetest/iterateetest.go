// Package iterateetest checks that an Iteratee keeps the laws that its users rely on.
package iterateetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"

	"github.com/halley-go/halley/internal/fast"
	"github.com/halley-go/halley/internal/report"
	"github.com/halley-go/halley/iteratee"
)

// Test checks that consumer keeps the laws of an [iteratee.Iteratee] on the stream in and on
// each prefix of it. It returns nil, or an error with the first violation of each law:
//
//   - recipe: each run starts anew, even while others go on, and does not change the results
//     of earlier runs.
//   - done: once consumer is done or has failed, it gives the same answer to each element, and
//     consumes nothing.
//   - EOF: consumer ends at EOF. A second EOF changes nothing.
//   - Offer: [iteratee.Offer] of several elements does the same as Next of each, and neither
//     keeps nor changes the slice.
//   - rest: the leftovers are the end of the input: its last elements or, if those are slices
//     or strings, their last items. Nothing is left over while consumer wants more.
//   - FlatMap: the next Iteratee gets the leftovers, then the other elements. Done is the
//     identity on both sides, and FlatMap is associative.
//   - cancel: when the context ends, consumer goes on as before or fails with the cause.
//
// Test compares each run with a run whose elements came one by one: results and leftovers by
// [reflect.DeepEqual], errors by their text. So consumer must give equal results for equal
// streams, and must not change the elements. [iteratee.Map] can turn a result that cannot be
// compared, such as a function, into one that can. Test cannot tell whether a result is the
// right one.
//
// An Iteratee that can be used only once does not pass; [iteratee.Defer] makes an Iteratee for each
// run. An Iteratee with leftovers that it was not handed, as [iteratee.Done] can have, does not
// pass either. Some runs take place at the same time, so that the race detector finds state that
// they share. The number of runs grows with the length of in, but ten elements find as many faults
// as a thousand.
func Test[E, A any](consumer iteratee.Iteratee[E, A], in []E) error {
	c := &check[E, A]{it: consumer, in: in}
	if c.isRecipe() {
		for n := range c.whole.took + 1 {
			c.stream(in[:n])
		}
		if c.whole.took < len(in) {
			c.stream(in)
		}
		if c.Err() == nil { // shared state is mostly found by now, without a data race
			c.concurrently()
		}
	}
	return c.Err()
}

type check[E, A any] struct {
	report.Report
	it    iteratee.Iteratee[E, A]
	in    []E
	whole outcome[E, A] // of a run over in
}

// stream checks the laws on in, a prefix of c.in.
func (c *check[E, A]) stream(in []E) {
	ctx := context.Background()
	want := run(ctx, c.it, in, c.watched)
	if errors.Is(want.err, iteratee.ErrDivergent) {
		c.Wrong("EOF", "after %v and EOF it wants more input; it must be done then, or fail", in)
	}
	if !endsWith(in[:want.took], want.rest) {
		c.Wrong("rest", "it was handed %v and leaves over %v, which is not the end of that", in[:want.took], want.rest)
	}
	if want.endsStream {
		c.Wrong("rest", "over %v it leaves over an EOF that it was not handed", in)
	}
	same(&c.Report, "recipe", "in a second run", in, want, run(ctx, c.it, in, oneByOne))
	same(&c.Report, "done", "offered more after its end", in, want, run(ctx, c.it, in, oneByOne, c.nextAgain))
	same(&c.Report, "done", "offered several more after its end", in, want, run(ctx, c.it, in, oneByOne, c.batchAgain))
	same(&c.Report, "EOF", "with a second EOF", in, want, run(ctx, c.it, in, oneByOne, c.eofAgain))
	for size := range len(in) {
		same(&c.Report, "Offer", fmt.Sprintf("offered %d at a time", size+1), in, want, run(ctx, c.it, in, c.batches(size+1)))
	}
	same(&c.Report, "Offer", "by Next and Offer in turn", in, want, run(ctx, c.it, in, c.mixed))
	if want.err == nil {
		c.reset(in, want)
	}
	c.flatMap(in, want)

	// The other run begins, or the context ends, when in has been handed over of c.in.
	other := c.whole
	during := run(ctx, c.it, c.in, after[E](len(in), func() { other = run(ctx, c.it, c.in, oneByOne) }))
	same(&c.Report, "recipe", "while another run takes place", c.in, c.whole, during)
	same(&c.Report, "recipe", "within another run", c.in, c.whole, other)
	ctx, cancel := context.WithCancelCause(ctx)
	c.cancelled(in, run(ctx, c.it, c.in, after[E](len(in), func() { cancel(errCancelled) })))
	cancel(errCancelled)
	c.cancelled(nil, run(ctx, c.it, c.in, oneByOne))
}

var errCancelled = errors.New("the test has cancelled the context")

func (c *check[E, A]) cancelled(in []E, got outcome[E, A]) {
	if !errors.Is(got.err, errCancelled) && !got.equal(c.whole) {
		c.Wrong("cancel", "over %v it %v; when the context ends after %v it %v; it must do as ever or fail with the cause",
			c.in, c.whole, in, got)
	}
}

// watched is like oneByOne, but checks Rest before each element.
func (c *check[E, A]) watched(s iteratee.Sink[E], es []E) (n int, step iteratee.Step) {
	for i, e := range es {
		if rest := s.Rest(); !rest.IsEmpty() {
			c.Wrong("rest", "after %v it wants more and leaves over %v; it must leave nothing until it is done", es[:i], rest.Els())
		}
		if step := s.Next(e); !step.IsCont() {
			return i + 1, step
		}
	}
	return len(es), iteratee.StepCont
}

func (c *check[E, A]) nextAgain(s iteratee.Sink[E], step iteratee.Step) iteratee.Step {
	if step.IsCont() {
		return step
	}
	for _, e := range c.in {
		if again := s.Next(e); !sameStep(again, step) {
			c.Wrong("done", "it answers %s, and to %v after that %s; it must answer the same again", show(step), e, show(again))
		}
	}
	return step
}

func (c *check[E, A]) batchAgain(s iteratee.Sink[E], step iteratee.Step) iteratee.Step {
	if step.IsCont() || len(c.in) == 0 {
		return step
	}
	if _, again := iteratee.Offer(s, c.in); !sameStep(again, step) {
		c.Wrong("done", "it answers %s, and to several elements after that %s; it must answer the same again", show(step), show(again))
	}
	return step
}

// reset checks the short cut by which a group need not start a run of its own.
func (c *check[E, A]) reset(in []E, want outcome[E, A]) {
	next := c.in[min(1, len(c.in)):]
	for _, first := range []hand[E]{oneByOne[E], together[E]} {
		for _, second := range []hand[E]{oneByOne[E], together[E]} {
			before, after, ok := runs(context.Background(), c.it, in, first, next, second)
			if !ok {
				return
			}
			same(&c.Report, "recipe", "after it was reset", next, run(context.Background(), c.it, next, oneByOne), after)
			same(&c.Report, "recipe", "before it was reset", in, want, before)
		}
	}
}

// eofAgain sends EOF to a sink that has ended. An adapter that has stopped may then hand on the
// elements that it would otherwise hand on for the result, and fail. So the answer may be an
// error, if the result is one.
func (c *check[E, A]) eofAgain(s iteratee.Sink[E], step iteratee.Step) iteratee.Step {
	if step.IsCont() {
		step = s.EOF()
	}
	if step.IsCont() || step.Err() != nil {
		return step
	}
	again := s.EOF()
	if again.IsCont() {
		c.Wrong("EOF", "it answers %s, and to EOF after that more; it must answer done", show(step))
		return step
	}
	return again
}

// batches hands over slices of the given size, which are overwritten afterwards.
func (c *check[E, A]) batches(size int) hand[E] {
	return func(s iteratee.Sink[E], es []E) (n int, step iteratee.Step) {
		for n < len(es) && step.IsCont() {
			var m int
			m, step = c.batch(s, es[n:min(n+size, len(es))])
			n += m
		}
		return n, step
	}
}

func (c *check[E, A]) batch(s iteratee.Sink[E], es []E) (int, iteratee.Step) {
	var ended fast.Flag
	ended.Store(true)
	if n, step := fast.Offer[E, iteratee.Step](s, slices.Clone(es), &ended); n != 0 || !step.IsCont() {
		c.Wrong("Offer", "of %v it has taken %d, and answers %s, though the context had ended; it must take nothing and answer more", es, n, show(step))
	}
	if n, step := iteratee.Offer(s, nil); n != 0 || !step.IsCont() {
		c.Wrong("Offer", "of no elements it has taken %d, and answers %s; it must answer more", n, show(step))
	}
	given := slices.Clone(es)
	n, step := iteratee.Offer(s, given)
	if n < 0 || n > len(es) || step.IsCont() && n != len(es) {
		c.Wrong("Offer", "of %d elements it has taken %d, and answers %s", len(es), n, show(step))
		n = len(es)
	}
	if !reflect.DeepEqual(given, slices.Clone(es)) {
		c.Wrong("Offer", "it was given %v, and has changed that to %v", es, given)
	}
	clear(given)
	return n, step
}

// mixed hands over one element, then two as a batch, and so on.
func (c *check[E, A]) mixed(s iteratee.Sink[E], es []E) (n int, step iteratee.Step) {
	for n < len(es) && step.IsCont() {
		if step = s.Next(es[n]); !step.IsCont() {
			return n + 1, step
		}
		var m int
		m, step = c.batch(s, es[n+1:min(n+3, len(es))])
		n += 1 + m
	}
	return n, step
}

// pair holds a result and the elements that the next Iteratee got.
type pair[E, A any] struct {
	Result A
	Next   []E
}

func (c *check[E, A]) flatMap(in []E, want outcome[E, A]) {
	ctx := context.Background()
	then := func(second iteratee.Iteratee[E, []E]) func(A) iteratee.Iteratee[E, pair[E, A]] {
		return func(a A) iteratee.Iteratee[E, pair[E, A]] {
			return iteratee.Map(second, func(es []E) pair[E, A] { return pair[E, A]{a, es} })
		}
	}

	got := run(ctx, iteratee.FlatMap(c.it, then(iteratee.Collect[E]())), in, oneByOne)
	left := slices.Concat(want.rest, in[want.took:])
	if want.err == nil && got.err == nil && !sameElements(got.result.Next, left) {
		c.Wrong("FlatMap", "over %v it %v; the one that follows gets %v, and should get %v", in, want, got.result.Next, left)
	}

	none := iteratee.Done(struct{}{}, iteratee.Empty[E]())
	same(&c.Report, "FlatMap", "after Done", in, want,
		run(ctx, iteratee.FlatMap(none, func(struct{}) iteratee.Iteratee[E, A] { return c.it }), in, oneByOne))
	same(&c.Report, "FlatMap", "before Done", in, want,
		run(ctx, iteratee.FlatMap(c.it, func(a A) iteratee.Iteratee[E, A] { return iteratee.Done(a, iteratee.Empty[E]()) }), in, oneByOne))

	one := iteratee.TakeUpTo[E](1)
	same(&c.Report, "FlatMap", "the same associated to the right", in,
		run(ctx, iteratee.FlatMap(iteratee.FlatMap(one, func([]E) iteratee.Iteratee[E, A] { return c.it }), then(one)), in, oneByOne),
		run(ctx, iteratee.FlatMap(one, func([]E) iteratee.Iteratee[E, pair[E, A]] { return iteratee.FlatMap(c.it, then(one)) }), in, oneByOne))
}

// isRecipe makes c.whole. It comes before the other laws, since each would report the same
// violation.
func (c *check[E, A]) isRecipe() bool {
	ctx := context.Background()
	c.whole = run(ctx, c.it, c.in, oneByOne)
	before := fmt.Sprintf("%#v", c.whole.result)
	run(ctx, c.it, c.in[min(1, len(c.in)):], oneByOne)
	if now := fmt.Sprintf("%#v", c.whole.result); now != before {
		c.Wrong("recipe", "a second run has changed the result of the first from %s to %s", before, now)
	}
	same(&c.Report, "recipe", "in another run", c.in, c.whole, run(ctx, c.it, c.in, oneByOne))
	return c.Err() == nil
}

func (c *check[E, A]) concurrently() {
	var wg sync.WaitGroup
	var got [4]outcome[E, A]
	for i := range got {
		wg.Go(func() { got[i] = run(context.Background(), c.it, c.in, oneByOne) })
	}
	wg.Wait()
	for _, got := range got {
		same(&c.Report, "recipe", "at the same time as others", c.in, c.whole, got)
	}
}
