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
	Reset(Key) (step Step, ok bool)
}

// A Key is a parameter of Reset, so that a method named Reset in another module is not a Resetter by chance.
type Key struct{}

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

// Reset resets out if out is a [Resetter].
func Reset[E any, Step any](out interface{ Next(E) Step }) (step Step, ok bool) {
	if r, isResetter := out.(Resetter[Step]); isResetter {
		return r.Reset(Key{})
	}
	return step, false
}
