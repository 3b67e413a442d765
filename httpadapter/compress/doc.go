// Package compress compresses the streams of package httpadapter with gzip and zstd. It is a package
// of its own so that a program without it does not contain the compressors.
package compress
