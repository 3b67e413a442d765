// Package jetstream keeps the entries of topics in a stream of NATS JetStream. They outlast a restart, and many programs
// share them.
//
// One stream holds all topics. The server must be of version 2.12 or later. Package embedded runs it in this process.
//
// # How it works
//
// The stream republishes each entry that it has stored. A program that watches a topic subscribes to its entries, and
// costs the server no more than a subscription. Each republished entry names the one before it. If that is not
// the last one that the watcher got, those between are read from the stream. Every two seconds one request for a
// thousand topics finds entries that were stored and never republished, because a server died.
//
// The Seq of a Position is the number of the entry in the stream, and 16 bits of the hash of its message id. So an
// entry of a stream that was made anew, or put back from an older copy, is not taken for another one with the same number.
// The Epoch is the hash of the name of the stream.
//
// # Guarantees
//
// An entry is stored once Append has returned its Position: on the disks of most replicas, if the servers sync their files.
// A read from the Position of an entry is exact or says that it is not. It can say so although nothing is missing, if the
// entry at the Position is no longer kept.
//
// No entry follows the end of a topic, whichever programs publish at the same time: the stream refuses it.
//
// What a client gives as the name of a topic is one topic, and never a pattern.
package jetstream
