// Package chunk holds adapters for streams whose elements are chunks: slices of items,
// most often of bytes. They count and inspect the items; the boundaries between chunks
// do not matter.
//
// An adapter splits a chunk where necessary, so its leftovers are exact to the item. It
// does not leave over an empty part of a chunk. The parts share the chunk's memory. A part
// that is handed on has its capacity cut, so appending to it does not overwrite the items
// after it.
package chunk
