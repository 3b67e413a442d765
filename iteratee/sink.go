package iteratee

import "github.com/halley-go/halley/internal/fast"

// An Outlet is a consumer that cannot be closed. An adapter hands its elements on to one.
type Outlet[E any] interface {
	// Next hands over one element, and with it any memory to which that refers: the consumer may keep
	// the memory, unless the source says that it uses it again. Once Next has answered anything but
	// [StepCont], it consumes nothing and answers the same again.
	Next(e E) Step

	// Rest returns what the Outlet was handed and did not consume. It returns [Empty] if there is
	// nothing, and while the Outlet is not done.
	Rest() Input[E]
}

// A Sink is a running consumer of E. It belongs to one run and one goroutine.
//
// A Sink that has declared no Next of its own, but embeds an Outlet, keeps the Rest of that Outlet. That is
// right if it hands on the elements as they are.
type Sink[E any] interface {
	Outlet[E]

	// EOF says that no more elements will come. It never answers StepCont; a consumer that still wants
	// input answers StepError([ErrDivergent]). EOF may be called when the Sink is done, unless it has
	// failed: it has no effect then, and answers done. After EOF, Next must not be called.
	EOF() Step
}

// Funcs are the functions of a Sink. They are for consumers that are closures, and cost one more call for
// each element than a type with these methods.
type Funcs[E any] struct {
	Next func(E) Step
	EOF  func() Step     // nil: answers StepDone
	Rest func() Input[E] // nil: returns Empty
}

// Sink returns the Sink that calls the functions. It panics if Next is nil.
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

// Offer hands over es in order until out is done. It returns how many elements it handed over, and the
// last answer. out may keep the elements, but not es. Offer saves a call for each element where out can
// take several at once.
func Offer[E any](out Outlet[E], es []E) (n int, step Step) {
	return fast.Offer[E, Step](out, es, &never)
}

// never is not set.
var never fast.Flag

// Ended returns a Sink that consumes nothing, leaves rest over and answers step to everything.
func Ended[E any](step Step, rest Input[E]) Sink[E] { return &ended[E]{step, rest} }

type ended[E any] struct {
	step Step
	rest Input[E]
}

func (s *ended[E]) Next(E) Step    { return s.step }
func (s *ended[E]) EOF() Step      { return s.step }
func (s *ended[E]) Rest() Input[E] { return s.rest }
