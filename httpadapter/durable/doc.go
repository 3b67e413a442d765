// Package durable serves topics over the Durable Streams protocol, an open protocol for logs over HTTP that has
// clients in many languages.
//
//	mux.Handle("/streams/{name...}", durable.Handler(topics.Memory(10_000), func(r *http.Request) (string, error) {
//		return r.PathValue("name"), nil
//	}))
//
// A client creates a stream, appends to it, and reads it from any offset: the data that it has, and then the data to come.
// Appends can be repeated without repeating their data. [Handler] describes the answers.
//
// # What a Store holds
//
// Each append is one entry of the topic with the name of the stream. The entry holds the data and, before them, the state
// of the stream after the append: its type, its expiry, whether it is closed, and the last numbers of its producers. So
// the newest entry has the current state of the stream. An entry is stored only if the topic still ends with the entry
// that the handler has read. Therefore data and state are stored together or not at all, and the handlers of many programs
// over one Store act as one. A producer may repeat an append at another program. The state lives as long as the newest
// entry, so no limit of a Store can drop it before the data.
//
// An entry without state, as [topics.Topics.Publish] stores it, is a message of a stream of JSON. So a program can publish
// to a topic that clients of the protocol read. Once such a client has written to the topic, the program reads its entries
// with [Data]. A stream keeps its state while fewer than 256 entries without state follow the last one with state.
package durable
