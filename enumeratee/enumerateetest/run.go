package enumerateetest

import (
	"context"
	"fmt"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/fast"
	"github.com/halley-go/halley/internal/report"
	"github.com/halley-go/halley/iteratee"
)

// consumer records how an adapter uses it.
type consumer[To any] struct {
	last   int           // the number of the element with which it ends, 0 for never
	end    iteratee.Step // its answer then
	leaves bool          // whether it leaves that element over
	taken  func(n int)   // if set, is called with the number of each element

	got    []To
	nexts  int
	eofs   int
	answer iteratee.Step
}

func (c *consumer[To]) Next(e To) iteratee.Step {
	c.nexts++
	if c.answer.IsCont() {
		if c.got = append(c.got, e); len(c.got) == c.last {
			c.answer = c.end
		}
		if c.taken != nil {
			c.taken(len(c.got))
		}
	}
	return c.answer
}

func (c *consumer[To]) EOF() iteratee.Step {
	c.eofs++
	return iteratee.StepDone
}

func (c *consumer[To]) Rest() iteratee.Input[To] {
	if c.leaves && !c.answer.IsCont() {
		return iteratee.El(c.got[c.last-1])
	}
	return iteratee.Empty[To]()
}

// Batch is a short cut that an adapter must not take instead of its own Next.
func (c *consumer[To]) Batch(es []To, ended *fast.Flag) (n int, step iteratee.Step) {
	for n < len(es) && step.IsCont() && !ended.Load() {
		step = c.Next(es[n])
		n++
	}
	return n, step
}

// endInOffer ends the context while the adapter, which was offered several elements at once, hands on each
// element.
func (c *check[From, To]) endInOffer() {
	for k, at := range c.all.handed {
		if at == 0 {
			continue // not while it was handed an element
		}
		if n := c.offer(k + 1); n > at {
			c.Wrong("Offer", "over %v it has taken %d elements, though the context had ended during the element %d; it must look before each", c.in, n, at)
		}
	}
}

// offer offers c.in to the adapter at once. The context ends with the last element that is handed on. It
// returns the number of elements that the adapter has taken, 0 if it has no way to take several at once.
func (c *check[From, To]) offer(last int) (n int) {
	ctx, end := iteratee.NewRun(context.Background())
	defer end()
	stage := enumeratee.NewStage(ctx)
	defer stage.End()

	var ended fast.Flag
	inner := &consumer[To]{taken: func(n int) { ended.Store(ended.Load() || n == last) }}
	outer, step := c.t.Attach(stage, inner)
	if b, ok := outer.(fast.Batcher[From, iteratee.Step]); ok && step.IsCont() {
		n, _ = b.Batch(c.in, &ended)
	}
	return n
}

// attached is the outcome of a run in which the kit itself drove the adapter.
type attached[From, To any] struct {
	got    []To
	handed []int // for each, the number of the element that the adapter was handed then, or 0
	took   int
	rest   []From
	err    error
}

// attach attaches the adapter to a consumer, hands over in until the adapter ends, then EOF,
// and checks each answer.
func (c *check[From, To]) attach(in []From, to *consumer[To]) (a attached[From, To]) {
	ctx, end := iteratee.NewRun(context.Background())
	defer end()
	stage := enumeratee.NewStage(ctx)
	defer stage.End()

	sink, step := c.t.Attach(stage, to)
	at := 0
	look := func(when string, step iteratee.Step) {
		for len(a.handed) < len(to.got) {
			a.handed = append(a.handed, at)
		}
		switch {
		case to.eofs > 0:
			c.Wrong("EOF", "%s it sends EOF to its consumer; only the code that runs the stream may do that", when)
		case to.nexts > len(to.got):
			c.Wrong("stop", "%s it hands on another element after its consumer has answered %s", when, report.Step(to.answer))
		case to.answer.IsCont() && !step.IsCont() && step.Err() == nil && step != stage.Stop():
			c.Wrong("stop", "%s it answers %s while its consumer is open; to stop by itself it must answer Stage.Stop", when, report.Step(step))
		case !to.answer.IsCont() && step != to.answer:
			c.Wrong("stop", "%s its consumer answers %s, and it answers %s; it must pass that on", when, report.Step(to.answer), report.Step(step))
		}
	}
	look("when attached", step)
	for step.IsCont() && a.took < len(in) {
		at = a.took + 1
		step = sink.Next(in[a.took])
		a.took = at
		look(fmt.Sprintf("over %v, at the element %d,", in, at), step)
	}
	if !step.IsCont() {
		c.again(sink, step, to)
	}
	if at = 0; step.Err() == nil {
		step = c.eof(sink, to, fmt.Sprintf("over %v, at EOF,", in[:a.took]), look)
	}
	a.got, a.rest, a.err = to.got, sink.Rest().Els(), step.Err()
	return a
}

// again offers more elements to a sink that has ended.
func (c *check[From, To]) again(sink iteratee.Sink[From], step iteratee.Step, to *consumer[To]) {
	got := len(to.got)
	for _, e := range c.in {
		if again := sink.Next(e); again != step && (step.Err() == nil || !sameError(again.Err(), step.Err())) {
			c.Wrong("stop", "it has answered %s, and to %v after that %s; it must answer the same again", report.Step(step), e, report.Step(again))
		}
	}
	if len(to.got) > got {
		c.Wrong("stop", "it has answered %s, and hands on %v after that", report.Step(step), to.got[got:])
	}
	to.nexts = len(to.got) // offering more to a consumer that has ended is allowed here
}

// eof sends EOF twice to a sink, which may have ended, and returns the first answer.
func (c *check[From, To]) eof(sink iteratee.Sink[From], to *consumer[To], when string, look func(string, iteratee.Step)) iteratee.Step {
	ended, before := !to.answer.IsCont(), to.nexts
	step := sink.EOF()
	switch {
	case ended && (step.IsCont() || step.Err() != nil):
		c.Wrong("EOF", "%s after its consumer has ended, it answers %s; it must answer done", when, report.Step(step))
	case ended && to.nexts > before:
		c.Wrong("EOF", "%s after its consumer has ended, it hands on another element", when)
	case step.IsCont():
		c.Wrong("EOF", "%s it answers more; it must answer Stage.Stop, as its consumer is open", when)
	case !ended:
		look(when, step)
	}
	if step.Err() != nil {
		return step
	}
	before = to.nexts
	again := sink.EOF()
	switch {
	case to.nexts > before:
		c.Wrong("EOF", "%s it hands on elements, and again at a second EOF", when)
	case again.IsCont() || again.Err() != nil:
		c.Wrong("EOF", "%s it answers %s, and at a second EOF %s; it must answer done", when, report.Step(step), report.Step(again))
	case to.eofs > 0:
		c.Wrong("EOF", "%s it sends EOF to its consumer; only the code that runs the stream may do that", when)
	}
	return step
}

// seen is the visible outcome of a run.
type seen[From, To any] struct {
	Got   []To
	Left  []From // for the next iteratee
	Pulls int
	Err   string
}

func (s *seen[From, To]) fail(err error) {
	if err != nil {
		s.Got, s.Err = nil, err.Error()
	}
}

// String returns a predicate for the subject "it".
func (s seen[From, To]) String() string {
	if s.Err != "" {
		return fmt.Sprintf("fails after %d elements (%s)", s.Pulls, s.Err)
	}
	return fmt.Sprintf("makes %v of %d elements and leaves over %v", s.Got, s.Pulls, s.Left)
}

// run runs consumer over c.in, then an iteratee that takes the leftovers.
func (c *check[From, To]) run(consumer iteratee.Iteratee[From, []To]) (s seen[From, To]) {
	pulls, done := 0, false
	left, err := enumerator.Run(context.Background(), c.source(&pulls, func(int) {}),
		iteratee.FlatMap(consumer, func(got []To) iteratee.Iteratee[From, []From] {
			s.Got, s.Pulls, done = got, pulls, true
			return iteratee.Collect[From]()
		}))
	if !done {
		s.Pulls = pulls
	}
	s.Left = left
	s.fail(err)
	return s
}

// source returns the source of c.in. It calls each with the number of an element before it
// hands over that element.
func (c *check[From, To]) source(pulls *int, each func(n int)) enumerator.Enumerator[From] {
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[From]) iteratee.Step {
		for _, e := range c.in {
			if step := iteratee.Cancelled(ctx); !step.IsCont() {
				return step
			}
			*pulls++
			each(*pulls)
			if step := sink.Next(e); !step.IsCont() {
				return step
			}
		}
		return iteratee.StepCont
	})
}

type named[To any] struct {
	name string
	it   iteratee.Iteratee[To, []To]
}

// consumers returns consumers that end with the k-th element or, for 0, read all. Some begin with a
// Filter, for which Map has a short cut.
func consumers[To any](k int) []named[To] {
	collect := iteratee.Collect[To]()
	if k == 0 {
		return []named[To]{
			{"reads all", collect},
			{"reads all behind a Filter", enumeratee.Transform(enumeratee.Filter(func(To) bool { return true }), collect)},
			{"fails at EOF", iteratee.MapM(collect, func(context.Context, []To) ([]To, error) { return nil, errConsumer })},
		}
	}
	all := enumeratee.Filter(func(To) bool { return true })
	return []named[To]{
		{fmt.Sprintf("takes %d", k), enumeratee.Transform(enumeratee.Compose(all, enumeratee.Take[To](k)), collect)},
		{fmt.Sprintf("takes %d and leaves over the next", k-1), enumeratee.Transform(first[To](k-1), collect)},
		{fmt.Sprintf("takes %d and fails on the next", k-1), iteratee.FoldM(nil, func(_ context.Context, es []To, e To) ([]To, error) {
			if len(es)+1 == k {
				return nil, errConsumer
			}
			return append(es, e), nil
		})},
	}
}

type partner[E any] struct {
	name string
	t    enumeratee.Enumeratee[E, E]
}

// partners returns adapters for any type of elements.
func partners[E any]() []partner[E] {
	everyOther := enumeratee.Defer(func(context.Context) (enumeratee.Enumeratee[E, E], error) {
		n := 0
		return enumeratee.Filter(func(E) bool { n++; return n%2 == 0 }), nil
	})
	return []partner[E]{
		{"Map", enumeratee.Map(func(e E) E { return e })},
		{"Filter", everyOther},
		{"Take(2)", enumeratee.Take[E](2)},
		{"TakeWhile", first[E](1)},
		{"Drop(1)", enumeratee.Drop[E](1)},
	}
}

// first hands on the first n elements, and leaves over the next one.
func first[E any](n int) enumeratee.Enumeratee[E, E] {
	return enumeratee.Defer(func(context.Context) (enumeratee.Enumeratee[E, E], error) {
		left := n
		return enumeratee.TakeWhile(func(E) bool { left--; return left >= 0 }), nil
	})
}

func sameError(a, b error) bool {
	return a == nil && b == nil || a != nil && b != nil && a.Error() == b.Error()
}
