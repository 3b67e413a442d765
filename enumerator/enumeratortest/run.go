package enumeratortest

import (
	"context"
	"fmt"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/fast"
	"github.com/halley-go/halley/internal/scope"
	"github.com/halley-go/halley/iteratee"
)

// patience is the number of excess elements that a consumer takes before it stops the test.
const patience = 1000

// lag is the number of elements after the end of the context at which a source is too late.
const lag = 100

// way is a way in which a consumer takes elements.
type way bool

const (
	byNext  way = false
	byBatch way = true
)

// consumer records how a source uses it.
type consumer[E any] struct {
	by    way
	last  int           // the number of the element with which it ends, 0 for never
	end   iteratee.Step // its answer then
	each  func(n int)   // called with the number of each element, if set
	limit int           // the most elements that it takes

	got    []E
	answer iteratee.Step
	late   int  // the number of elements after the end
	eofs   int  // the number of calls of EOF
	corked bool // by [iteratee.Cork]
	gaveUp bool // the limit was passed

	step iteratee.Step // the answer of the source
}

// errGaveUp is the panic value of the consumer of a source that does not stop.
var errGaveUp = fmt.Errorf("enumeratortest: the source does not stop: it has given %d elements too many", patience)

func (c *consumer[E]) sink() iteratee.Sink[E] {
	if c.by == byBatch {
		return batching[E]{c}
	}
	return c
}

// batching is a consumer that can take several elements at once.
type batching[E any] struct{ *consumer[E] }

func (b batching[E]) Batch(es []E, ended *fast.Flag) (n int, step iteratee.Step) {
	return fast.Offer[E, iteratee.Step](b.consumer, es, ended)
}

func (c *consumer[E]) Rest() iteratee.Input[E] { return iteratee.Empty[E]() }

func (c *consumer[E]) Next(e E) iteratee.Step {
	if !c.answer.IsCont() {
		c.late++
	} else {
		c.got = append(c.got, e)
	}
	if c.late+len(c.got) > c.limit {
		c.gaveUp = true
		panic(errGaveUp)
	}
	if c.answer.IsCont() {
		if c.each != nil {
			c.each(len(c.got))
		}
		if len(c.got) == c.last {
			c.answer = c.end
		}
	}
	return c.answer
}

func (c *consumer[E]) EOF() iteratee.Step {
	c.eofs++
	if c.answer.IsCont() {
		c.answer = iteratee.StepDone
	}
	return c.answer
}

// run runs e with the consumer to, and checks EOF and Cork.
func (c *check[E]) run(ctx context.Context, e enumerator.Enumerator[E], to *consumer[E]) {
	ctx, end := iteratee.NewRun(ctx)
	defer end()
	defer func() {
		if to.gaveUp {
			recover()
		}
		if to.eofs > 0 {
			c.Wrong("EOF", "after %v it sends EOF; only the code that runs the stream may do that", to.got)
		}
		if to.corked {
			c.Wrong("Cork", "after %v it returns, and has not taken back what it has said by iteratee.Cork", to.got)
		}
	}()
	iteratee.OnCork(ctx, func(corked bool) { to.corked = corked })
	to.step = scope.Drive(ctx, to.sink(), e.Into)
}
