// Package enumeratortest checks that an Enumerator keeps the laws that its users rely on.
package enumeratortest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/report"
	"github.com/halley-go/halley/iteratee"
)

// Test checks that source gives the elements of want and then runs out, and that it keeps the laws
// of an [enumerator.Enumerator]. Several wants are for a source that mixes other sources, such as
// [enumerator.Interleave]. It must give the elements of each want in order, mixed in any way. Test
// returns nil, or an error with the first violation of each law:
//
//   - elements: source gives the elements, and answers StepCont when it has run out.
//   - stop: when the consumer ends, with or without an error, source offers nothing more and
//     returns the answer of the consumer. A panic of the consumer reaches the caller.
//   - EOF: source never sends EOF. Only the code that runs a stream may do that.
//   - recipe: each run starts anew, even while others go on or after others were stopped.
//   - AndThen: the next source starts when source has run out, and does not start if the
//     consumer has ended.
//   - Cork: when source returns, it has uncorked its consumer: see [iteratee.Cork].
//   - cancel: when the context ends, source soon stops giving elements, and fails with an error
//     that is the cause or wraps it. If it has run out by then, it can answer StepCont instead.
//     A consumer that takes 1 ms for each element after the end must get fewer than a hundred. So
//     the law finds nothing in a source with fewer elements. Test does not end the context while
//     source waits; a test in a bubble of [testing/synctest] can, and may call Test.
//
// Test compares elements by [reflect.DeepEqual]. Some runs take place at the same time, so that
// the race detector finds state that they share. The number of runs grows with the number of
// elements. If source waits for ever, Test does too.
//
// A source that can be run only once, such as a channel, does not pass; [enumerator.Defer] makes
// a source for each run. A source that sends EOF, such as [enumerator.FromInput] of EOF, does not
// pass either.
func Test[E any](source enumerator.Enumerator[E], want ...[]E) error {
	c := &check[E]{e: source, want: want}
	for _, es := range want {
		c.n += len(es)
	}
	return c.all()
}

// TestEndless is like [Test], for a source that does not run out by itself. first holds its
// first elements.
func TestEndless[E any](source enumerator.Enumerator[E], first []E) error {
	return (&check[E]{e: source, want: [][]E{first}, n: len(first), endless: true}).all()
}

type check[E any] struct {
	report.Report
	e       enumerator.Enumerator[E]
	want    [][]E
	n       int // the number of elements in want
	endless bool
}

var (
	errConsumer  = errors.New("the consumer of the test has failed")
	errCancelled = errors.New("the test has cancelled the context")
)

func (c *check[E]) all() error {
	c.elements("it gives")
	for k := 1; k <= c.n; k++ {
		c.stop(k)
		c.panics(k)
	}
	if c.Err() == nil { // otherwise the other checks would report the same again
		for k := 1; k <= c.n && c.Err() == nil; k++ {
			c.recipe(k)
			c.cancel(k)
		}
		c.cancelled()
		c.andThen()
	}
	if c.Err() == nil { // shared state is mostly found by now, without a data race
		c.concurrently()
	}
	return c.Err()
}

// whole runs e to its end or, if it is endless, to the last element of want.
func (c *check[E]) whole(by way) *consumer[E] {
	to := &consumer[E]{by: by, limit: c.n + patience}
	if c.endless {
		to.last, to.end = c.n, iteratee.StepDone
	}
	if !c.endless || c.n > 0 {
		c.run(context.Background(), c.e, to)
	}
	return to
}

// elements checks whole runs. The messages begin with how.
func (c *check[E]) elements(how string) {
	for _, by := range []way{byNext, byBatch} {
		c.gives(how, c.whole(by))
	}
}

func (c *check[E]) gives(how string, to *consumer[E]) {
	switch {
	case to.gaveUp:
		c.Wrong("elements", "%s more than %d elements, and should give %v", how, patience, c.wanted())
	case to.step.Err() != nil:
		c.Wrong("elements", "%s %v and fails (%v); it should give %v", how, to.got, to.step.Err(), c.wanted())
	case !to.step.IsCont() && to.answer.IsCont():
		c.Wrong("elements", "%s %v and answers %s; it must answer StepCont, as the consumer wants more", how, to.got, report.Step(to.step))
	case !isMerge(to.got, c.want, true):
		c.Wrong("elements", "%s %v, and should give %v", how, to.got, c.wanted())
	}
}

func (c *check[E]) wanted() any {
	if len(c.want) == 1 {
		return c.want[0]
	}
	return fmt.Sprintf("%v in any order", c.want)
}

// stop checks consumers that end with the k-th element.
func (c *check[E]) stop(k int) {
	for _, end := range []iteratee.Step{new(iteratee.Stop).Step(), iteratee.StepError(errConsumer)} {
		for _, by := range []way{byNext, byBatch} {
			to := &consumer[E]{by: by, last: k, end: end, limit: c.n + patience}
			c.run(context.Background(), c.e, to)
			switch {
			case to.late > 0:
				c.Wrong("stop", "after %v the consumer answers %s, and it offers more", to.got, report.Step(end))
			case to.step != to.answer:
				c.Wrong("stop", "after %v the consumer answers %s, and it answers %s; it must answer the same", to.got, report.Step(end), report.Step(to.step))
			case !isMerge(to.got, c.want, false):
				c.Wrong("elements", "it gives %v to a consumer that takes %d, and should give %v", to.got, k, c.wanted())
			}
		}
	}
}

// panics checks that a panic of the consumer at the k-th element reaches the caller.
func (c *check[E]) panics(k int) {
	to := &consumer[E]{limit: c.n + patience, each: func(n int) {
		if n == k {
			panic(errConsumer)
		}
	}}
	defer func() {
		switch v := recover(); {
		case v == nil && len(to.got) >= k:
			c.Wrong("stop", "after %v the consumer panics, and that does not reach the caller", to.got[:k])
		case v != nil && v != error(errConsumer):
			panic(v)
		}
	}()
	c.run(context.Background(), c.e, to)
}

// recipe checks a run after another was stopped at the k-th element, and a run within another
// at that element.
func (c *check[E]) recipe(k int) {
	stopped := &consumer[E]{last: k, end: iteratee.StepDone, limit: c.n + patience}
	c.run(context.Background(), c.e, stopped)
	c.again("after a run that was stopped it gives", c.whole(byNext))

	within := &consumer[E]{}
	outer := &consumer[E]{limit: c.n + patience, each: func(n int) {
		if n == k {
			within = c.whole(byNext)
		}
	}}
	if c.endless {
		outer.last, outer.end = c.n, iteratee.StepDone
	}
	c.run(context.Background(), c.e, outer)
	c.again("while another run goes on it gives", within)
	c.again("while another run takes place it gives", outer)
}

func (c *check[E]) again(how string, to *consumer[E]) {
	if to.gaveUp || to.step.Err() != nil || !isMerge(to.got, c.want, true) {
		c.Wrong("recipe", "%s %v and answers %s; it should give %v", how, to.got, report.Step(to.step), c.wanted())
	}
}

func (c *check[E]) concurrently() {
	var wg sync.WaitGroup
	var runs [4]*consumer[E]
	for i := range runs {
		wg.Go(func() { runs[i] = c.whole(byNext) })
	}
	wg.Wait()
	for _, to := range runs {
		c.again("at the same time as others it gives", to)
	}
}

// cancel ends the context at the k-th element.
func (c *check[E]) cancel(k int) {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	to := &consumer[E]{limit: k + lag, each: func(n int) {
		if n == k {
			cancel(errCancelled)
		} else if n > k {
			time.Sleep(time.Millisecond) // a source may notice the end of its context a moment later
		}
	}}
	c.run(ctx, c.e, to)
	switch {
	case to.gaveUp:
		c.Wrong("cancel", "when the context ends at the element %d, it gives %d more", k, lag)
	case !errors.Is(to.step.Err(), errCancelled) && (c.endless || !to.step.IsCont()):
		c.Wrong("cancel", "when the context ends at the element %d, it gives %v and answers %s; it must be the cause", k, to.got, report.Step(to.step))
	}
}

// cancelled runs e in a context that has ended.
func (c *check[E]) cancelled() {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errCancelled)
	to := &consumer[E]{limit: c.n + patience}
	c.run(ctx, c.e, to)
	if len(to.got) > 0 || !errors.Is(to.step.Err(), errCancelled) {
		c.Wrong("cancel", "in a context that has ended it gives %v and answers %s; it must give nothing and fail with the cause", to.got, report.Step(to.step))
	}
}

// andThen runs e followed by another source, with consumers that end with each element or
// none.
func (c *check[E]) andThen() {
	for k := range c.n + 1 {
		if k == 0 && c.endless {
			continue
		}
		starts := 0
		var more E
		to := &consumer[E]{last: k, end: iteratee.StepDone, limit: c.n + patience}
		c.run(context.Background(), c.e.AndThen(enumerator.New(func(_ context.Context, sink iteratee.Sink[E]) iteratee.Step {
			starts++
			return sink.Next(more)
		})), to)
		switch {
		case k > 0 && starts > 0:
			c.Wrong("AndThen", "after %v the consumer ends, and the source that follows is started", to.got)
		case k == 0 && (len(to.got) != c.n+1 || !isMerge(to.got[:c.n], c.want, true) || !reflect.DeepEqual(to.got[c.n], more)):
			c.Wrong("AndThen", "followed by a source of %v it gives %v, and should give %v before that", more, to.got, c.wanted())
		}
	}
}

// isMerge reports whether got is a merge of prefixes of the wants or, if whole is set, of all
// of each.
func isMerge[E any](got []E, wants [][]E, whole bool) bool {
	if len(wants) == 1 {
		n := len(got)
		return n <= len(wants[0]) && (!whole || n == len(wants[0])) && (n == 0 || reflect.DeepEqual(got, wants[0][:n]))
	}
	if len(got) == 0 {
		return !whole || !slices.ContainsFunc(wants, func(want []E) bool { return len(want) > 0 })
	}
	for i, want := range wants {
		if len(want) > 0 && reflect.DeepEqual(want[0], got[0]) {
			others := slices.Clone(wants)
			others[i] = want[1:]
			if isMerge(got[1:], others, whole) {
				return true
			}
		}
	}
	return false
}
