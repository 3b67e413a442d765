// Package unsent reports messages that cannot be encoded.
package unsent

import (
	"context"
	"sync"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
)

// Report returns a function for comet.Recover that logs the error to logger, once for each Position.
func Report[E any](logger httpadapter.ErrorLogger) func(context.Context, error, enumerator.Item[E]) error {
	var r reports
	return func(ctx context.Context, err error, item enumerator.Item[E]) error {
		if r.isNew(item.Position) {
			logger.ErrorContext(ctx, "comet/client: cannot encode a message; clients get a gap in its place",
				"position", item.Position.String(), "error", err)
		}
		return nil
	}
}

// reports remembers the messages that have been reported, so that each one is reported once and
// not for each client.
type reports struct {
	mu   sync.Mutex
	done map[enumerator.Position]bool
}

// maxReports is the number of reports that are remembered. After that, a message may be reported
// again.
const maxReports = 1024

// isNew reports whether p is new, and remembers p. The zero Position, which many messages can
// have, is always new.
func (r *reports) isNew(p enumerator.Position) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done[p] {
		return false
	}
	if r.done == nil || len(r.done) == maxReports {
		r.done = map[enumerator.Position]bool{}
	}
	r.done[p] = p != enumerator.Position{}
	return true
}
