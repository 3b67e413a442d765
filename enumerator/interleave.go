package enumerator

// Interleave returns an Enumerator of the elements of all sources, as they come. The elements of
// each source keep their order. Interleave runs out when all sources are over, and sends EOF if all
// of them have sent EOF. Without sources it is [Empty]. If a source fails, the others are stopped and
// the run ends with the error.
//
// Each source runs in a goroutine of its own, and the consumer in the goroutine of the run. A source
// makes its next element after the consumer has answered the one before. When the consumer is done or
// a source fails, the context of all sources ends, and Interleave waits until they have returned. If
// a source fails or panics while it stops, a run that has not failed yet fails or panics too. When a
// source fails, the context of the consumer ends as well, because the consumer may be busy with an
// element of another source. A panic of a source reaches the caller of the run.
//
// Play calls it Enumerator.interleave and >-. ReactiveX calls it Merge.
func Interleave[E any](sources ...Enumerator[E]) Enumerator[E] {
	return merged("Interleave", func(m *merge[E]) {
		for _, source := range sources {
			m.start(m.ctx, source, nil)
		}
	})
}
