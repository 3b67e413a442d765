package enumerator

import (
	"context"
	"sync"

	"github.com/halley-go/halley/iteratee"
)

// PatchPanel returns the Enumerator that gives the elements of whichever source was patched in
// last. patch runs beside the consumer; it calls patchIn to switch to another source, at once: of
// the source before, the consumer gets nothing more, but for an element that it is just being
// handed. That source is stopped, and the new one starts when it has returned. patchIn does not
// wait for that, so it may be called from anywhere: from other goroutines, from functions of the
// consumer and of the source itself. It reports whether the source was taken.
//
// The panel ends when patch has returned, which closes it, and the source that is patched in then
// has run out; to end that as well, patch patches in [Empty] before it returns. While the panel is
// open and the source has run out, the consumer waits. If the source sends EOF, so does the panel,
// which ends it. A failure of a source ends the run, as does an error of patch. When the consumer is
// done, or the run has failed, the context of patch ends and patchIn reports false; patch should
// return then, and the run waits for it.
//
// It runs patch and the source in a goroutine of their own, and the consumer in that of the run;
// how they end is as with [Interleave]. patch is called once per run.
//
// It is Play's Concurrent.patchPanel, where a source that fails, or is the last, is ignored and
// leaves the consumer waiting for ever.
func PatchPanel[E any](patch func(ctx context.Context, patchIn func(Enumerator[E]) bool) error) Enumerator[E] {
	return merged("PatchPanel", func(m *merge[E]) {
		m.anyEOF = true
		var mu sync.Mutex
		latest, closed := newLatest(m), false
		patchIn := func(e Enumerator[E]) bool {
			mu.Lock()
			defer mu.Unlock()
			if closed || m.ctx.Err() != nil {
				return false
			}
			latest.start(e)
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
