// Package jetstream keeps the entries of topics in a stream of NATS JetStream. They outlast a restart, and many programs
// share them.
//
// One stream holds all topics. Package embedded runs a server in this process. Other servers should have the version of that
// one, 2.15, or a later one: older ones are not tested.
//
// # How it works
//
// The stream republishes each entry that it has stored, and a program subscribes to the topics that it watches. An idle topic
// costs a subscription and no goroutine. Each republished entry names the one before it. If a watcher did not get that one, it
// reads the entries in between from the stream. An audit every two seconds finds entries that were stored and never
// republished because a server died, and a stream that was replaced by another one.
//
// The Seq of a Position is the number of the entry in the stream, followed by 16 bits of the hash of its message id. An
// entry of a stream that was made anew, or put back from an older copy, has another hash than the entry that had its number
// before. The Epoch is the hash of the name of the stream.
//
// # Guarantees
//
// An entry that was acknowledged is on the disks of most replicas, if the servers sync their files as package embedded
// does. It was stored once, even if the connection or the leader of the stream was lost meanwhile.
//
// A read from a Position returns all later entries or says that some may be missing. It also says so if none is missing and
// the entry at the Position is no longer kept. A Position of one topic is a place of the other topics, as long as an entry
// from before it is kept.
//
// The stream refuses all entries after the end of a topic, whichever programs publish at the same time. The end leaves one
// entry for good, and a deletion leaves one for a day.
//
// The name of a topic becomes one token of a subject, so it is never a pattern. Programs that can publish to the
// subjects of the stream, "halley.<stream>.>", can break all of this: keep clients away from them.
package jetstream
