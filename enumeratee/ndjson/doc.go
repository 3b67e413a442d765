// Package ndjson holds adapters from streams of JSON values to streams of bytes, and back. [Encode]
// and [Decode] are for one value per line, known as NDJSON and as JSON Lines. [EncodeSeq] and
// [DecodeSeq] are for the JSON text sequences of RFC 7464.
package ndjson
