package enumerator

import (
	"context"
	"sync"

	"github.com/halley-go/halley/iteratee"
)

// PatchPanel returns an Enumerator of the elements of the source that was patched in last. Each run
// calls patch once. patch calls patchIn to switch to another source.
//
// patchIn stops the previous source at once: the consumer gets no more of its elements, except one that
// is being handed over at that moment. The new source starts when the stopped one has returned. patchIn
// does not wait for that, so any goroutine may call it, as may functions of the consumer and of the
// source itself. It reports whether the source was taken.
//
// While patch runs, the panel is open, and the consumer waits if the source has run out. When patch
// returns, the panel is closed, and it ends when the last source has run out. To end that source as
// well, patch patches in [Empty] before it returns. If the source sends EOF, the panel sends EOF and
// ends. A failure of a source or an error of patch ends the run. When the consumer is done or the run
// has failed, the context of patch ends and patchIn reports false. patch should return then, because
// the run waits for it.
//
// patch and the source each run in a goroutine of their own, and the consumer in the goroutine of the
// run. They end like the sources of [Interleave].
//
// Play calls it Concurrent.patchPanel.
func PatchPanel[E any](patch func(ctx context.Context, patchIn func(Enumerator[E]) bool) error) Enumerator[E] {
	return merged("PatchPanel", func(m *merge[E]) {
		m.anyEOF = true
		var mu sync.Mutex
		latest, closed := newLatest(m), false
		patchIn := func(source Enumerator[E]) bool {
			mu.Lock()
			defer mu.Unlock()
			if closed || m.ctx.Err() != nil {
				return false
			}
			latest.start(source)
			return true
		}
		m.start(m.ctx, New(func(ctx context.Context, _ iteratee.Sink[E]) iteratee.Step {
			defer func() {
				mu.Lock()
				defer mu.Unlock()
				closed = true
			}()
			if err := patch(ctx, patchIn); err != nil {
				return iteratee.StepError(err)
			}
			return iteratee.StepCont
		}), nil)
	})
}
