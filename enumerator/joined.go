package enumerator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/halley-go/halley/internal/stop"
	"github.com/halley-go/halley/iteratee"
)

// Joined returns a consumer and a source that gives the elements that the consumer receives. They are
// for two runs in two goroutines, which may begin in either order. An element waits until the source
// has been run and its consumer has answered. Elements that this consumer leaves over stay in its run.
// A side whose other side is never run waits until its own context ends.
//
// Each side ends with the other. EOF makes the source run out. If the run of the consumer ends in any
// other way, the source fails with an error that wraps [io.ErrUnexpectedEOF] and the failure of that
// run or the cause of its context. If the run of the source ends without a failure, the consumer is
// done. If the run of the source fails or is cancelled, the consumer fails with that error. If it
// panics, the consumer fails with [io.ErrClosedPipe]. The consumer learns of these ends with its next
// element or EOF.
//
// Each half can be run once, and fails when it is run again.
//
// Play calls it Concurrent.joined. It is an [io.Pipe] of elements.
func Joined[E any]() (iteratee.Iteratee[E, struct{}], Enumerator[E]) {
	j := &joined[E]{
		elements: make(chan E),
		answers:  make(chan struct{}, 1),
		fed:      make(chan struct{}),
		gone:     make(chan struct{}),
	}
	return iteratee.New(j.start), New(j.into)
}

type joined[E any] struct {
	feeds, runs atomic.Bool // whether the halves have been run

	elements chan E
	answers  chan struct{} // asks for the next element

	fed    chan struct{} // closed when no more elements will come
	feed   sync.Once     // closes fed
	giving iteratee.Step // the last answer of the source half; set before fed is closed

	gone   chan struct{} // closed when the source half is over
	taking iteratee.Step // the last answer of the consumer half; set before gone is closed
}

var errJoinedTwice = errors.New("enumerator: Joined: each half can be run only once")

// start starts the consumer half.
func (j *joined[E]) start(ctx context.Context) (iteratee.Running[E, struct{}], iteratee.Step) {
	if !j.feeds.CompareAndSwap(false, true) {
		return iteratee.Error[E, struct{}](errJoinedTwice, iteratee.Empty[E]()).Start(ctx)
	}
	iteratee.AtEnd(ctx, func() {
		err := fmt.Errorf("enumerator: Joined: the run of the consumer ended without EOF: %w", io.ErrUnexpectedEOF)
		if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, stop.Over) {
			err = fmt.Errorf("%w: %w", err, cause)
		}
		j.end(iteratee.StepError(err))
	})
	last := j.left()
	return &joinedConsumer[E]{joined: j, ctx: ctx, last: last}, last
}

// end ends the elements; last becomes the last answer of the source half.
func (j *joined[E]) end(last iteratee.Step) {
	j.feed.Do(func() {
		j.giving = last
		close(j.fed)
	})
}

type joinedConsumer[E any] struct {
	*joined[E]
	ctx  context.Context
	last iteratee.Step
}

func (c *joinedConsumer[E]) Next(e E) iteratee.Step {
	if c.last.IsCont() {
		c.last = c.offer(c.ctx, e)
	}
	return c.last
}

func (c *joinedConsumer[E]) EOF() iteratee.Step {
	if c.last.IsCont() {
		c.last = c.left()
	}
	if c.last.IsCont() {
		c.end(iteratee.StepCont)
		c.last = iteratee.StepDone
	}
	return c.last
}

func (c *joinedConsumer[E]) Rest() iteratee.Input[E]            { return iteratee.Empty[E]() }
func (c *joinedConsumer[E]) Result() (none struct{}, err error) { return none, nil }

// offer hands e over and waits for the answer.
func (j *joined[E]) offer(ctx context.Context, e E) iteratee.Step {
	select {
	case j.elements <- e:
	case <-j.gone:
		return j.taking
	case <-ctx.Done():
		return iteratee.Cancelled(ctx)
	}
	select {
	case <-j.answers:
		return iteratee.StepCont
	case <-j.gone:
		return j.taking
	case <-ctx.Done():
		return iteratee.Cancelled(ctx)
	}
}

// left returns StepCont, or the last answer of the consumer half if the source is over.
func (j *joined[E]) left() iteratee.Step {
	select {
	case <-j.gone:
		return j.taking
	default:
		return iteratee.StepCont
	}
}

// into runs the source half.
func (j *joined[E]) into(ctx context.Context, sink iteratee.Sink[E]) (step iteratee.Step) {
	if !j.runs.CompareAndSwap(false, true) {
		return iteratee.StepError(errJoinedTwice)
	}
	err := io.ErrClosedPipe // until drive has returned without a panic
	defer func() {
		j.taking = iteratee.StepDone
		if err != nil {
			j.taking = iteratee.StepError(fmt.Errorf("enumerator: Joined: the run of the source failed: %w", err))
		}
		close(j.gone)
	}()
	step = j.drive(ctx, sink)
	err = step.Err()
	return step
}

func (j *joined[E]) drive(ctx context.Context, sink iteratee.Sink[E]) iteratee.Step {
	for {
		if step := iteratee.Cancelled(ctx); !step.IsCont() {
			return step
		}
		select {
		case e := <-j.elements:
			if step := sink.Next(e); !step.IsCont() {
				return step
			}
			j.answers <- struct{}{}
		case <-j.fed:
			return j.giving
		case <-ctx.Done():
			return iteratee.Cancelled(ctx)
		}
	}
}
