// Package text holds adapters between bytes and text: [Decode] and [Encode] for the
// character sets of golang.org/x/text, [Lines], and [Search] for a pattern. What they
// make does not depend on how the stream is cut into chunks.
//
// The memory of a chunk belongs to whoever is handed it, here and everywhere in the
// toolkit, unless the source says that it uses it again. What Lines and Search hand on
// shares the memory of the chunk that it was found in: whoever keeps a line keeps that
// chunk. Its capacity is cut, so appending to it does not change what follows.
package text
