package ndjson

// MediaTypes returns the media types under which servers send one JSON value per line, in a new
// slice, as httpadapter.Response takes them. No such type is registered. The first is
// application/x-ndjson, which httpadapter.NDJSON sends. The type for [EncodeSeq] is
// application/json-seq.
func MediaTypes() []string {
	return []string{
		"application/x-ndjson", "application/ndjson",
		"application/jsonl", "application/x-jsonl",
		"application/jsonlines", "application/x-jsonlines", "application/json-lines",
	}
}
