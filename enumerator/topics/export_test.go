package topics

import "context"

// Sizes returns the numbers of topics, entries and remembered keys and deletions of a Store of Memory, and its bytes.
func Sizes(s Store) (topics, entries, recent, bytes int) {
	m := s.(*memory)
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.topics), m.entries.Len(), m.recent.Len(), m.bytes
}

// Attach attaches a topic without a run, until detach is called.
func (t *Topics[E]) Attach(ctx context.Context, name string) (detach func(), err error) {
	f := t.join(name)
	_, err = f.attach(ctx)
	return func() { t.leave(f) }, err
}

// News returns the number of entries that are kept because a run attaches or fills.
func (t *Topics[E]) News(name string) int {
	t.mu.Lock()
	f := t.feeds[name]
	t.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.watch.news)
}

// Rows returns the number of entries with a Row that a Store of Memory holds for the state of a topic.
func Rows(s Store, name string) int {
	m := s.(*memory)
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.topics[name].rows)
}
