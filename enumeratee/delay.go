package enumeratee

import (
	"time"

	"github.com/halley-go/halley/iteratee"
)

// Delay returns the adapter that hands on each element, and the end, d after it has come.
// Up to 1024 elements wait for that; when so many do, the source waits too.
//
// It runs its consumer in a goroutine of its own. When that is done, the source is stopped,
// also while it waits. Left over is what the consumer has left over, then what waits. If the
// source fails, that ends the run at once, and what waits is dropped; so it is if the context
// ends. A panic of the consumer reaches the caller of the run. Delay panics if d is not
// positive.
//
// It is the Delay of ReactiveX, which holds any number of elements and never has the source wait.
func Delay[E any](d time.Duration) Enumeratee[E, E] {
	checkDuration("Delay", d)
	return New(func(stage Stage, inner iteratee.Sink[E]) (iteratee.Sink[E], iteratee.Step) {
		h := newHandover[delayed[E]](delayRoom)
		var asleep []delayed[E] // none or one
		clock := time.NewTimer(d)
		stage.AtEnd(func() { clock.Stop() })
		h.start(stage, iteratee.Sink[delayed[E]]{
			Next: func(x delayed[E]) iteratee.Step {
				asleep = append(asleep[:0], x)
				clock.Reset(time.Until(x.due))
				select {
				case <-clock.C:
				case <-h.ctx.Done():
					return iteratee.Cancelled(h.ctx)
				}
				asleep = asleep[:0]
				if x.end {
					return iteratee.StepCont
				}
				return inner.Next(x.e)
			},
			Rest: func() iteratee.Input[delayed[E]] { return iteratee.Els(asleep...) },
		})
		sink, step := h.sink(func(x delayed[E]) iteratee.Step { return h.hand(x, 1) })
		end := false
		return iteratee.Sink[E]{
			Next: func(e E) iteratee.Step { return sink.Next(delayed[E]{e: e, due: time.Now().Add(d)}) },
			EOF: func() iteratee.Step {
				if !end {
					end = true
					h.hand(delayed[E]{due: time.Now().Add(d), end: true}, 0)
				}
				return sink.EOF()
			},
			Rest: func() iteratee.Input[E] {
				var es []E
				for _, x := range sink.Rest().Els() {
					if !x.end {
						es = append(es, x.e)
					}
				}
				return inner.Rest().Then(iteratee.Els(es...))
			},
		}, step
	})
}

const delayRoom = 1024

// delayed is an element, or the end, and when to hand it on.
type delayed[E any] struct {
	e   E
	end bool
	due time.Time
}
