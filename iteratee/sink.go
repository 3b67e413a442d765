package iteratee

import "sync/atomic"

// A Sink is a running consumer of E. It belongs to one run and one goroutine.
// Next, EOF and Rest must be set.
//
// Once Next or EOF has answered anything but [StepCont], the Sink is done and
// consumes nothing more. Next then answers the same again; EOF, which may still be
// called unless the answer was an error, has no effect and answers done. After EOF
// Next must not be called.
//
// Batch and Keep are shorter ways to do what Next does. Whoever changes Next in a
// copy of a Sink must clear them, and Reset; who has offered it something clears Reset.
type Sink[E any] struct {
	// Next hands over one element, and with it any memory it refers to: the
	// consumer may keep it, unless the source says that it uses it again.
	Next func(E) Step

	// EOF says that no more elements will come. It never answers StepCont; a
	// consumer that still wants input answers an error, [ErrDivergent].
	EOF func() Step

	// Rest returns what the Sink was handed and did not consume, Empty if
	// there is nothing or if the Sink is not done. A Sink that leaves nothing
	// sets it to [Empty].
	Rest func() Input[E]

	// Batch, if set, hands over several elements that are in memory already,
	// just as calls of Next, one after the other, would: it returns how many
	// it was handed before it answered anything but StepCont, that one
	// included, and the answer. It must not keep or change es. It saves a call
	// per element where a source has a slice in hand. It looks at over before each
	// element, and returns early with StepCont if that is set.
	Batch func(es []E, over *atomic.Bool) (n int, step Step)

	// Keep and Kept, if set, are Next in two parts: Next(e) is Kept(e) if Keep(e)
	// is true, and StepCont if not. An adapter that makes the elements may call
	// them instead, which spares a call per element.
	Keep func(E) bool
	Kept func(E) Step

	// Reset, if set, brings a Sink whose run has ended without an error, its result
	// taken, back to its start, with all that stands behind it, and answers as that
	// did. It saves the making of another one where a run is short: see [Rounds]. A Sink
	// that holds something open must not set it.
	Reset func() Step
}

// Offer hands over es, in one call where the Sink can take that, until it is done or over
// is set. It returns how many were handed over, and the last answer. over may be nil.
func (s Sink[E]) Offer(es []E, over *atomic.Bool) (n int, step Step) {
	if over == nil {
		over = &never
	}
	if s.Batch != nil {
		return s.Batch(es, over)
	}
	for i, e := range es {
		if over.Load() {
			return i, StepCont
		}
		if step := s.Next(e); !step.IsCont() {
			return i + 1, step
		}
	}
	return len(es), StepCont
}

// never is not set.
var never atomic.Bool

// Ended returns a Sink that consumes nothing, leaves rest and answers step to
// everything.
func Ended[E any](step Step, rest Input[E]) Sink[E] {
	return Sink[E]{
		Next: func(E) Step { return step },
		EOF:  func() Step { return step },
		Rest: func() Input[E] { return rest },
	}
}
