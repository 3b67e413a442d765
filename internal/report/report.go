// Package report collects and formats the findings of the published kits.
package report

import (
	"errors"
	"fmt"
	"sync"

	"github.com/halley-go/halley/iteratee"
)

// Report collects violations of laws, the first of each law. It may be used by several
// goroutines at once.
type Report struct {
	mu   sync.Mutex
	errs []error
	said map[string]bool
}

// Wrong notes a violation of law, unless one is noted already.
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

// Err returns the violations joined, or nil.
func (r *Report) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(r.errs...)
}

// Step returns the meaning of step in words.
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
