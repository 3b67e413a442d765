// Package enumerateetest checks that an Enumeratee keeps the laws that its users rely on.
package enumerateetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/report"
	"github.com/halley-go/halley/iteratee"
	"github.com/halley-go/halley/iteratee/iterateetest"
)

// Test checks that adapter keeps the laws of an [enumeratee.Enumeratee] on the stream in. It
// attaches adapter to consumers that read all of its output, and to consumers that end with
// each element of it. It returns nil, or an error with the first violation of each law:
//
//   - stop: when its consumer ends, with or without an error, adapter returns the answer of
//     the consumer, unchanged, for the same element, and hands on nothing more. When adapter
//     stops by itself, it answers Stage.Stop. After its end, it gives the same answer again.
//   - EOF: at EOF, adapter hands on the elements that it holds, once, and answers Stage.Stop
//     if its consumer is still open. EOF never reaches the consumer, and has no effect after
//     the end of the consumer.
//   - output: a consumer that ends early gets the first elements of the whole output.
//   - Offer: if the context ends while adapter takes several elements at once, adapter takes no
//     element after the current one.
//   - Transform: attached to a consumer by [enumeratee.Transform], adapter keeps the laws that
//     [iterateetest.Test] checks. So it is a recipe, and the leftovers are the end of the input.
//   - Through: attached to a source by [enumerator.Through], adapter makes the same elements,
//     from the same number of elements of the source. A source that follows finds the
//     consumer open.
//   - Compose: composed with other adapters, adapter gives the same result whether they are
//     composed from the left or from the right. Composed with PassAlong, it gives the same
//     result as alone.
//   - cancel: when the context ends, the run fails with the cause.
//
// Test compares elements by [reflect.DeepEqual] and errors by their text. So adapter must
// make equal elements of equal streams, and must not change the elements that it is handed.
// Test cannot tell whether the elements are the right ones.
//
// An adapter with state that its runs share does not pass; [enumeratee.Defer] makes an adapter for
// each run. An adapter that answers the end of its consumer later does not pass either, for example
// because it runs the consumer in another goroutine or goes on without it. For adapters with a
// goroutine, use [TestAsync].
//
// The number of runs grows fast with the length of in. Five elements find as many faults as
// fifty.
func Test[From, To any](adapter enumeratee.Enumeratee[From, To], in []From) error {
	c := &check[From, To]{t: adapter, in: in}
	for n := range len(in) + 1 {
		c.stops(in[:n])
	}
	if c.Err() == nil { // otherwise the other checks would report the same again
		c.all = c.attach(in, &consumer[To]{})
		c.endInOffer()
		for k := range len(c.all.got) + 1 {
			for _, to := range consumers[To](k) {
				c.transform(to)
				c.through(to)
				c.compose(to)
			}
		}
		c.andThen()
		c.cancel()
	}
	return c.Err()
}

// TestRest is like [Test], for an adapter that can give elements back, such as Map, Filter,
// Take or TakeWhile. It checks one more law:
//
//   - rest: if the consumer leaves over the element on which it ends, adapter leaves over the
//     element that it was handed then, before its other leftovers.
//
// An adapter that makes several elements from one, or one from several, need not keep this law. Nor need an
// adapter that hands on an element later than it came. in should have elements that adapter changes.
// TestRest cannot tell whether adapter should consume the element on which it stops by itself.
func TestRest[From, To any](adapter enumeratee.Enumeratee[From, To], in []From) error {
	c := &check[From, To]{t: adapter, in: in}
	c.rest()
	return errors.Join(Test(adapter, in), c.Err())
}

type check[From, To any] struct {
	report.Report
	t   enumeratee.Enumeratee[From, To]
	in  []From
	all attached[From, To] // a run with a consumer that reads all

	rounds int // the number of calls of compose
}

var (
	errConsumer  = errors.New("the consumer of the test has failed")
	errCancelled = errors.New("the test has cancelled the context")
)

// stops attaches t to consumers that end with each element.
func (c *check[From, To]) stops(in []From) {
	all := c.attach(in, &consumer[To]{})
	for k := range len(all.got) {
		for _, end := range []iteratee.Step{new(iteratee.Stop).Step(), iteratee.StepError(errConsumer)} {
			got := c.attach(in, &consumer[To]{last: k + 1, end: end}).got
			if want := all.got[:k+1]; !reflect.DeepEqual(got, want) {
				c.Wrong("output", "over %v comes out %v, and %v if the consumer ends with %d", in, all.got, got, k+1)
			}
		}
	}
}

func (c *check[From, To]) transform(to named[To]) {
	if err := iterateetest.Test(enumeratee.Transform(c.t, to.it), c.in); err != nil {
		c.Wrong("Transform", "before a consumer that %s: %v", to.name, err)
	}
}

func (c *check[From, To]) through(to named[To]) {
	want := c.run(enumeratee.Transform(c.t, to.it))
	var got seen[From, To]
	var err error
	got.Got, err = enumerator.Run(context.Background(), enumerator.Through(c.source(&got.Pulls, func(int) {}), c.t), to.it)
	got.fail(err)
	got.Left = want.Left // Through drops it
	if !reflect.DeepEqual(got, want) {
		c.Wrong("Through", "over %v, before a consumer that %s, it %v; behind the source it %v", c.in, to.name, want, got)
	}
}

func (c *check[From, To]) compose(to named[To]) {
	same := func(how string, want, got seen[From, To]) {
		if !reflect.DeepEqual(got, want) {
			c.Wrong("Compose", "over %v, before a consumer that %s, it %v; %s it %v", c.in, to.name, want, how, got)
		}
	}
	alone := c.run(enumeratee.Transform(c.t, to.it))
	same("behind PassAlong", alone, c.run(enumeratee.Transform(enumeratee.Compose(enumeratee.PassAlong[From](), c.t), to.it)))
	same("before PassAlong", alone, c.run(enumeratee.Transform(enumeratee.Compose(c.t, enumeratee.PassAlong[To]()), to.it)))
	before, behind := partners[From](), partners[To]()
	for i, a := range before {
		b := behind[(i+c.rounds)%len(behind)] // each pair comes up within some rounds
		between := fmt.Sprintf("between %s and %s", a.name, b.name)
		want := c.run(enumeratee.Transform(a.t, enumeratee.Transform(c.t, enumeratee.Transform(b.t, to.it))))
		left := enumeratee.Compose(enumeratee.Compose(a.t, c.t), b.t)
		right := enumeratee.Compose(a.t, enumeratee.Compose(c.t, b.t))
		same(between+", composed from the left,", want, c.run(enumeratee.Transform(left, to.it)))
		same(between+", composed from the right,", want, c.run(enumeratee.Transform(right, to.it)))
	}
	c.rounds++
}

// andThen checks that the consumer stays open for another source.
func (c *check[From, To]) andThen() {
	var more To
	var pulls int
	both := enumerator.Through(c.source(&pulls, func(int) {}), c.t).AndThen(enumerator.Of(more))
	got, err := enumerator.Run(context.Background(), both, iteratee.Collect[To]())
	want := append(c.all.got[:len(c.all.got):len(c.all.got)], more)
	if c.all.err == nil && (err != nil || !reflect.DeepEqual(got, want)) {
		c.Wrong("Through", "over %v comes out %v; with %v in a source that follows comes %v (error: %v)", c.in, c.all.got, more, got, err)
	}
}

// cancel ends the context when the source makes each element.
func (c *check[From, To]) cancel() {
	for n := 1; n <= c.all.took; n++ {
		ctx, cancel := context.WithCancelCause(context.Background())
		var pulls int
		source := c.source(&pulls, func(pull int) {
			if pull == n {
				cancel(errCancelled)
			}
		})
		_, err := enumerator.Run(ctx, enumerator.Through(source, c.t), iteratee.Collect[To]())
		cancel(nil)
		if !errors.Is(err, errCancelled) && !sameError(err, c.all.err) {
			c.Wrong("cancel", "over %v, when the context ends at %d, the run ends with the error %v; it must be the cause", c.in, n, err)
		}
	}
}

// rest attaches t to consumers that end with each element, and leave it over or not.
func (c *check[From, To]) rest() {
	all := c.attach(c.in, &consumer[To]{})
	for k, at := range all.handed {
		if at == 0 {
			continue // handed on when attached or at EOF
		}
		consumed := c.attach(c.in, &consumer[To]{last: k + 1, end: iteratee.StepDone}).rest
		left := c.attach(c.in, &consumer[To]{last: k + 1, end: iteratee.StepDone, leaves: true}).rest
		if want := append([]From{c.in[at-1]}, consumed...); !reflect.DeepEqual(left, want) {
			c.Wrong("rest", "over %v, when the consumer leaves over %v, it leaves over %v; it must leave over %v", c.in, all.got[k], left, want)
		}
	}
}
