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
// The stream is the topic with its name. Each append of bytes or text is an entry. In a stream of JSON, each value is an entry,
// as [topics.Topics.Publish] stores it. So programs read the stream with [topics.Topics], and clients of the protocol read
// messages that programs publish. A closed stream is a topic that has ended. The creation of a stream without data, and its
// closing without data, are entries without data, which are Bookmarks for Topics.
//
// The Meta of each entry holds the state of the stream after the entry: its type, its expiry, whether it is closed, and the
// last numbers of its producers. So the newest entry has the current state, and no limit of a Store can drop the state before
// the data. An entry is stored only if the topic still ends with the entry that the handler has read. Therefore the handlers
// of many programs over one Store act as one. A producer may repeat an append at another program. If a program dies when it
// has stored some values of an append, the repeated append stores the others.
//
// An entry of a program has no Meta. A stream keeps its state while fewer than 256 such entries follow the last one with
// state. A stream without state is a stream of JSON.
package durable
