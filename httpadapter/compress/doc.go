// Package compress compresses the streams of package httpadapter with gzip and zstd. It is a package
// of its own, so that programs that do not import it do not contain the compressors.
package compress
