package answers

// Held returns the number of things that a holds for answers, including the timer.
func (a *Answers[E]) Held() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := a.running + len(a.stops) + len(a.seeking) + cap(a.kept)
	if a.sweeper != nil {
		n++
	}
	return n
}
