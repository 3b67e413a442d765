// Package fast holds the short cuts that sinks offer to one another. They are optional interfaces,
// found by a type assertion. An adapter that embeds its consumer and declares a Next of its own does
// not inherit them, so no short cut can go around that Next. Other modules cannot name the types here,
// so they cannot implement a short cut by half.
package fast

import "sync/atomic"

// A Flag says that the context of a run has ended.
type Flag struct{ atomic.Bool }

// A Batcher takes several elements that are in memory already. Batch does the same as calls of Next, up to
// the first answer that is not StepCont. It returns how many elements it has taken, and the last answer. It
// looks at ended before each element, and returns early with StepCont if ended is set. It must not keep or
// change es.
type Batcher[E, Step any] interface {
	Batch(es []E, ended *Flag) (n int, step Step)
}

// A Resetter can begin again, so that many short runs can use one sink. Reset brings the sink, and all sinks
// behind it, back to the start, and returns the first answer of that start. The run must have ended without
// an error, and the caller must have taken its result. If one of the sinks cannot begin again, Reset changes
// nothing and returns false.
type Resetter[Step any] interface {
	Reset() (step Step, ok bool)
	starts() *Starts
}

// Starts counts the calls of Start or Attach that have returned a sink. A Resetter embeds it. If there was more
// than one, the first was made by the function of another Iteratee or Enumeratee. A new start would call that
// function again, so the sink cannot begin again without it.
type Starts struct{ n int }

func (s *Starts) starts() *Starts { return s }

// Started counts a call of Start or Attach that returns sink.
func Started(sink any) {
	if r, ok := sink.(interface{ starts() *Starts }); ok {
		r.starts().n++
	}
}

// Offer hands the elements es to out, until out is done or ended is set. It makes one call if out is a
// [Batcher]. It returns how many elements it handed over, and the last answer.
func Offer[E any, Step interface{ IsCont() bool }](out interface{ Next(E) Step }, es []E, ended *Flag) (n int, step Step) {
	if b, ok := out.(Batcher[E, Step]); ok {
		return b.Batch(es, ended)
	}
	for n < len(es) && step.IsCont() && !ended.Load() {
		step = out.Next(es[n])
		n++
	}
	return n, step
}

// Reset resets out if out is a [Resetter] and was started once.
func Reset[E any, Step any](out interface{ Next(E) Step }) (step Step, ok bool) {
	if r, isResetter := out.(Resetter[Step]); isResetter && r.starts().n <= 1 {
		return r.Reset()
	}
	return step, false
}
