package iteratee

import "github.com/halley-go/halley/internal/fast"

// An Outlet is a running consumer without EOF. An adapter gets an Outlet, so it cannot end its consumer.
type Outlet[E any] interface {
	// Next hands over one element and returns the answer to it. The consumer may keep the memory to
	// which the element refers, unless the documentation of the source says that the source reuses it.
	// Once Next has answered anything but [StepCont], it consumes nothing and answers the same again.
	Next(e E) Step

	// Rest returns the leftovers. It returns [Empty] if there are none, and while the consumer is not
	// done.
	Rest() Input[E]
}

// A Sink is a running consumer of E. It belongs to one run and one goroutine.
//
// An adapter that embeds its Outlet has the Rest of that Outlet. That Rest is right if the adapter hands on
// the elements unchanged.
type Sink[E any] interface {
	Outlet[E]

	// EOF says that no more elements will come, and returns the last answer, which is not StepCont: a
	// consumer that still wants input answers StepError([ErrDivergent]). If the Sink is done already, EOF
	// has no effect and answers done. EOF must not be called when the Sink has failed. Next must not be
	// called after EOF.
	EOF() Step
}

// Funcs are the functions of a Sink that is made of closures. Such a Sink takes one more call for each
// element than a type that declares the methods itself.
type Funcs[E any] struct {
	Next func(E) Step
	EOF  func() Step     // nil: answers StepDone
	Rest func() Input[E] // nil: returns Empty
}

// Sink returns the Sink that calls the functions. It panics if f.Next is nil.
func (f Funcs[E]) Sink() Sink[E] {
	if f.Next == nil {
		panic("iteratee: Funcs.Sink: Next must not be nil")
	}
	return funcs[E]{f}
}

type funcs[E any] struct{ f Funcs[E] }

func (s funcs[E]) Next(e E) Step { return s.f.Next(e) }

func (s funcs[E]) EOF() Step {
	if s.f.EOF == nil {
		return StepDone
	}
	return s.f.EOF()
}

func (s funcs[E]) Rest() Input[E] {
	if s.f.Rest == nil {
		return Empty[E]()
	}
	return s.f.Rest()
}

// Offer hands the elements es to out, in order, until out is done. It returns how many it handed over, and
// the last answer. out may keep the elements, but not the slice. If out can take several elements in one
// call, Offer is faster than a loop that calls Next.
func Offer[E any](out Outlet[E], es []E) (n int, step Step) {
	return fast.Offer[E, Step](out, es, &never)
}

// never is a Flag that is never set.
var never fast.Flag

// Ended returns a Sink that consumes nothing, leaves rest over and answers step to each call.
func Ended[E any](step Step, rest Input[E]) Sink[E] { return &ended[E]{step, rest} }

type ended[E any] struct {
	step Step
	rest Input[E]
}

func (s *ended[E]) Next(E) Step    { return s.step }
func (s *ended[E]) EOF() Step      { return s.step }
func (s *ended[E]) Rest() Input[E] { return s.rest }
