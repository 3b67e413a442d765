// Package report is what the published kits say things with.
package report

import (
	"errors"
	"fmt"
	"sync"

	"github.com/halley-go/halley/iteratee"
)

// Report collects what is wrong, the first of each law. It may be used by several
// goroutines at once.
type Report struct {
	mu   sync.Mutex
	errs []error
	said map[string]bool
}

// Wrong notes a violation of law, unless there is one already.
func (r *Report) Wrong(law, format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.said[law] {
		return
	}
	if r.said == nil {
		r.said = map[string]bool{}
	}
	r.said[law] = true
	r.errs = append(r.errs, fmt.Errorf("%s: %s", law, fmt.Sprintf(format, args...)))
}

// Err returns all that is wrong, nil if nothing is.
func (r *Report) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(r.errs...)
}

// Step says what a Step does.
func Step(step iteratee.Step) string {
	switch {
	case step.IsCont():
		return "more"
	case step == iteratee.StepDone:
		return "StepDone"
	case step.Err() != nil:
		return fmt.Sprintf("an error (%v)", step.Err())
	}
	return "done"
}
