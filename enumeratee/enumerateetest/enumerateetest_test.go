package enumerateetest_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumeratee/enumerateetest"
	"github.com/halley-go/halley/internal/fast"
	"github.com/halley-go/halley/iteratee"
)

// late is an adapter that hands on each element when the next one comes, and the last one
// at EOF. It stops at a negative element, which it leaves over. Each broken adapter below is
// late with a change.
type late struct {
	stage    enumeratee.Stage
	out      outlet
	held     []int
	end      iteratee.Step
	consumer iteratee.Step // the last answer of out
	rest     iteratee.Input[int]
}

func (l *late) next(e int) iteratee.Step {
	switch {
	case !l.end.IsCont():
	case e < 0:
		l.end, l.rest = l.stage.Stop(), iteratee.El(e)
	default:
		l.handOn()
		l.held = []int{e}
	}
	return l.end
}

func (l *late) handOn() {
	if held := l.held; len(held) > 0 && l.consumer.IsCont() {
		l.held = nil
		if l.consumer = l.out.Next(held[0]); !l.consumer.IsCont() {
			l.end = l.consumer
		}
	}
}

func (l *late) eof() iteratee.Step {
	if l.consumer.IsCont() {
		l.end = l.stage.Stop()
		l.handOn()
	}
	return l.end
}

func (l *late) left() iteratee.Input[int] {
	if l.end.IsCont() {
		return iteratee.Empty[int]()
	}
	rest := l.rest
	if len(l.held) > 0 {
		rest = iteratee.El(l.held[0]).Then(rest)
	}
	return rest
}

func (l *late) funcs() funcs { return funcs{Next: l.next, EOF: l.eof, Rest: l.left} }

type (
	adapter = enumeratee.Enumeratee[int, int]
	sink    = iteratee.Sink[int]
	outlet  = iteratee.Outlet[int]
	funcs   = iteratee.Funcs[int]
)

// changed returns late with change applied in each attachment.
func changed(change func(*late, *funcs)) adapter {
	return enumeratee.New(func(stage enumeratee.Stage, out outlet) (sink, iteratee.Step) {
		l := &late{stage: stage, out: out}
		s := l.funcs()
		change(l, &s)
		return s.Sink(), iteratee.StepCont
	})
}

// batching is a Sink with a Batch of its own.
type batching struct {
	sink
	batch func(es []int, ended *fast.Flag) (int, iteratee.Step)
}

func (b batching) Batch(es []int, ended *fast.Flag) (int, iteratee.Step) { return b.batch(es, ended) }

// resetting is a Sink whose Reset is that of out.
type resetting struct {
	sink
	*fast.Starts
	out outlet
}

func (r resetting) Reset() (iteratee.Step, bool) {
	return fast.Reset[int, iteratee.Step](r.out)
}

func TestBrokenEnumeratees(t *testing.T) {
	var shared, reset late
	var firstStage *enumeratee.Stage
	for name, c := range map[string]struct {
		t    adapter
		want string
	}{
		"passes EOF on": {
			changed(func(l *late, s *funcs) {
				s.EOF = func() iteratee.Step {
					if step := l.eof(); step != l.stage.Stop() {
						return step
					}
					return enumeratee.Closable(l.out).EOF()
				}
			}),
			"EOF: over [], at EOF, it sends EOF to its consumer; only the code that runs the stream may do that"},
		"passes EOF on when it stops": {
			changed(func(l *late, s *funcs) {
				s.Next = func(e int) iteratee.Step {
					if e < 0 && l.end.IsCont() {
						enumeratee.Closable(l.out).EOF()
					}
					return l.next(e)
				}
			}),
			"EOF: over [1 2 -1], at the element 3, it sends EOF to its consumer"},
		"swallows the end of its consumer": {
			changed(func(l *late, s *funcs) {
				s.Next = func(e int) iteratee.Step {
					l.next(e)
					return iteratee.StepCont
				}
			}),
			"stop: over [1 2], at the element 2, its consumer answers done, and it answers more; it must pass that on"},
		"answers the end of its consumer with the next element": {
			changed(func(l *late, s *funcs) {
				s.Next = func(e int) iteratee.Step {
					before := l.end
					l.next(e)
					return before
				}
			}),
			"its consumer answers done, and it answers more; it must pass that on"},
		"answers its own stop when its consumer ends": {
			changed(func(l *late, s *funcs) {
				s.Next = func(e int) iteratee.Step {
					if step := l.next(e); !step.IsCont() && step.Err() == nil {
						return l.stage.Stop()
					} else {
						return step
					}
				}
			}),
			"stop: over [1 2], at the element 2, its consumer answers done, and it answers done; it must pass that on"},
		"hides the error of its consumer": {
			changed(func(l *late, s *funcs) {
				s.Next = func(e int) iteratee.Step {
					step := l.next(e)
					if step.Err() != nil {
						l.end = iteratee.StepError(errors.New("failed"))
					}
					return l.end
				}
			}),
			"its consumer answers an error (the consumer of the test has failed), and it answers an error (failed); it must pass that on"},
		"stops with StepDone": {
			changed(func(l *late, s *funcs) {
				s.Next = func(e int) iteratee.Step {
					if e < 0 && l.end.IsCont() {
						l.end = iteratee.StepDone
					}
					return l.next(e)
				}
			}),
			"stop: over [1 2 -1], at the element 3, it answers StepDone while its consumer is open; to stop by itself it must answer Stage.Stop"},
		"answers the Stop of another stage": {
			changed(func(l *late, _ *funcs) {
				if firstStage == nil {
					firstStage = &l.stage
				}
				l.stage = *firstStage
			}),
			"while its consumer is open; to stop by itself it must answer Stage.Stop"},
		"goes on after its stop": {
			changed(func(l *late, s *funcs) {
				s.Next = func(e int) iteratee.Step {
					if l.end == l.stage.Stop() {
						l.end = iteratee.StepCont
					}
					return l.next(e)
				}
			}),
			"stop: it has answered done, and to 1 after that more; it must answer the same again"},
		"hands on after its stop": {
			changed(func(l *late, s *funcs) {
				s.Next = func(e int) iteratee.Step {
					if l.end == l.stage.Stop() {
						l.out.Next(e)
					}
					return l.next(e)
				}
			}),
			"stop: it has answered done, and hands on [1 2 -1"},
		"hands on after the end of its consumer": {
			changed(func(l *late, s *funcs) {
				s.Next = func(e int) iteratee.Step {
					open := l.end.IsCont()
					step := l.next(e)
					if open && !step.IsCont() && step != l.stage.Stop() {
						l.out.Next(e)
					}
					return step
				}
			}),
			"stop: over [1 2], at the element 2, it hands on another element after its consumer has answered done"},
		"answers more to EOF": {
			changed(func(l *late, s *funcs) {
				s.EOF = func() iteratee.Step {
					if step := l.eof(); step != l.stage.Stop() {
						return step
					}
					return iteratee.StepCont
				}
			}),
			"EOF: over [], at EOF, it answers more; it must answer Stage.Stop, as its consumer is open"},
		"flushes at each EOF": {
			changed(func(l *late, s *funcs) {
				s.EOF = func() iteratee.Step {
					held := l.held
					defer func() { l.held = held }()
					return l.eof()
				}
			}),
			"EOF: over [1], at EOF, it hands on elements, and again at a second EOF"},
		"flushes to a consumer that has ended": {
			changed(func(l *late, s *funcs) {
				s.EOF = func() iteratee.Step {
					if !l.end.IsCont() && l.end != l.stage.Stop() && l.held != nil {
						l.out.Next(0)
						l.held = nil
					}
					return l.eof()
				}
			}),
			"EOF: over [1 2], at EOF, after its consumer has ended, it hands on another element"},
		"fails at a second EOF": {
			changed(func(l *late, s *funcs) {
				n := 0
				s.EOF = func() iteratee.Step {
					if n++; n > 1 {
						return iteratee.StepError(errors.New("closed"))
					}
					return l.eof()
				}
			}),
			"EOF: over [], at EOF, it answers done, and at a second EOF an error (closed); it must answer done"},
		"keeps state between attachments": {
			enumeratee.New(func(stage enumeratee.Stage, out outlet) (sink, iteratee.Step) {
				shared.stage, shared.out, shared.end, shared.rest = stage, out, iteratee.StepCont, iteratee.Input[int]{}
				return shared.funcs().Sink(), iteratee.StepCont
			}),
			"output: "},
		"shares state that it resets": {
			enumeratee.New(func(stage enumeratee.Stage, out outlet) (sink, iteratee.Step) {
				reset = late{stage: stage, out: out}
				return reset.funcs().Sink(), iteratee.StepCont
			}),
			"Transform: before a consumer that reads all: recipe: "},
		"loses the held element when its consumer ends, but claims all": {
			changed(func(l *late, s *funcs) {
				s.Rest = func() iteratee.Input[int] {
					if l.end.IsCont() {
						return iteratee.Empty[int]()
					}
					return iteratee.El(1)
				}
			}),
			"rest: it was handed [] and leaves over [1], which is not the end of that"},
		"looks once in a Batch whether the context has ended": {
			enumeratee.New(func(stage enumeratee.Stage, out outlet) (sink, iteratee.Step) {
				l := (&late{stage: stage, out: out}).funcs().Sink()
				return batching{l, func(es []int, ended *fast.Flag) (int, iteratee.Step) {
					if ended.Load() {
						return 0, iteratee.StepCont
					}
					return iteratee.Offer(l, es)
				}}, iteratee.StepCont
			}),
			"Offer: over [1 2 -1 3] it has taken 3 elements, though the context had ended during the element 2"},
		"hides the cause when the context ends": {
			changed(func(l *late, s *funcs) {
				s.Next = func(e int) iteratee.Step {
					if l.stage.Context().Err() != nil && l.end.IsCont() {
						l.end = iteratee.StepError(errors.New("out of luck"))
					}
					return l.next(e)
				}
			}),
			"cancel: over [1 2 -1 3], when the context ends at 1, the run ends with the error out of luck; it must be the cause"},
	} {
		t.Run(name, func(t *testing.T) {
			assert.ErrorContains(t, enumerateetest.Test(c.t, []int{1, 2, -1, 3}), c.want)
		})
	}
}

// Each adapter has a short cut that does something else than its Next.
func TestBrokenShortCuts(t *testing.T) {
	nexts := map[string]func(e int) int{
		"changes each": func(e int) int { return e + 1 },
		"changes some": func(e int) int { return max(e, 2) },
	}
	for how, change := range nexts {
		err := enumerateetest.Test(enumeratee.New(func(stage enumeratee.Stage, out outlet) (sink, iteratee.Step) {
			next := func(e int) iteratee.Step { return out.Next(change(e)) }
			return batching{funcs{Next: next, EOF: stage.EOF}.Sink(), func(es []int, ended *fast.Flag) (int, iteratee.Step) {
				return fast.Offer[int, iteratee.Step](out, es, ended)
			}}, iteratee.StepCont
		}), []int{1, 2, -1, 3})
		assert.ErrorContains(t, err, "Offer: over [1] it takes 1 and EOF, ends with [2]", how)
	}

	// It drops the first element, but not after a Reset.
	err := enumerateetest.Test(enumeratee.New(func(stage enumeratee.Stage, out outlet) (sink, iteratee.Step) {
		first := true
		next := func(e int) iteratee.Step {
			if first {
				first = false
				return iteratee.StepCont
			}
			return out.Next(e)
		}
		return resetting{funcs{Next: next, EOF: stage.EOF}.Sink(), new(fast.Starts), out}, iteratee.StepCont
	}), []int{1, 2, -1, 3})
	assert.ErrorContains(t, err, "recipe: over [2 -1 3] it takes 3 and EOF, ends with [-1 3]; after it was reset it takes 3 and EOF, ends with [2 -1 3]")
}

func TestBrokenRests(t *testing.T) {
	whole := func(e int) int { return e }
	for name, c := range map[string]struct {
		t    adapter
		want string
	}{
		"loses what its consumer leaves over": {
			enumeratee.New(func(stage enumeratee.Stage, out outlet) (sink, iteratee.Step) {
				return funcs{Next: out.Next, EOF: stage.EOF}.Sink(), iteratee.StepCont
			}),
			"rest: over [1 2 -1 3], when the consumer leaves over 1, it leaves over []; it must leave over [1]"},
		"leaves over a part of the input": {
			enumeratee.New(func(stage enumeratee.Stage, out outlet) (sink, iteratee.Step) {
				return funcs{Next: out.Next, EOF: stage.EOF, Rest: func() iteratee.Input[int] {
					if e, ok := out.Rest().El(); ok && e != 2 {
						return iteratee.El(e)
					}
					return iteratee.Empty[int]()
				}}.Sink(), iteratee.StepCont
			}),
			"rest: over [1 2 -1 3], when the consumer leaves over 2, it leaves over []; it must leave over [2]"},
		"is broken otherwise too": {
			enumeratee.New(func(_ enumeratee.Stage, out outlet) (sink, iteratee.Step) {
				return enumeratee.Closable(out), iteratee.StepCont
			}),
			"EOF: "},
	} {
		t.Run(name, func(t *testing.T) {
			assert.ErrorContains(t, enumerateetest.TestRest(c.t, []int{1, 2, -1, 3}), c.want)
		})
	}
	assert.NoError(t, enumerateetest.TestRest(enumeratee.Map(whole), []int{1, 2, -1, 3}))
}

func TestCorrectEnumeratees(t *testing.T) {
	errBoom := errors.New("boom")
	for name, tr := range map[string]adapter{
		"late": changed(func(*late, *funcs) {}),
		"late, with a Batch": enumeratee.New(func(stage enumeratee.Stage, out outlet) (sink, iteratee.Step) {
			l := (&late{stage: stage, out: out}).funcs().Sink()
			return batching{l, func(es []int, ended *fast.Flag) (int, iteratee.Step) {
				return fast.Offer[int, iteratee.Step](l, es, ended)
			}}, iteratee.StepCont
		}),
		"its consumer, with another EOF": enumeratee.New(func(stage enumeratee.Stage, out outlet) (sink, iteratee.Step) {
			return struct {
				enumeratee.Stage
				outlet
			}{stage, out}, iteratee.StepCont
		}),
		"failing": enumeratee.MapM(func(_ context.Context, e int) (int, error) {
			if e < 0 {
				return 0, errBoom
			}
			return e, nil
		}),
		"failing when attached": enumeratee.Defer(func(context.Context) (adapter, error) { return adapter{}, errBoom }),
		"composed":              enumeratee.Compose(enumeratee.Heading(1, 2), changed(func(*late, *funcs) {})),
	} {
		t.Run(name, func(t *testing.T) {
			for range 10 {
				in := rapid.SliceOfN(rapid.IntRange(-1, 3), 0, 4).Example()
				assert.NoError(t, enumerateetest.Test(tr, in))
			}
		})
	}
}
