package enumerator

import (
	"cmp"
	"context"
	"sync/atomic"

	"github.com/halley-go/halley/internal/guard"
	"github.com/halley-go/halley/internal/scope"
	"github.com/halley-go/halley/internal/stop"
	"github.com/halley-go/halley/iteratee"
)

// A merge is one run of sources side by side. Each source has a goroutine of its own, and the consumer
// stays in the goroutine of the run. All operators that run several sources at once are built on it.
// While one of the sources has more elements at hand, the consumer is told of a burst.
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
			own := scope.NewPart(scope.Apart(ctx, tell), m.run)
			defer own.End()
			from.end = source.Into(own, &handing[E]{m: m, from: from})
			if context.Cause(ctx) == errOver && stop.Only(from.end.Err()) {
				from.end = iteratee.StepCont
			}
		}, func(panicked any) {
			from.panicked = panicked
			switch { // the consumer may be waiting for its context
			case panicked != nil:
				scope.Fail(m.run, errPanicked)
			case from.end.Err() != nil:
				scope.Fail(m.run, from.end.Err())
			}
			m.events <- event[E]{from: from, kind: over}
		})
	}()
}

// handing is the Sink of a source. It hands each element over to the goroutine of the run. That goroutine
// receives until all sources are over, so the Sink need not look at the context.
type handing[E any] struct {
	m    *merge[E]
	from *branch
	last iteratee.Step
}

func (h *handing[E]) Next(e E) iteratee.Step {
	if h.last.IsCont() {
		h.m.events <- event[E]{from: h.from, value: e}
		h.last = <-h.from.answer
	}
	return h.last
}

func (h *handing[E]) EOF() iteratee.Step {
	if h.last.IsCont() {
		h.last = iteratee.StepDone // ends this source
	}
	return h.last
}

func (h *handing[E]) Rest() iteratee.Input[E] { return iteratee.Empty[E]() }
