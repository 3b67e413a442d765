package iteratee

import (
	"context"

	"github.com/halley-go/halley/internal/scope"
)

// NewRun returns the context of one run, and the function end, which ends the run. end ends the contexts of
// the goroutines that [Go] has started, waits for them, calls the functions that [AtEnd] has registered,
// last first, and then ends the context. enumerator.Run calls NewRun and end. A program that drives an
// [Iteratee] by hand must call them too.
func NewRun(ctx context.Context) (run context.Context, end func()) {
	r := scope.New(ctx)
	return r, r.End
}

// AtEnd registers f, which closes something that a consumer or an adapter holds open. f is called when the
// run whose context is ctx ends, even if the run has failed, was cancelled or panics. The returned function
// calls f at once. f is called only once. AtEnd panics if ctx does not come from a run.
//
// Before it calls f, the run waits for its goroutines, and for those of the runs within it. If only f can end a run
// within it, both wait for ever. The stop of [iter.Pull] over a source is such an f, and so is Close of
// enumerator.ToReader: defer them in the function of enumerator.New instead.
func AtEnd(ctx context.Context, f func()) (now func()) {
	return scope.Of(ctx, "AtEnd").AtEnd(f)
}

// Go calls f, which runs a consumer, in a goroutine of its own. The context of f is made from ctx, and ends
// when cancel is called or the run whose context is ctx ends. The end of a run ends the contexts of all such
// goroutines before it waits for any of them, because one goroutine may wait for another. Then it calls the
// functions of [AtEnd], which close things that the goroutines use.
//
// After a call of Go, the source does not tell the consumer of bursts (see [Cork]), because the source and
// the consumer are in different goroutines. f must not panic. Go panics if ctx does not come from a run.
func Go(ctx context.Context, f func(context.Context)) (cancel func()) {
	return scope.Of(ctx, "Go").Go(ctx, f)
}

// Cork is for a source that may have several elements at hand: a burst. It returns the function with which
// the source tells the consumer of a burst. The source calls the function with true before it hands on an
// element, if it already has the next one. It calls the function with false before it waits or returns. A
// consumer that has called [OnCork] can then send the elements of a burst together. A call is cheap. It has
// no effect if the consumer has not called OnCork.
//
// Only the goroutine that drives the consumer may call the function. ctx is the context of the source or one
// made from it. An adapter that runs its consumer in a goroutine of [Go] calls Cork with the context of its
// Stage, and does so before it calls Go. For the context that Go passes to its function, Cork returns a
// function that has no effect.
//
// The name is that of a socket option. In Play, Input.Empty says that there is no element for now.
func Cork(ctx context.Context) func(corked bool) {
	if tell := scope.LineOf(ctx).Tell(); tell != nil {
		return tell
	}
	return func(bool) {}
}

// OnCork is for a consumer that can hold elements back and send them together, such as the response of a
// server. The consumer calls OnCork when it starts, with the context of the run. When the source calls the
// function of [Cork], that function calls f, in the goroutine of the consumer. When the source ends, f is
// called with false, even if the consumer is done or panics.
//
// Few sources call Cork. An adapter between such a source and the consumer may wait although f was called
// with true. So the consumer should hold nothing back for longer than a few milliseconds. OnCork has no
// effect in a part of a [FlatMap] or of a [Zip].
func OnCork(ctx context.Context, f func(corked bool)) {
	scope.LineOf(ctx).Connect(f)
}
