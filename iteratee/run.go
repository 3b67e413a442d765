package iteratee

import (
	"context"

	"github.com/halley-go/halley/internal/scope"
)

// NewRun returns the context of one run, and the function that ends the run. That function ends the
// contexts of the goroutines that [Go] has started, waits for them, calls the functions that [AtEnd] has
// registered, last first, and then ends the context. enumerator.Run calls both; a program that drives an
// [Iteratee] by hand must do so too.
func NewRun(ctx context.Context) (run context.Context, end func()) {
	r := scope.New(ctx)
	return r, r.End
}

// AtEnd has f called at the end of the run whose context is ctx, however that ends: f closes what a
// consumer or an adapter holds open. f is called once, before the run returns, or when now is called, if
// that is earlier. AtEnd panics if ctx does not come from a run.
func AtEnd(ctx context.Context, f func()) (now func()) {
	return scope.Of(ctx, "AtEnd").AtEnd(f)
}

// Go calls f, which runs a consumer, in a goroutine of its own. The context of f is made from ctx, and
// ends when cancel is called or the run whose context is ctx is over. The end of a run ends the contexts
// of all such goroutines before it waits for any of them, because one may wait for another. It calls the
// functions of [AtEnd] when all goroutines have returned, because those close what the consumers use. A
// source in another goroutine does not tell the consumer of bursts by [Cork] from then on. f must not
// panic. Go panics if ctx does not come from a run.
func Go(ctx context.Context, f func(context.Context)) (cancel func()) {
	return scope.Of(ctx, "Go").Go(ctx, f)
}

// Cork is for a source that may have several elements at hand. It returns a function. The source calls
// the function with true before it hands on an element after which it will not wait for the next one, and
// with false when there are no more, before it waits or returns. A consumer that has called [OnCork] hears
// that, and can send together what comes together. A call is cheap, and has no effect if no consumer has
// asked.
//
// The function is for the goroutine that drives the consumer. ctx is the context of the source or one made
// from it, or that of the stage for an adapter that is about to start such a goroutine. Such a goroutine
// must have been started by [Go], with the context that it gets there; the function has no effect in it.
//
// The name is that of a socket option. Play says the same by Input.Empty: nothing for now.
func Cork(ctx context.Context) func(corked bool) {
	if tell := scope.LineOf(ctx).Tell(); tell != nil {
		return tell
	}
	return func(bool) {}
}

// OnCork is for a consumer that can hold back what it has been given, such as the response of a server.
// The consumer calls OnCork when it starts, with the context of the run. f is then called as [Cork] says,
// between calls of the consumer and in their goroutine. It is called at the end of the source too, also
// when the consumer is done or panics. Few sources call Cork, and an adapter between them and the
// consumer may wait though f was called with true. So nothing should be held back for longer than a few
// milliseconds.
//
// OnCork has no effect for a part of a [FlatMap] or of a [Zip].
func OnCork(ctx context.Context, f func(corked bool)) {
	scope.LineOf(ctx).Connect(f)
}
