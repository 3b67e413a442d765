package iteratee_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

func TestFeedOfEachState(t *testing.T) {
	el, empty, eof := iteratee.El[int], iteratee.Empty[int](), iteratee.EOF[int]()
	collect := iteratee.Map(iteratee.Collect[int](), func(es []int) int { return len(es) })
	for name, c := range map[string]struct {
		consumer ints
		fed      iteratee.Input[int]
		in       []int
		want     int
		rest     []int
	}{
		"wants more":             {iteratee.Fold(0, add), el(1).Then(el(2)), []int{3}, 6, nil},
		"nothing":                {iteratee.Fold(0, add), empty, []int{3}, 3, nil},
		"is done on the element": {head(), el(1), []int{2, 3}, 1, []int{2, 3}},
		"puts it back":           {peek(), el(1), []int{2, 3}, 1, []int{1, 2, 3}},
		"is done already":        {iteratee.Done(1, el(3)), el(4), []int{5}, 1, []int{3, 5}},
		"EOF":                    {collect, eof, []int{1}, 0, []int{1}},
		"elements and EOF":       {collect, el(7).Then(el(8)).Then(eof), []int{1}, 2, []int{1}},
		"EOF that is put back":   {peek(), eof, []int{1}, 0, nil},
		"element before an EOF":  {head(), el(7).Then(eof), []int{1}, 7, []int{1}},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, pair[int, []int]{c.want, c.rest}, run(t, withRest(iteratee.Feed(t.Context(), c.consumer, c.fed)), c.in...))
		})
	}
}

// An Iteratee that has ended on EOF leaves EOF over only if its Rest says so.
func TestFeedOfEOF(t *testing.T) {
	collect := partOf(iteratee.Collect[int]())
	saysSo := partOf(iteratee.IsEmpty[int]())
	then := func(consumer part) func(any) part { return func(any) part { return consumer } }
	inRounds := func(consumer part) part {
		return iteratee.New(func(ctx context.Context) (iteratee.Running[int, any], iteratee.Step) {
			rounds := iteratee.Rounds(ctx, consumer, iteratee.StepDone, func(any) iteratee.Step { return iteratee.StepCont })
			return iteratee.WithResult(rounds, func() (any, error) { return nil, nil }), iteratee.StepCont
		})
	}
	opaque := func(consumer part) part { return iteratee.New(consumer.Start) }
	for name, c := range map[string]struct {
		consumer part
		want     []int // the elements of 1, 2 that the next one gets
	}{
		"Collect":                             {collect, []int{1, 2}},
		"Map":                                 {iteratee.Map(collect, func(a any) any { return a }), []int{1, 2}},
		"Defer":                               {iteratee.Defer(func(context.Context) (part, error) { return collect, nil }), []int{1, 2}},
		"Recover":                             {iteratee.Recover(collect, func(err error) (any, error) { return nil, err }), []int{1, 2}},
		"Recover of a failure at EOF":         {iteratee.Recover(failsAtEOF(), func(error) (any, error) { return nil, nil }), []int{1, 2}},
		"RecoverWith":                         {iteratee.RecoverWith(failsAtEOF(), func(error) part { return collect }), []int{1, 2}},
		"FlatMap":                             {iteratee.FlatMap(collect, then(collect)), []int{1, 2}},
		"FlatMap of one that is done before":  {iteratee.FlatMap(partOf(iteratee.TakeUpTo[int](0)), then(collect)), []int{1, 2}},
		"FlatMap of one behind an opaque one": {iteratee.FlatMap(opaque(iteratee.FlatMap(collect, then(collect))), then(collect)), []int{1, 2}},
		"Cont":                                {iteratee.Cont(func(iteratee.Input[int]) part { return iteratee.Done[int, any](0, iteratee.Empty[int]()) }), []int{1, 2}},
		"Repeat":                              {partOf(iteratee.Repeat(iteratee.TakeUpTo[int](2))), []int{1, 2}},
		"Repeat of parts":                     {partOf(iteratee.Repeat(iteratee.FlatMap(partOf(iteratee.Head[int]()), then(collect)))), []int{1, 2}},
		"Rounds":                              {inRounds(collect), []int{1, 2}},
		"Zip":                                 {partOf(iteratee.Zip(collect, collect)), []int{1, 2}},
		"Zip of one that says so and one that does not": {partOf(iteratee.Zip(saysSo, collect)), []int{1, 2}},
		"Zip of one that does not and one that says so": {partOf(iteratee.Zip(collect, saysSo)), []int{1, 2}},
		"Zip of one that is done before EOF":            {partOf(iteratee.Zip(iteratee.Done[int, any](0, iteratee.Empty[int]()), saysSo)), nil},
		"Zip of two that say so":                        {partOf(iteratee.Zip(saysSo, saysSo)), nil},
		"Join":                                          {iteratee.Join(iteratee.Map(collect, func(any) part { return collect })), []int{1, 2}},
		"JoinConcat":                                    {iteratee.JoinConcat(iteratee.Map(collect, func(any) part { return collect })), []int{1, 2}},
		"Advance":                                       {iteratee.Advance(t.Context(), iteratee.FlatMap(collect, then(collect)), func(_ context.Context, s iteratee.Sink[int]) iteratee.Step { return iteratee.StepCont }), []int{1, 2}},
		"IsEmpty":                                       {saysSo, nil},
		"FlatMap of one that says so":                   {iteratee.FlatMap(saysSo, then(collect)), nil},
		"FlatMap with one that says so":                 {iteratee.FlatMap(collect, then(saysSo)), nil},
		"FlatMap of an opaque one that says so":         {iteratee.FlatMap(opaque(saysSo), then(collect)), nil},
		"Done that says so":                             {iteratee.Done[int, any](0, iteratee.EOF[int]()), nil},
	} {
		t.Run(name, func(t *testing.T) {
			for _, in := range []iteratee.Input[int]{iteratee.EOF[int](), iteratee.El(7).Then(iteratee.EOF[int]())} {
				if _, isEl := in.El(); isEl && c.want == nil {
					continue // it has ended on 7, before EOF
				}
				next := iteratee.FlatMap(iteratee.Feed(t.Context(), c.consumer, in), func(any) iteratee.Iteratee[int, []int] { return iteratee.Collect[int]() })
				assert.Equal(t, c.want, run(t, next, 1, 2), "fed %v", in)
			}
		})
	}
}

func TestFeedOfEOFToARoundThatSaysSo(t *testing.T) {
	round := iteratee.FlatMap(iteratee.Head[int](), func(*int) iteratee.Iteratee[int, bool] { return iteratee.IsEmpty[int]() })
	fed := iteratee.Feed(t.Context(), iteratee.Repeat(round), iteratee.El(7).Then(iteratee.EOF[int]()))
	assert.Empty(t, run(t, withRest(fed), 1, 2).B)
}

// failsAtEOF reads all elements and fails at EOF.
func failsAtEOF() part {
	return iteratee.MapM(partOf(iteratee.Ignore[int]()), func(context.Context, any) (any, error) { return nil, errBoom })
}

func TestFeedOfAFailure(t *testing.T) {
	for name, consumer := range map[string]ints{"on the element": failsAtOnce(), "already": iteratee.Error[int, int](errBoom, iteratee.El(1))} {
		fed := iteratee.Feed(t.Context(), consumer, iteratee.El(1))
		r, step := fed.Start(t.Context())
		assert.ErrorIs(t, step.Err(), errBoom, name)
		assert.Equal(t, []int{1}, r.Rest().Els(), name)
	}
	var seen []int
	assert.ErrorIs(t, failure(t, iteratee.Feed(t.Context(), failAt(2, &seen), iteratee.El(1).Then(iteratee.El(2)).Then(iteratee.El(3))), 4), errBoom)
	assert.Equal(t, []int{1, 2}, seen)
	assert.PanicsWithValue(t, "k", func() {
		iteratee.Feed(t.Context(), iteratee.Cont(func(iteratee.Input[int]) ints { panic("k") }), iteratee.El(1))
	})
}

func TestAdvance(t *testing.T) {
	half := iteratee.Advance(t.Context(), iteratee.Fold(0, add), func(_ context.Context, sink iteratee.Sink[int]) iteratee.Step {
		_, step := iteratee.Offer(sink, []int{1, 2})
		return step
	})
	assert.Equal(t, 10, run(t, half, 3, 4))

	fails := func(context.Context, iteratee.Sink[int]) iteratee.Step { return iteratee.StepError(errBoom) }
	source := &probe.Source{N: -1}
	_, err := enumerator.Run(t.Context(), source.Enumerator(), iteratee.Advance(t.Context(), iteratee.Fold(0, add), fails))
	assert.ErrorIs(t, err, errBoom, "a failure of drive")
	assert.Zero(t, source.Starts.Load())
}

func TestAdvanceDoesNotDriveAConsumerThatHasEnded(t *testing.T) {
	drive := func(context.Context, iteratee.Sink[int]) iteratee.Step { t.Error("called"); return iteratee.StepCont }
	assert.Equal(t, pair[int, []int]{1, []int{3, 5}}, run(t, withRest(iteratee.Advance(t.Context(), iteratee.Done(1, iteratee.El(3)), drive)), 5))
	assert.ErrorIs(t, failure(t, iteratee.Advance(t.Context(), iteratee.Error[int, int](errBoom, iteratee.Empty[int]()), drive), 5), errBoom)
}

func TestAdvanceClosesThingsThatAreOpen(t *testing.T) {
	holding := func(consumer ints, calls *int) ints {
		return iteratee.Defer(func(ctx context.Context) (ints, error) {
			iteratee.AtEnd(ctx, func() { *calls++ })
			return consumer, nil
		})
	}
	t.Run("when the run is over", func(t *testing.T) {
		calls := 0
		consumer := iteratee.Feed(t.Context(), holding(iteratee.Fold(0, add), &calls), iteratee.El(1))
		consumer = iteratee.Feed(t.Context(), consumer, iteratee.El(2))
		assert.Zero(t, calls)
		seen := -1
		assert.Equal(t, 6, run(t, iteratee.Map(consumer, func(a int) int { seen = calls; return a }), 3))
		assert.Zero(t, seen, "not before the run is over")
		assert.Equal(t, 1, calls)
	})
	t.Run("when drive fails", func(t *testing.T) {
		calls := 0
		iteratee.Feed(t.Context(), holding(failsAtOnce(), &calls), iteratee.El(1))
		assert.Equal(t, 1, calls)
	})
	t.Run("when the consumer fails in its start", func(t *testing.T) {
		calls := 0
		iteratee.Feed(t.Context(), holding(iteratee.Error[int, int](errBoom, iteratee.Empty[int]()), &calls), iteratee.El(1))
		assert.Equal(t, 1, calls)
	})
	t.Run("when drive panics", func(t *testing.T) {
		calls := 0
		assert.PanicsWithValue(t, "fold", func() {
			iteratee.Feed(t.Context(), holding(iteratee.Fold(0, func(int, int) int { panic("fold") }), &calls), iteratee.El(1))
		})
		assert.Equal(t, 1, calls)
	})
	t.Run("when the run fails", func(t *testing.T) {
		calls := 0
		consumer := iteratee.Feed(t.Context(), holding(failAt(2, new([]int)), &calls), iteratee.El(1))
		assert.Zero(t, calls)
		assert.ErrorIs(t, failure(t, consumer, 2), errBoom)
		assert.Equal(t, 1, calls)
	})
}

func TestAdvanceKeepsTheContextOfItsStart(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	consumer := iteratee.Feed(ctx, iteratee.ForEach(func(context.Context, int) error { return nil }), iteratee.El(1))
	cancel(errBoom)
	assert.ErrorIs(t, failure(t, consumer, 2), errBoom)
}

func TestResume(t *testing.T) {
	start := func(consumer ints, es ...int) ints {
		r, step := consumer.Start(t.Context())
		for _, e := range es {
			require.True(t, step.IsCont())
			step = r.Next(e)
		}
		return iteratee.Resume(r, step)
	}
	assert.Equal(t, 6, run(t, start(iteratee.Fold(0, add), 1, 2), 3), "wants more")
	assert.Equal(t, 6, run(t, start(iteratee.Fold(0, add)), 1, 2, 3), "nothing yet")
	assert.Equal(t, pair[int, []int]{1, []int{2}}, run(t, withRest(start(head(), 1)), 2), "done")
	assert.Equal(t, pair[int, []int]{1, []int{1, 2}}, run(t, withRest(start(peek(), 1)), 2), "done, with a rest")
	assert.Equal(t, pair[int, []int]{1, []int{9, 2}}, run(t, withRest(start(iteratee.Done(1, iteratee.El(9)))), 2), "done from the start")
	assert.ErrorIs(t, failure(t, start(failsAtOnce(), 1), 2), errBoom, "failed")

	for _, consumer := range []ints{start(head(), 1), start(iteratee.Recover(failsAtOnce(), func(error) (int, error) { return 0, nil }), 1)} {
		source := &probe.Source{N: -1}
		_, err := enumerator.Run(t.Context(), source.Enumerator(), consumer)
		require.NoError(t, err)
		assert.Zero(t, source.Starts.Load(), "the source of a consumer that is done is not started")
	}
}

func TestResumeInPlaceOfFolding(t *testing.T) {
	// Play's flatFold: the next Iteratee depends on the current state.
	tenfold := func(consumer ints) ints {
		return iteratee.Defer(func(ctx context.Context) (ints, error) {
			r, step := consumer.Start(ctx)
			if step.IsCont() || step.Err() != nil {
				return iteratee.Resume(r, step), nil
			}
			a, err := r.Result()
			return iteratee.Done(10*a, r.Rest()), err
		})
	}
	assert.Equal(t, pair[int, []int]{30, []int{4, 5}}, run(t, withRest(tenfold(iteratee.Done(3, iteratee.El(4)))), 5))
	assert.Equal(t, 9, run(t, tenfold(iteratee.Fold(0, add)), 4, 5))
	assert.ErrorIs(t, failure(t, tenfold(iteratee.Error[int, int](errBoom, iteratee.Empty[int]()))), errBoom)
}

func TestRounds(t *testing.T) {
	done := new(iteratee.Stop).Step()
	two := iteratee.TakeUpTo[int](2)
	type result struct {
		emitted [][]int
		rest    []int
		n       int
		step    iteratee.Step
	}
	stop := new(iteratee.Stop).Step()
	for name, c := range map[string]struct {
		consumer iteratee.Iteratee[int, []int]
		in       []int
		emit     func(i int) iteratee.Step // for the i-th result
		want     result
		eof      result // after EOF too
	}{
		"even":    {consumer: two, in: []int{1, 2, 3, 4}, want: result{[][]int{{1, 2}, {3, 4}}, nil, 4, iteratee.StepCont}, eof: result{[][]int{{1, 2}, {3, 4}}, nil, 4, done}},
		"odd":     {consumer: two, in: []int{1, 2, 3}, want: result{[][]int{{1, 2}}, nil, 3, iteratee.StepCont}, eof: result{[][]int{{1, 2}, {3}}, nil, 3, done}},
		"nothing": {consumer: two, want: result{nil, nil, 0, iteratee.StepCont}, eof: result{nil, nil, 0, done}},
		"stopped": {consumer: two, in: []int{1, 2, 3, 4}, emit: func(int) iteratee.Step { return stop }, want: result{[][]int{{1, 2}}, nil, 2, stop}, eof: result{[][]int{{1, 2}}, nil, 2, stop}},
		"stopped by the last": {consumer: two, in: []int{1, 2, 3}, emit: func(i int) iteratee.Step {
			if i == 2 {
				return stop
			}
			return iteratee.StepCont
		}, want: result{[][]int{{1, 2}}, nil, 3, iteratee.StepCont}, eof: result{[][]int{{1, 2}, {3}}, nil, 3, stop}},
		"stopped with a rest": {consumer: iteratee.FlatMap(two, func(es []int) iteratee.Iteratee[int, []int] {
			return iteratee.Map(iteratee.IsEmpty[int](), func(bool) []int { return es })
		}), in: []int{1, 2, 3, 4}, emit: func(int) iteratee.Step { return stop }, want: result{[][]int{{1, 2}}, []int{3}, 3, stop}, eof: result{[][]int{{1, 2}}, []int{3}, 3, stop}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, batch := range []bool{true, false} {
				var got result
				sink := iteratee.Rounds(t.Context(), c.consumer, done, func(es []int) iteratee.Step {
					got.emitted = append(got.emitted, es)
					if c.emit == nil {
						return iteratee.StepCont
					}
					return c.emit(len(got.emitted))
				})
				if !batch {
					sink = struct{ iteratee.Sink[int] }{sink} // hides the short cut
				}
				got.n, got.step = iteratee.Offer(sink, c.in)
				got.rest = sink.Rest().Els()
				check := func(want result) {
					assert.Equal(t, want.emitted, got.emitted)
					assert.ElementsMatch(t, want.rest, got.rest)
					assert.Equal(t, want.n, got.n)
					assert.True(t, want.step == got.step, "the step")
				}
				check(c.want)
				got.step, got.rest = sink.EOF(), sink.Rest().Els()
				check(c.eof)
				got.step = sink.EOF()
				check(c.eof) // the second EOF has no effect
			}
		})
	}
}

func TestRoundsFail(t *testing.T) {
	emit := func(int) iteratee.Step { return iteratee.StepCont }
	sink := iteratee.Rounds(t.Context(), iteratee.FlatMap(head(), func(int) ints { return failsAtOnce() }), iteratee.StepDone, emit)
	_, step := iteratee.Offer(sink, []int{1, 2, 3})
	assert.ErrorIs(t, step.Err(), errBoom)
	assert.Equal(t, []int{2}, sink.Rest().Els(), "the leftovers")

	sink = iteratee.Rounds(t.Context(), failsAtOnce(), iteratee.StepDone, emit)
	assert.ErrorIs(t, sink.Next(1).Err(), errBoom)
	sink = iteratee.Rounds(t.Context(), iteratee.Map(lookAhead(2), func([]int) int { return 0 }), iteratee.StepDone, emit)
	assert.True(t, sink.Next(1).IsCont())
	assert.ErrorIs(t, sink.Next(2).Err(), iteratee.ErrNoProgress)
	assert.ErrorIs(t, iteratee.Rounds(t.Context(), head(), iteratee.StepDone, func(int) iteratee.Step { return iteratee.StepError(errBoom) }).Next(1).Err(), errBoom, "an error of emit")
}

// Pending elements are offered until the context ends.
func TestPendingElementsAreNotOfferedWhenTheContextHasEnded(t *testing.T) {
	left := func() iteratee.Iteratee[int, int] { return iteratee.Done(0, iteratee.Els(1, 2, 3, 4, 5)) }
	for name, start := range map[string]func(context.Context, iteratee.Iteratee[int, int]) (iteratee.Running[int, int], iteratee.Step){
		"FlatMap": func(ctx context.Context, consumer iteratee.Iteratee[int, int]) (iteratee.Running[int, int], iteratee.Step) {
			return iteratee.FlatMap(left(), func(int) iteratee.Iteratee[int, int] { return consumer }).Start(ctx)
		},
		"Feed": func(ctx context.Context, consumer iteratee.Iteratee[int, int]) (iteratee.Running[int, int], iteratee.Step) {
			return iteratee.Feed(ctx, consumer, iteratee.Els(1, 2, 3, 4, 5)).Start(ctx)
		},
		"Rounds": func(ctx context.Context, consumer iteratee.Iteratee[int, int]) (iteratee.Running[int, int], iteratee.Step) {
			first := true
			round := iteratee.Defer(func(context.Context) (iteratee.Iteratee[int, int], error) {
				if first {
					first = false
					return iteratee.FlatMap(iteratee.TakeUpTo[int](6), func([]int) iteratee.Iteratee[int, int] { return left() }), nil
				}
				return consumer, nil
			})
			rounds := iteratee.Rounds(ctx, round, iteratee.StepDone, func(int) iteratee.Step { return iteratee.StepCont })
			var step iteratee.Step
			for e := range 6 {
				step = rounds.Next(e)
			}
			return iteratee.WithResult(rounds, func() (int, error) { return 0, nil }), step
		},
	} {
		t.Run(name, func(t *testing.T) {
			cancelled, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			ctx, end := iteratee.NewRun(cancelled)
			defer end()
			var got []int
			r, step := start(ctx, iteratee.Fold(0, func(_, e int) int {
				if got = append(got, e); e == 3 {
					cancel(errBoom)
				}
				return e
			}))
			_, err := iteratee.Finish(r, step)
			assert.ErrorIs(t, err, errBoom)
			assert.Equal(t, 3, got[len(got)-1])
		})
	}
}
