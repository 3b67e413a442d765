package enumerator

// Interleave returns the Enumerator of the elements of all of es, as they come: in the order
// of each source, and in any order of the sources. It runs out when all of them have. A
// failure of one stops the others and ends the run. Without sources it is [Empty].
//
// It runs each source in a goroutine of its own, and the consumer in that of the run. A source
// makes its next element when the consumer has answered the one before. When the consumer is
// done, or a source has failed, the context of all sources ends; Interleave waits until they
// have returned. A failure of a source ends the context of the consumer as well, which may be
// busy with an element of another. If one of them fails or panics on that, so does the run, unless it has
// already. A panic of a source reaches the caller of the run.
//
// It is Play's Enumerator.interleave and >-, and the merge of ReactiveX. EOF reaches the consumer
// when all sources have sent it, as in Play.
func Interleave[E any](es ...Enumerator[E]) Enumerator[E] {
	return merged("Interleave", func(m *merge[E]) {
		for _, e := range es {
			m.start(m.ctx, e, nil)
		}
	})
}
