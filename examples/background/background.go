// Package background does work apart from the request that asks for it. The messages of the work are kept in a hub
// until some time after its end, so clients can come and go, reload, and come back.
package background

import (
	"context"
	"crypto/rand"
	"net/http"
	"sync"
	"time"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
)

const (
	maxRuns        = 200             // which are kept at a time
	maxVisitorRuns = 20              // so that no visitor can keep out the others
	longest        = 2 * time.Minute // the time that the work of a run may take
	keptFor        = 5 * time.Minute // the time for which a run is kept after its end
)

// The clients get the texts of these errors.
var (
	errBusy = &httpadapter.StatusError{
		Status: http.StatusTooManyRequests,
		Text:   "too much is running or kept here; try again in a minute",
		Header: http.Header{"Retry-After": {"60"}},
	}
	errUnknown = &httpadapter.StatusError{Status: http.StatusNotFound, Text: "the server no longer keeps this"}
)

// Runs starts runs of work and keeps them. Its methods may be called by several goroutines at once. [New] makes
// Runs.
type Runs[E any] struct {
	ctx  context.Context
	opts []enumerator.PushOption

	mu   sync.Mutex
	byID map[string]*run[E]
}

type run[E any] struct {
	visitor string
	hub     *enumerator.Hub[E]
	cancel  context.CancelFunc
}

// New returns Runs. The work of all of them ends with ctx. The hub of each run has opts.
func New[E any](ctx context.Context, opts ...enumerator.PushOption) *Runs[E] {
	return &Runs[E]{ctx: ctx, opts: opts, byID: map[string]*run[E]{}}
}

// Start calls work in a goroutine, and returns the id of the run without waiting. work pushes messages
// into the hub, which ends when work returns. The context of work ends after two minutes at the latest.
//
// visitor identifies the client, for example by address. Start returns an error if too many runs are kept, of this
// visitor or of all.
func (s *Runs[E]) Start(visitor string, work func(context.Context, *enumerator.Hub[E])) (id string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	own := 0
	for _, r := range s.byID {
		if r.visitor == visitor {
			own++
		}
	}
	if own >= maxVisitorRuns || len(s.byID) >= maxRuns {
		return "", errBusy
	}
	ctx, cancel := context.WithTimeout(s.ctx, longest)
	r := &run[E]{visitor, enumerator.Broadcast[E](s.opts...), cancel}
	id = rand.Text()
	s.byID[id] = r
	go func() {
		defer cancel()
		work(ctx, r.hub)
		r.hub.End()
		time.AfterFunc(keptFor, func() { s.forget(id) })
	}()
	return id, nil
}

func (s *Runs[E]) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byID, id)
}

// Hub returns the hub of a run, or an error with status 404 if no run with this id is kept.
func (s *Runs[E]) Hub(id string) (*enumerator.Hub[E], error) {
	r, err := s.find(id)
	if err != nil {
		return nil, err
	}
	return r.hub, nil
}

// Cancel ends the context of a run. It returns an error with status 404 if no run with this id is kept. If the run has
// ended, Cancel has no effect.
func (s *Runs[E]) Cancel(id string) error {
	r, err := s.find(id)
	if err != nil {
		return err
	}
	r.cancel()
	return nil
}

func (s *Runs[E]) find(id string) (*run[E], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.byID[id]
	if r == nil {
		return nil, errUnknown
	}
	return r, nil
}
