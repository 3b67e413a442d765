package client

import (
	"context"
	"net/http"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
)

// counted returns source, and counts its Items for the [httpadapter.Outcome] of the response to r.
func counted[E any](r *http.Request, source enumerator.Enumerator[enumerator.Item[E]]) enumerator.Enumerator[enumerator.Item[E]] {
	return enumerator.Defer(func(ctx context.Context) (enumerator.Enumerator[enumerator.Item[E]], error) {
		counts := httpadapter.CountsOf(ctx)
		if counts == nil {
			return source, nil
		}
		counts.Resumed = comet.Cursor(r.Header, r.URL.Query()) != enumerator.Position{}
		return enumerator.Through(source, enumeratee.Tap(func(item enumerator.Item[E]) {
			switch {
			case item.IsMessage():
				counts.Messages++
			case item.Reset:
				counts.Resets++
			}
			counts.Lost += item.Gap.N
		}, nil)), nil
	})
}
