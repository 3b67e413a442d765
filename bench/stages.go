package main

import (
	"context"
	"iter"

	"github.com/destel/rill"
	"github.com/reactivex/rxgo/v2"
	"github.com/reugn/go-streams/extension"
	"github.com/samber/ro"
)

// The stages that users write themselves for iter.Seq and for channels.

func mapSeq[A, B any](es iter.Seq[A], f func(A) B) iter.Seq[B] {
	return func(yield func(B) bool) {
		for e := range es {
			if !yield(f(e)) {
				return
			}
		}
	}
}

func filterSeq[E any](es iter.Seq[E], keep func(E) bool) iter.Seq[E] {
	return func(yield func(E) bool) {
		for e := range es {
			if keep(e) && !yield(e) {
				return
			}
		}
	}
}

func foldSeq[E, A any](es iter.Seq[E], a A, f func(A, E) A) A {
	for e := range es {
		a = f(a, e)
	}
	return a
}

// stage starts a goroutine that calls send with a channel and then closes it.
func stage[E any](send func(out chan<- E)) <-chan E {
	out := make(chan E, 64)
	go func() {
		defer close(out)
		send(out)
	}()
	return out
}

func sliceChan[E any](es []E) <-chan E {
	return stage(func(out chan<- E) {
		for _, e := range es {
			out <- e
		}
	})
}

func mapChan[A, B any](in <-chan A, f func(A) B) <-chan B {
	return stage(func(out chan<- B) {
		for e := range in {
			out <- f(e)
		}
	})
}

func filterChan[E any](in <-chan E, keep func(E) bool) <-chan E {
	return stage(func(out chan<- E) {
		for e := range in {
			if keep(e) {
				out <- e
			}
		}
	})
}

func foldChan[E, A any](in <-chan E, a A, f func(A, E) A) A {
	for e := range in {
		a = f(a, e)
	}
	return a
}

// The code that the libraries need around a function.

// lastOf runs an Observable of one element.
func lastOf(o ro.Observable[int]) int {
	es, err := ro.Collect(o)
	must(err)
	return es[0]
}

func foldRill[E any](in <-chan rill.Try[E], a int, f func(int, E) int) int {
	must(rill.ForEach(in, 1, func(e E) error { a = f(a, e); return nil }))
	return a
}

func sliceStreams[E any](es []E) *extension.ChanSource {
	in := make(chan any, 64)
	go func() {
		defer close(in)
		for _, e := range es {
			in <- e
		}
	}()
	return extension.NewChanSource(in)
}

// foldStreams reads the last flow's channel, since a Fold flow would emit each step.
func foldStreams[E any](in <-chan any, a int, f func(int, E) int) int {
	for e := range in {
		a = f(a, e.(E))
	}
	return a
}

// buffered makes RxGo about twice as fast as by default, with channels without a buffer.
var buffered = rxgo.WithBufferedChannel(64)

// sliceRx sends to a channel, which is faster than rxgo.Just, Range and Defer.
func sliceRx[E any](es []E) rxgo.Observable {
	in := make(chan rxgo.Item, 64)
	go func() {
		defer close(in)
		for _, e := range es {
			in <- rxgo.Of(e)
		}
	}()
	return rxgo.FromChannel(in, buffered)
}

func mapRx[A, B any](f func(A) B) rxgo.Func {
	return func(_ context.Context, e any) (any, error) { return f(e.(A)), nil }
}

func filterRx[E any](keep func(E) bool) rxgo.Predicate {
	return func(e any) bool { return keep(e.(E)) }
}

// foldRx is a Reduce that starts with a. RxGo's own starts with nil.
func foldRx[E any](in rxgo.Observable, a int, f func(int, E) int) int {
	item, err := in.Reduce(func(_ context.Context, acc, e any) (any, error) {
		if acc == nil {
			acc = a
		}
		return f(acc.(int), e.(E)), nil
	}, buffered).Get()
	must(err)
	must(item.E)
	return item.V.(int)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
