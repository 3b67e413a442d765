package marbles

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// tick is the unit of time of the diagrams.
const tick = 10 * time.Millisecond

// An example is a diagram and a function that runs the operator of the diagram.
type example struct {
	name string // package.Name of the operator, or another name for a diagram of the guide
	text string
	run  func(l *lab) error
}

// A lab runs the sources and consumers of a diagram in virtual time, and notes their events.
type lab struct {
	t       testing.TB
	diagram Diagram
	ctx     context.Context
	start   time.Time
	horizon time.Duration // the end of the diagram

	mu   sync.Mutex
	seen map[string][]Event
}

// check runs the example and compares its events with the diagram.
func check(t *testing.T, e example) {
	diagram, err := Parse(e.text)
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		l := &lab{t: t, diagram: diagram, start: time.Now(), horizon: time.Hour, seen: map[string][]Event{}}
		for _, line := range diagram.Lines {
			if line.IsOpen() && line.Name != "result" {
				l.horizon = 0
			}
		}
		if l.horizon == 0 {
			for _, line := range diagram.Lines {
				l.horizon = max(l.horizon, time.Duration(line.Length)*tick+tick/2)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), l.horizon)
		defer cancel()
		l.ctx = ctx
		if err := e.run(l); err != nil {
			l.note(diagram.Lines[len(diagram.Lines)-1].Name, Event{Kind: Failure})
		}
		for _, line := range diagram.Lines {
			want, got := line.Happens(), l.seen[line.Name]
			if !slices.Equal(want, got) {
				t.Errorf("the timeline %s should be\n%s\nand is\n%s", line.Name, Format(want), Format(got))
			}
		}
	})
}

// note adds e, which happens now, to the timeline. It returns the place of e there, or -1 if the diagram is over.
func (l *lab) note(line string, e Event) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Since(l.start)
	if now >= l.horizon {
		return -1
	}
	if now%tick != 0 {
		l.t.Errorf("an event of the timeline %s happens at %s, between two units of time", line, now)
	}
	e.At = int(now / tick)
	l.seen[line] = append(l.seen[line], e)
	return len(l.seen[line]) - 1
}

// answered notes that the answer to an element has come.
func (l *lab) answered(line string, i int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Since(l.start); i >= 0 && now < l.horizon {
		e := &l.seen[line][i]
		e.Wait = int(now/tick) - e.At
	}
}

// sleepUntil returns false if ctx ends before that time of the diagram.
func (l *lab) sleepUntil(ctx context.Context, at int) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(time.Until(l.start.Add(time.Duration(at) * tick))):
		return ctx.Err() == nil
	}
}

var errFailed = fmt.Errorf("a failure of the diagram")

// source returns the source of a timeline. It hands on each element at its time, or later if it has to wait for an answer.
func (l *lab) source(name string) enumerator.Enumerator[string] {
	line, ok := l.diagram.Line(name)
	require.True(l.t, ok, "the diagram has no timeline %s", name)
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[string]) iteratee.Step {
		for _, e := range line.Events {
			if e.Kind == Stop {
				continue // its time is compared
			}
			if !l.sleepUntil(ctx, e.At) {
				l.note(name, Event{Kind: Stop})
				return iteratee.Cancelled(ctx)
			}
			switch e.Kind {
			case End:
				l.note(name, Event{Kind: End})
				return iteratee.StepCont
			case Failure:
				l.note(name, Event{Kind: Failure})
				return iteratee.StepError(errFailed)
			}
			i := l.note(name, Event{Kind: Element, Label: e.Label})
			step := sink.Next(e.Label)
			l.answered(name, i)
			if !step.IsCont() {
				l.note(name, Event{Kind: Stop})
				return step
			}
		}
		<-ctx.Done()
		l.note(name, Event{Kind: Stop})
		return iteratee.Cancelled(ctx)
	})
}

// consumer returns the consumer of a timeline. It is busy with each element for as long as the timeline says.
func consumer[E any](l *lab, name string) iteratee.Iteratee[E, struct{}] {
	var waits []int
	line, ok := l.diagram.Line(name)
	require.True(l.t, ok, "the diagram has no timeline %s", name)
	for i, e := range line.Events {
		switch {
		case e.Kind != Element:
			continue
		case i+1 < len(line.Events) && e.Wait > 0 && line.Events[i+1].Kind == Failure:
			e.Wait = 1000 // until the failure
		}
		waits = append(waits, e.Wait)
	}
	each := iteratee.ForEach(func(ctx context.Context, e E) error {
		wait := 0
		if len(waits) > 0 {
			wait, waits = waits[0], waits[1:]
		}
		i := l.note(name, Event{Kind: Element, Label: label(e)})
		defer l.answered(name, i)
		if wait > 0 && !l.sleepUntil(ctx, int(time.Since(l.start)/tick)+wait) {
			return context.Cause(ctx)
		}
		return nil
	})
	return iteratee.Map(each, func(struct{}) struct{} {
		l.note(name, Event{Kind: End})
		return struct{}{}
	})
}

// run runs source into consumer, and into the consumer of the timeline "next" after it if there is one.
func run(l *lab, source enumerator.Enumerator[string], first iteratee.Iteratee[string, struct{}]) error {
	if _, ok := l.diagram.Line("next"); ok {
		first = iteratee.FlatMap(first, func(struct{}) iteratee.Iteratee[string, struct{}] { return consumer[string](l, "next") })
	}
	_, err := enumerator.Run(l.ctx, source, first)
	return err
}

// adapter shows an adapter between the timelines "in" and "out".
func adapter[E any](t enumeratee.Enumeratee[string, E]) func(l *lab) error {
	return func(l *lab) error {
		if _, ok := l.diagram.Line("next"); ok {
			return run(l, l.source("in"), enumeratee.Transform(t, consumer[E](l, "out")))
		}
		_, err := enumerator.Run(l.ctx, enumerator.Through(l.source("in"), t), consumer[E](l, "out"))
		return err
	}
}

// result shows an Iteratee between the timelines "in" and "result".
func result[A any](it iteratee.Iteratee[string, A]) func(l *lab) error {
	return func(l *lab) error {
		return run(l, l.source("in"), iteratee.Map(it, func(a A) struct{} {
			l.note("result", Event{Kind: Element, Label: label(a)})
			return struct{}{}
		}))
	}
}

// sources shows an Enumerator before the timeline "out". f makes it of the sources of the other timelines.
func sources[E any](f func(l *lab) enumerator.Enumerator[E]) func(l *lab) error {
	return func(l *lab) error {
		_, err := enumerator.Run(l.ctx, f(l), consumer[E](l, "out"))
		return err
	}
}

// label returns the text of an element.
func label(e any) string {
	switch e := e.(type) {
	case iteratee.Pair[string, string]:
		return e.First + e.Second
	case *string:
		if e == nil {
			return "nil"
		}
		return *e
	case time.Time:
		return "t"
	}
	return fmt.Sprint(e)
}
