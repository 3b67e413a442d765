package iteratee

import "context"

// Advance starts a run of it, has drive drive it, and returns it as it is then,
// without EOF. drive returns the last answer of the sink, or its own failure.
//
// The iteratee returned can be used once: it is that run, not a recipe, and it keeps
// the context with which it was started. What it holds open is closed when the run
// that it becomes part of is over.
func Advance[E, A any](ctx context.Context, it Iteratee[E, A], drive func(context.Context, Sink[E]) Step) Iteratee[E, A] {
	ctx, end := NewRun(ctx)
	ok := false
	defer func() {
		if !ok {
			end()
		}
	}()
	r := it.Start(ctx)
	r.Reset = nil // this run is all there is
	if r.Step.IsCont() {
		r.Step = Drive(ctx, r.Sink, drive)
	}
	if err := r.Step.Err(); err != nil {
		Fail(ctx, err) // a consumer in another goroutine learns why
	} else {
		ok = true
	}
	return New(func(whole context.Context) Running[E, A] {
		if ok {
			AtEnd(whole, func() {
				if err := context.Cause(whole); err != nil {
					Fail(ctx, err)
				}
				end()
			})
		}
		return r
	})
}

// Feed hands in to it and returns it as it is then. The elements that in holds come
// first, then EOF if it says so; for Empty, nothing but the start of a run happens.
// Nothing is handed to an iteratee that is done, and in is lost then, as in Play.
//
// The iteratee returned can be used once: see [Advance].
//
// It is Play's Iteratee.feed.
func Feed[E, A any](ctx context.Context, it Iteratee[E, A], in Input[E]) Iteratee[E, A] {
	return Advance(ctx, it, func(ctx context.Context, sink Sink[E]) (step Step) {
		for _, e := range in.Els() {
			if step = sink.Next(e); step.IsCont() {
				step = Cancelled(ctx)
			}
			if !step.IsCont() {
				return step
			}
		}
		if step.IsCont() && in.IsEOF() {
			step = sink.EOF()
		}
		return step
	})
}

// Resume returns an Iteratee that goes on with a run that has last answered step.
// It can be used once: it is that run, not a recipe.
func Resume[E, A any](r Running[E, A], step Step) Iteratee[E, A] {
	r.Step, r.Reset = step, nil
	return New(func(context.Context) Running[E, A] { return r })
}
