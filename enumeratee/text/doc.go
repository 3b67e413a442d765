// Package text holds adapters between bytes and text: [Decode] and [Encode] for the
// character sets of golang.org/x/text, [Lines] and [LinesOrSkip], and [Search] for a pattern. The text,
// lines and matches do not depend on how the stream is cut into chunks.
//
// As everywhere in the toolkit, a chunk belongs to its consumer, unless the source says that it
// uses the memory again. A line of Lines or a piece of Search shares the memory of the chunk in
// which it was found, so keeping a line keeps that chunk. The capacity of the line or piece is cut,
// so appending to it does not overwrite the bytes after it.
package text
