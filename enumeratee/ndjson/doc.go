// Package ndjson has the adapters of streams of JSON values to streams of bytes, and back: a value
// per line, which is known as NDJSON and as JSON Lines ([Encode], [Decode]), and the JSON text
// sequences of RFC 7464 ([EncodeSeq], [DecodeSeq]).
package ndjson
