// Package chunk holds adapters of streams whose elements are chunks: slices of items,
// most often of bytes. They count items and look at items, however those are cut into
// chunks.
//
// A chunk is split where that is needed, so what is left over is exact to the item,
// and never an empty chunk. The parts of a chunk share its memory. A part that is
// handed on has its capacity cut, so appending to it does not change what follows.
package chunk
