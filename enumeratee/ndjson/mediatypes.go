package ndjson

// MediaTypes returns the media types under which servers send a JSON value per line, in a new slice.
// None is registered: application/x-ndjson, which httpadapter.NDJSON sends, comes first. It is for
// httpadapter.Response. That of [EncodeSeq] is application/json-seq.
func MediaTypes() []string {
	return []string{
		"application/x-ndjson", "application/ndjson",
		"application/jsonl", "application/x-jsonl",
		"application/jsonlines", "application/x-jsonlines", "application/json-lines",
	}
}
