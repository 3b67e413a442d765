package iterateetest_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/internal/fast"
	"github.com/halley-go/halley/iteratee"
	"github.com/halley-go/halley/iteratee/iterateetest"
)

// taking is an iteratee that ends with the first n elements, and leaves over the element
// after those. Each broken iteratee below is taking with a change.
type taking struct {
	n    int
	got  []int
	rest []int
	end  iteratee.Step
}

func (t *taking) next(e int) iteratee.Step {
	switch {
	case !t.end.IsCont():
	case len(t.got) == t.n:
		t.rest, t.end = []int{e}, iteratee.StepDone
	default:
		t.got = append(t.got, e)
	}
	return t.end
}

func (t *taking) batch(es []int, ended *fast.Flag) (int, iteratee.Step) {
	for i, e := range es {
		if ended.Load() {
			return i, iteratee.StepCont
		}
		if step := t.next(e); !step.IsCont() {
			return i + 1, step
		}
	}
	return len(es), t.end
}

func (t *taking) eof() iteratee.Step {
	t.end = iteratee.StepDone
	return t.end
}

func (t *taking) left() (in iteratee.Input[int]) {
	for _, e := range t.rest {
		in = in.Then(iteratee.El(e))
	}
	return in
}

func (t *taking) running() *running {
	return &running{next: t.next, eof: t.eof, rest: t.left, batch: t.batch, result: func() ([]int, error) { return t.got, nil }}
}

// running is a run of functions that a test can replace.
type running struct {
	next func(int) iteratee.Step
	eof  func() iteratee.Step
	rest func() iteratee.Input[int]

	fast.Starts
	batch  func([]int, *fast.Flag) (int, iteratee.Step) // nil for none
	reset  func() iteratee.Step                         // nil for none
	result func() ([]int, error)
	step   iteratee.Step
}

func (r *running) Next(e int) iteratee.Step  { return r.next(e) }
func (r *running) EOF() iteratee.Step        { return r.eof() }
func (r *running) Rest() iteratee.Input[int] { return r.rest() }
func (r *running) Result() ([]int, error)    { return r.result() }

func (r *running) Reset() (step iteratee.Step, ok bool) {
	if r.reset == nil {
		return step, false
	}
	return r.reset(), true
}

// batching is a running that has its batch as a short cut.
type batching struct{ *running }

func (b batching) Batch(es []int, ended *fast.Flag) (int, iteratee.Step) { return b.batch(es, ended) }

func (r *running) start() (iteratee.Running[int, []int], iteratee.Step) {
	if r.batch == nil {
		return r, r.step
	}
	return batching{r}, r.step
}

// made returns the Iteratee whose runs f makes.
func made(f func(context.Context) *running) iteratee.Iteratee[int, []int] {
	return iteratee.New(func(ctx context.Context) (iteratee.Running[int, []int], iteratee.Step) { return f(ctx).start() })
}

// take returns taking with change applied in each run.
func take(n int, change func(*taking, *running)) iteratee.Iteratee[int, []int] {
	return made(func(context.Context) *running {
		t := &taking{n: n}
		r := t.running()
		change(t, r)
		return r
	})
}

func TestBrokenIteratees(t *testing.T) {
	shared, reset := &taking{n: 2}, &taking{n: 2}
	counts := map[int]int{}
	var never func(iteratee.Input[int]) iteratee.Iteratee[int, []int]
	never = func(iteratee.Input[int]) iteratee.Iteratee[int, []int] { return iteratee.Cont(never) }

	for name, c := range map[string]struct {
		it   iteratee.Iteratee[int, []int]
		want string
	}{
		"shares its state": {
			made(func(context.Context) *running { return shared.running() }),
			"recipe: over [1 2 3 4] it takes 3, ends with [1 2], leaves over [3]; in another run it takes 1"},
		"shares its state and resets it": {
			made(func(context.Context) *running {
				*reset = taking{n: 2}
				return reset.running()
			}),
			"recipe: "},
		"shares the array of its zero": {
			iteratee.Fold(make([]int, 0, 8), func(es []int, e int) []int { return append(es, e) }),
			"recipe: a second run has changed the result of the first from []int{1, 2, 3, 4} to []int{2, 3, 4, 4}"},
		"shares a map": {
			iteratee.Map(iteratee.Fold(counts, func(counts map[int]int, e int) map[int]int { counts[e]++; return counts }),
				func(counts map[int]int) []int { return []int{counts[1], counts[2]} }),
			"recipe: "},
		"changes its mind after done": {
			take(2, func(t *taking, r *running) {
				r.batch = nil
				r.next = func(e int) iteratee.Step {
					if !t.end.IsCont() {
						return iteratee.StepCont
					}
					return t.next(e)
				}
			}),
			"done: it answers done, and to 1 after that more; it must answer the same again"},
		"consumes after done": {
			take(2, func(t *taking, r *running) {
				r.next = func(e int) iteratee.Step {
					if !t.end.IsCont() {
						t.got = append(t.got, e)
					}
					return t.next(e)
				}
			}),
			"done: over [1 2 3] it takes 3, ends with [1 2], leaves over [3]; offered more after its end it takes 3, ends with [1 2 1"},
		"leaves over an element offered after done": {
			take(2, func(t *taking, r *running) {
				r.next = func(e int) iteratee.Step {
					if !t.end.IsCont() {
						t.rest = []int{e}
					}
					return t.next(e)
				}
			}),
			"done: over [1 2 3] it takes 3, ends with [1 2], leaves over [3]; offered more after its end it takes 3, ends with [1 2], leaves over [4]"},
		"consumes a Batch after done": {
			take(2, func(t *taking, r *running) {
				r.batch = func(es []int, ended *fast.Flag) (int, iteratee.Step) {
					if !t.end.IsCont() {
						t.got = append(t.got, es...)
					}
					return t.batch(es, ended)
				}
			}),
			"done: "},
		"does not reset": {
			take(2, func(_ *taking, r *running) { r.reset = func() iteratee.Step { return iteratee.StepCont } }),
			"recipe: over [2 3 4] it takes 3, ends with [2 3], leaves over [4]; after it was reset it takes 1, ends with []"},
		"does not reset elements of a Batch": {
			made(func(context.Context) *running {
				var got, batched []int
				return &running{
					next: func(e int) iteratee.Step { got = append(got, e); return iteratee.StepCont },
					eof:  func() iteratee.Step { return iteratee.StepDone },
					rest: iteratee.Empty[int],
					batch: func(es []int, ended *fast.Flag) (n int, _ iteratee.Step) {
						for ; n < len(es) && !ended.Load(); n++ {
							batched = append(batched, es[n])
						}
						return n, iteratee.StepCont
					},
					reset: func() iteratee.Step { got = nil; return iteratee.StepCont },
					result: func() ([]int, error) {
						all := slices.Concat(got, batched)
						slices.Sort(all)
						return all, nil
					},
				}
			}),
			"recipe: over [2 3 4] it takes 3 and EOF, ends with [2 3 4]; after it was reset it takes 3 and EOF, ends with [1 2 3 4]"},
		"shares results when reset": {
			made(func(context.Context) *running {
				var got []int
				return &running{
					next:   func(e int) iteratee.Step { got = append(got, e); return iteratee.StepCont },
					eof:    func() iteratee.Step { return iteratee.StepDone },
					rest:   iteratee.Empty[int],
					reset:  func() iteratee.Step { got = got[:0]; return iteratee.StepCont },
					result: func() ([]int, error) { return got, nil },
				}
			}),
			"recipe: over [1] it takes 1 and EOF, ends with [1]; before it was reset it takes 1 and EOF, ends with [2]"},
		"wants more after EOF": {
			take(9, func(_ *taking, r *running) { r.eof = func() iteratee.Step { return iteratee.StepCont } }),
			"EOF: after [] and EOF it wants more input; it must be done then, or fail"},
		"wants more after EOF, in the pure form": {
			iteratee.Cont(never),
			"EOF: after [] and EOF it wants more input"},
		"changes at a second EOF": {
			take(2, func(t *taking, r *running) {
				r.eof = func() iteratee.Step { t.got = append(t.got, 0); return t.eof() }
			}),
			"EOF: over [] it takes 0 and EOF, ends with [0]; with a second EOF it takes 0 and EOF, ends with [0 0]"},
		"fails at a second EOF": {
			take(2, func(t *taking, r *running) {
				r.eof = func() iteratee.Step {
					if !t.end.IsCont() {
						return iteratee.StepError(errors.New("closed"))
					}
					return t.eof()
				}
			}),
			"EOF: over [] it takes 0 and EOF, ends with []; with a second EOF it takes 0 and EOF, fails (closed)"},
		"wants more at a second EOF": {
			take(2, func(t *taking, r *running) {
				r.eof = func() iteratee.Step {
					if !t.end.IsCont() {
						return iteratee.StepCont
					}
					return t.eof()
				}
			}),
			"EOF: it answers done, and to EOF after that more; it must answer done"},
		"forgets to stop in Batch": {
			take(2, func(t *taking, r *running) {
				r.batch = func(es []int, ended *fast.Flag) (int, iteratee.Step) {
					if ended.Load() {
						return 0, iteratee.StepCont
					}
					t.got = append(t.got, es...)
					return len(es), iteratee.StepCont
				}
			}),
			"Offer: over [1 2 3] it takes 3, ends with [1 2], leaves over [3]; offered 1 at a time it takes 3 and EOF, ends with [1 2 3]"},
		"counts wrong in Batch": {
			take(2, func(t *taking, r *running) {
				r.batch = func(es []int, ended *fast.Flag) (int, iteratee.Step) {
					n, step := t.batch(es, ended)
					return min(n, 1), step
				}
			}),
			"Offer: of 2 elements it has taken 1, and answers more"},
		"does not count the last in Batch": {
			take(2, func(t *taking, r *running) {
				r.batch = func(es []int, ended *fast.Flag) (int, iteratee.Step) {
					n, step := t.batch(es, ended)
					if !step.IsCont() {
						n--
					}
					return n, step
				}
			}),
			"offered 1 at a time it takes 2, ends with [1 2], leaves over [3]"},
		"does not look at the flag": {
			take(2, func(t *taking, r *running) {
				r.batch = func(es []int, _ *fast.Flag) (int, iteratee.Step) { return t.batch(es, new(fast.Flag)) }
			}),
			"Offer: of [1] it has taken 1, and answers more, though the context had ended"},
		"keeps the Batch": {
			take(2, func(t *taking, r *running) {
				r.batch = func(es []int, ended *fast.Flag) (int, iteratee.Step) {
					if len(t.got) == 0 && len(es) == 2 && !ended.Load() {
						t.got = es
						return 2, iteratee.StepCont
					}
					return t.batch(es, ended)
				}
			}),
			"offered 2 at a time it takes 2 and EOF, ends with [0 0]"},
		"changes the Batch": {
			take(2, func(t *taking, r *running) {
				r.batch = func(es []int, ended *fast.Flag) (int, iteratee.Step) {
					n, step := t.batch(es, ended)
					slices.Reverse(es)
					return n, step
				}
			}),
			"Offer: it was given [1 2], and has changed that to [2 1]"},
		"leaves over an element that it was not handed": {
			take(2, func(t *taking, r *running) {
				r.rest = func() iteratee.Input[int] {
					if t.end.IsCont() {
						return iteratee.Empty[int]()
					}
					return t.left().Then(iteratee.El(7))
				}
			}),
			"rest: it was handed [] and leaves over [7], which is not the end of that"},
		"leaves over another element than the last": {
			take(2, func(t *taking, r *running) {
				r.rest = func() iteratee.Input[int] {
					if t.end.IsCont() || len(t.got) < 2 {
						return iteratee.Empty[int]()
					}
					return iteratee.El(1)
				}
			}),
			"rest: it was handed [1 2] and leaves over [1], which is not the end of that"},
		"leaves over an element while it wants more": {
			take(2, func(t *taking, r *running) {
				r.rest = func() iteratee.Input[int] {
					if t.end.IsCont() {
						return iteratee.El(t.n)
					}
					return t.left()
				}
			}),
			"rest: after [] it wants more and leaves over [2]; it must leave nothing until it is done"},
		"leaves over an EOF": {
			take(2, func(t *taking, r *running) {
				r.rest = func() iteratee.Input[int] {
					if t.end.IsCont() {
						return iteratee.Empty[int]()
					}
					return t.left().Then(iteratee.EOF[int]())
				}
			}),
			"rest: over [1 2 3] it leaves over an EOF that it was not handed"},
		"hides the cause when the context ends": {
			made(func(ctx context.Context) *running {
				t := &taking{n: 2}
				r := t.running()
				r.next = func(e int) iteratee.Step {
					if ctx.Err() != nil && t.end.IsCont() {
						t.end = iteratee.StepError(errors.New("out of luck"))
					}
					return t.next(e)
				}
				return r
			}),
			"cancel: over [1 2 3 4] it takes 3, ends with [1 2], leaves over [3]; when the context ends after [] it takes 1, fails (out of luck); it must do as ever or fail with the cause"},
		"ends early with the context": {
			made(func(ctx context.Context) *running {
				t := &taking{n: 2}
				r := t.running()
				r.next = func(e int) iteratee.Step {
					if ctx.Err() != nil {
						t.end = iteratee.StepDone
					}
					return t.next(e)
				}
				return r
			}),
			"cancel: over [1 2 3 4] it takes 3, ends with [1 2], leaves over [3]; when the context ends after [] it takes 1, ends with []; it must do as ever or fail with the cause"},
	} {
		t.Run(name, func(t *testing.T) {
			assert.ErrorContains(t, iterateetest.Test(c.it, []int{1, 2, 3, 4}), c.want)
		})
	}
}

func TestCorrectIteratees(t *testing.T) {
	same := func(*taking, *running) {}
	for name, consumer := range map[string]iteratee.Iteratee[int, []int]{
		"with Batch":    take(2, same),
		"without Batch": take(2, func(_ *taking, r *running) { r.batch = nil }),
		"done at its start": take(2, func(t *taking, r *running) {
			t.end = iteratee.StepDone
			r.step = t.end
		}),
		"failed": iteratee.Error[int, []int](errors.New("boom"), iteratee.Empty[int]()),
		"fails with an element": iteratee.FlatMap(iteratee.Head[int](), func(e *int) iteratee.Iteratee[int, []int] {
			if e == nil {
				return iteratee.Error[int, []int](errors.New("no element"), iteratee.EOF[int]())
			}
			return iteratee.Error[int, []int](errors.New("boom"), iteratee.El(*e))
		}),
		"failing at its result": iteratee.MapM(take(2, same), func(context.Context, []int) ([]int, error) { return nil, errors.New("boom") }),
		"made of parts":         iteratee.FlatMap(take(1, same), func([]int) iteratee.Iteratee[int, []int] { return take(1, same) }),
	} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				in := rapid.SliceOfN(rapid.IntRange(0, 3), 0, 5).Draw(t, "in")
				assert.NoError(t, iterateetest.Test(consumer, in))
			})
		})
	}
}

func TestPartsOfChunks(t *testing.T) {
	// bytes ends with the first n bytes, and leaves over the other bytes of the chunk or more.
	bytes := func(n, extra int) iteratee.Iteratee[string, string] {
		return iteratee.New(func(context.Context) (iteratee.Running[string, string], iteratee.Step) {
			var got, rest string
			var end iteratee.Step
			sink := iteratee.Funcs[string]{
				Next: func(s string) iteratee.Step {
					if end.IsCont() {
						if got += s; len(got) >= n {
							got, rest, end = got[:n], got[n-extra:], iteratee.StepDone
						}
					}
					return end
				},
				EOF: func() iteratee.Step {
					end = iteratee.StepDone
					return end
				},
				Rest: func() iteratee.Input[string] {
					if rest == "" {
						return iteratee.Empty[string]()
					}
					return iteratee.El(rest)
				},
			}.Sink()
			return iteratee.WithResult(sink, func() (string, error) { return got, nil }), end
		})
	}
	assert.NoError(t, iterateetest.Test(bytes(3, 0), []string{"ab", "cde", "f"}))
	assert.NoError(t, iterateetest.Test(bytes(3, 2), []string{"ab", "cde", "f"}), "a part of two chunks is the end of them too")
	assert.ErrorContains(t, iterateetest.Test(iteratee.Map(iteratee.Done("", iteratee.El("cd")), func(s string) string { return s }), []string{"ab", "cde"}),
		"rest: it was handed [] and leaves over [cd]")
}
