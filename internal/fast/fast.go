// Package fast holds the short cuts that sinks offer to one another. They are optional interfaces,
// found by a type assertion. An adapter that embeds its consumer and declares a Next of its own does
// not inherit them, so no short cut can go around that Next. Other modules cannot name the types here,
// so they cannot implement a short cut by half.
package fast

import "sync/atomic"

// A Flag says that the context of a run has ended.
type Flag struct{ atomic.Bool }

// A Batcher takes several elements that are in memory already, just as calls of Next would. It returns
// how many it was handed before it answered anything but more, that one included, and the answer. It
// looks at ended before each element, and returns early with more if that is set. It must not keep or
// change es.
type Batcher[E, Step any] interface {
	Batch(es []E, ended *Flag) (n int, step Step)
}

// A Resetter can begin again, so that a short run need not make another one. Reset brings a sink whose
// run has ended without an error, its result taken, back to its start, with all sinks behind it, and
// answers as that start did. ok is false if one of them cannot: nothing has changed then.
type Resetter[Step any] interface {
	Reset(Key) (step Step, ok bool)
}

// A Key keeps methods of other modules from being a Reset by chance.
type Key struct{}

// Offer hands over es, in one call if out is a [Batcher], until out is done or ended is set. It returns
// how many elements it handed over, and the last answer.
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

// Reset resets out if that is a [Resetter].
func Reset[E any, Step any](out interface{ Next(E) Step }) (step Step, ok bool) {
	if r, isResetter := out.(Resetter[Step]); isResetter {
		return r.Reset(Key{})
	}
	return step, false
}
