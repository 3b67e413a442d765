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

// Joined returns a consumer and a source, each of which can be run once: what the consumer
// receives, the source gives. They are for two runs, in two goroutines; which of them begins first
// does not matter. An element waits until the source has been run, and its consumer has answered.
// What the consumer of the source leaves over stays with that.
//
// Each side ends with the other. EOF ends the source as one that has run out. If the run that feeds
// it ends otherwise, the source fails with [io.ErrUnexpectedEOF] and with the failure of that run, or
// with the cause of the end of its context. When the consumer behind the source is done, so is the consumer half; when
// that has failed, or the context of its run has ended, the consumer half fails with that error,
// and with [io.ErrClosedPipe] after a panic. It learns of that with its next element, or EOF. If
// the other side is never run, a side waits until its context ends.
//
// Run a second time, each half fails.
//
// It is Play's Concurrent.joined, and the [io.Pipe] of elements.
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
	answers  chan struct{} // more is wanted

	fed    chan struct{} // closed when no more will come
	feed   sync.Once     // of closing it
	giving iteratee.Step // how the source ends then

	gone   chan struct{} // closed when the source is over
	taking iteratee.Step // how the consumer half ends then
}

var errJoinedTwice = errors.New("enumerator: Joined: each half can be run once")

// start is that of the consumer half.
func (j *joined[E]) start(ctx context.Context) iteratee.Running[E, struct{}] {
	if !j.feeds.CompareAndSwap(false, true) {
		return iteratee.Error[E, struct{}](errJoinedTwice, iteratee.Empty[E]()).Start(ctx)
	}
	end := func(how iteratee.Step) {
		j.feed.Do(func() {
			j.giving = how
			close(j.fed)
		})
	}
	iteratee.AtEnd(ctx, func() {
		err := fmt.Errorf("enumerator: Joined: what feeds it has ended without EOF: %w", io.ErrUnexpectedEOF)
		if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, stop.Over) {
			err = fmt.Errorf("%w: %w", err, cause)
		}
		end(iteratee.StepError(err))
	})
	last := j.left()
	return iteratee.Running[E, struct{}]{
		Sink: iteratee.Sink[E]{
			Next: func(e E) iteratee.Step {
				if last.IsCont() {
					last = j.offer(ctx, e)
				}
				return last
			},
			EOF: func() iteratee.Step {
				if last.IsCont() {
					last = j.left()
				}
				if last.IsCont() {
					end(iteratee.StepCont)
					last = iteratee.StepDone
				}
				return last
			},
			Rest: iteratee.Empty[E],
		},
		Step:   last,
		Result: func() (none struct{}, err error) { return none, nil },
	}
}

// offer hands e over, and waits for the answer.
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

// left is the answer of the consumer half before it is handed anything.
func (j *joined[E]) left() iteratee.Step {
	select {
	case <-j.gone:
		return j.taking
	default:
		return iteratee.StepCont
	}
}

// into is the source half.
func (j *joined[E]) into(ctx context.Context, sink iteratee.Sink[E]) (step iteratee.Step) {
	if !j.runs.CompareAndSwap(false, true) {
		return iteratee.StepError(errJoinedTwice)
	}
	err := io.ErrClosedPipe // of a panic
	defer func() {
		j.taking = iteratee.StepDone
		if err != nil {
			j.taking = iteratee.StepError(fmt.Errorf("enumerator: Joined: the run of the source has failed: %w", err))
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
