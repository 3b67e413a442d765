package enumerator

// Waiting returns how many runs of a hub wait.
func Waiting[E any](h *Hub[E]) int { return int(h.waiters.n.Load()) }

func BlockOf[E any]() int { return blockOf[E]() }
