package enumeratortest

import (
	"context"
	"fmt"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// patience is how many elements too many a consumer takes before it stops the test.
const patience = 1000

// lag is how many elements come after the end of the context before it is too late.
const lag = 100

// way is how a consumer takes elements.
type way bool

const (
	byNext  way = false
	byBatch way = true
)

// consumer notes what a source does to it.
type consumer[E any] struct {
	by    way
	last  int           // the element with which it ends, 0 for never
	end   iteratee.Step // its answer then
	each  func(n int)   // if set, is called with the number of each element
	limit int           // of elements

	got    []E
	answer iteratee.Step
	late   int  // elements after the end
	eofs   int  // calls of EOF
	corked bool // by [iteratee.Cork]
	gaveUp bool // the limit was passed

	step iteratee.Step // the answer of the source
}

// errGaveUp is what the consumer of a source that does not stop panics with.
var errGaveUp = fmt.Errorf("enumeratortest: the source does not stop: it has given %d elements too many", patience)

func (c *consumer[E]) sink() iteratee.Sink[E] {
	s := iteratee.Sink[E]{Next: c.next, EOF: c.eof, Rest: iteratee.Empty[E]}
	if c.by == byBatch {
		one := s
		s.Batch = one.Offer
	}
	return s
}

func (c *consumer[E]) next(e E) iteratee.Step {
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

func (c *consumer[E]) eof() iteratee.Step {
	c.eofs++
	if c.answer.IsCont() {
		c.answer = iteratee.StepDone
	}
	return c.answer
}

// run has e drive to, and looks at how.
func (c *check[E]) run(ctx context.Context, e enumerator.Enumerator[E], to *consumer[E]) {
	ctx, end := iteratee.NewRun(ctx)
	defer end()
	defer func() {
		if to.gaveUp {
			recover()
		}
		if to.eofs > 0 {
			c.Wrong("EOF", "after %v it sends EOF; only whoever runs the stream does that", to.got)
		}
		if to.corked {
			c.Wrong("Cork", "after %v it returns, and has not taken back what it has said by iteratee.Cork", to.got)
		}
	}()
	iteratee.OnCork(ctx, func(corked bool) { to.corked = corked })
	to.step = e.Into(ctx, to.sink())
}
