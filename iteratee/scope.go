package iteratee

import (
	"container/list"
	"context"
	"sync"
)

// NewRun returns the context of one run, and the function that ends the run: it
// calls what [AtEnd] has registered, last first. The context is not cancelled by
// it. enumerator.Run calls both; so must whoever drives an [Iteratee] by hand.
func NewRun(ctx context.Context) (run context.Context, end func()) {
	s := &scope{Context: ctx}
	return s, s.end
}

// AtEnd has f called when the run whose context is ctx is over, however that ends:
// f closes what a consumer or an adapter holds open. It is called once, before the
// run returns, or when now is called, if that is earlier. AtEnd panics if ctx does
// not come from a run.
func AtEnd(ctx context.Context, f func()) (now func()) {
	s, ok := ctx.Value(scopeKey{}).(*scope)
	if !ok {
		panic("iteratee: AtEnd: the context is not that of a run; whoever drives an Iteratee by hand makes one with NewRun")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.open.PushFront(f)
	return func() {
		if s.remove(at) {
			f()
		}
	}
}

type scopeKey struct{}

// scope is what a run has to close. It is the context of the run itself, which spares an
// allocation.
type scope struct {
	context.Context
	mu   sync.Mutex // sources that run side by side attach adapters side by side
	open list.List  // of func()
}

func (s *scope) Value(key any) any {
	if key == (scopeKey{}) {
		return s
	}
	return s.Context.Value(key)
}

func (s *scope) remove(at *list.Element) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.open.Len()
	s.open.Remove(at)
	return s.open.Len() < before
}

func (s *scope) end() {
	at := s.open.Front()
	if at == nil {
		return
	}
	defer s.end() // the others too, if this one panics
	if s.remove(at) {
		at.Value.(func())()
	}
}
