package enumerator

import (
	"cmp"
	"context"
	"sync/atomic"

	corks "github.com/halley-go/halley/internal/cork"
	"github.com/halley-go/halley/internal/guard"
	"github.com/halley-go/halley/internal/stop"
	"github.com/halley-go/halley/iteratee"
)

// A merge is one run of sources side by side. Each source has a goroutine of its own, and the consumer
// stays in the goroutine of the run. Interleave, FlatMapConcurrent, SwitchMap and PatchPanel are built
// on it. While one of the sources has more elements at hand, the consumer is told of a burst.
type merge[E any] struct {
	name    string          // the name of the operator
	run     context.Context // the context of the run
	ctx     context.Context // the context of all sources; ends with the run
	anyEOF  bool            // EOF of one source ends the run
	events  chan event[E]
	running atomic.Int64 // the number of sources whose end has not been received
}

// An event is a message from a source to the run.
type event[E any] struct {
	from  *branch
	kind  kind
	value E
}

type kind int

const (
	element kind = iota // value, whose source waits for the answer
	uncork              // the end of a burst
	over                // the end of the source
)

// A branch is a running source.
type branch struct {
	ctx      context.Context
	answer   chan iteratee.Step // holds one, so that the run does not wait for the source
	corked   bool               // the source is in a burst; its goroutine sets this
	counted  bool               // the run counts the source among those in a burst
	end      iteratee.Step
	panicked any
}

// errOver is the cancellation cause for the context of a source that is no longer needed.
const errOver = stop.Cause("enumerator: the source is no longer needed")

// merged returns an Enumerator. begin is called in each run and starts the first sources. A running
// source can start others.
func merged[E any](name string, begin func(*merge[E])) Enumerator[E] {
	return New(func(ctx context.Context, sink iteratee.Sink[E]) (last iteratee.Step) {
		cork := iteratee.Cork(ctx)
		defer cork(false)
		corked := 0 // the number of sources in a burst
		uncorked := func(from *branch) {
			if from.counted {
				from.counted = false
				if corked--; corked == 0 {
					cork(false)
				}
			}
		}
		run := ctx
		ctx, cancel := context.WithCancelCause(ctx)
		m := &merge[E]{name: name, run: run, ctx: ctx, events: make(chan event[E])}
		var asking *branch // the source that waits for the consumer
		ended := false     // the run has ended without a panic

		defer func() { // also if the consumer panics
			cancel(cmp.Or(last.Err(), error(errOver)))
			if asking != nil {
				asking.answer <- iteratee.Cancelled(ctx)
			}
			var panicked any
			for m.running.Load() > 0 {
				event := <-m.events
				from := event.from
				switch event.kind {
				case element:
					from.answer <- iteratee.Cancelled(ctx)
					continue
				case uncork:
					continue
				}
				m.running.Add(-1)
				if panicked == nil {
					panicked = from.panicked
				}
				if from.end.Err() != nil && last.Err() == nil {
					last = from.end
				}
			}
			if ended && panicked != nil {
				panic(panicked)
			}
		}()
		begin(m)
		ends, eofs := 0, 0
		for m.running.Load() > 0 {
			event := <-m.events
			from := event.from
			switch event.kind {
			case element:
				if from.corked && !from.counted {
					from.counted = true
					corked++
					cork(true)
				}
				step := iteratee.Cancelled(from.ctx)
				if step.IsCont() {
					asking = from
					step = sink.Next(event.value)
					asking = nil
					ended = !step.IsCont()
				}
				from.answer <- step
				if ended {
					return step
				}
				continue
			case uncork:
				uncorked(from)
				continue
			}
			uncorked(from)
			m.running.Add(-1)
			ends++
			switch {
			case from.panicked != nil:
				panic(from.panicked)
			case from.end.Err() != nil:
				ended = true
				return from.end
			case from.end.IsCont():
			case m.anyEOF && iteratee.Cancelled(from.ctx).IsCont():
				last = sink.EOF()
				ended = true
				return last
			default:
				eofs++
			}
		}
		if ends > 0 && eofs == ends {
			return sink.EOF()
		}
		return iteratee.Cancelled(ctx)
	})
}

// start runs source in a goroutine of its own. begin may call it, and so may a running source, in its
// goroutine. after, unless it is nil, is called when the run has received the end of source.
func (m *merge[E]) start(ctx context.Context, source Enumerator[E], after func()) {
	m.running.Add(1)
	go func() {
		if after != nil {
			defer after()
		}
		from := &branch{ctx: ctx, answer: make(chan iteratee.Step, 1)}
		tell := func(corked bool) {
			if from.corked && !corked {
				m.events <- event[E]{from: from, kind: uncork}
			}
			from.corked = corked
		}
		guard.Run("enumerator: "+m.name+": a source", func() {
			own, end := iteratee.Part(corks.With(ctx, tell), m.run)
			defer end()
			from.end = source.Into(own, m.sink(from))
			if context.Cause(ctx) == errOver && stop.Only(from.end.Err()) {
				from.end = iteratee.StepCont
			}
		}, func(panicked any) {
			from.panicked = panicked
			switch { // the consumer may be waiting for its context
			case panicked != nil:
				iteratee.Fail(m.run, errPanicked)
			case from.end.Err() != nil:
				iteratee.Fail(m.run, from.end.Err())
			}
			m.events <- event[E]{from: from, kind: over}
		})
	}()
}

// sink returns a Sink that hands each element of a source over to the goroutine of the run. That
// goroutine receives until all sources are over, so the Sink need not look at the context.
func (m *merge[E]) sink(from *branch) iteratee.Sink[E] {
	last := iteratee.StepCont
	return iteratee.Sink[E]{
		Next: func(e E) iteratee.Step {
			if last.IsCont() {
				m.events <- event[E]{from: from, value: e}
				last = <-from.answer
			}
			return last
		},
		EOF: func() iteratee.Step {
			if last.IsCont() {
				last = iteratee.StepDone // ends this source
			}
			return last
		},
		Rest: iteratee.Empty[E],
	}
}
