// Package jetstream keeps the entries of topics in a stream of NATS JetStream. They outlast a restart, and many
// programs can share them.
//
// One stream holds all topics. Package embedded runs a server in this process. Its version is 2.15. Other servers
// should have this version or a later one: older versions are not tested.
//
// # How it works
//
// The stream republishes each entry that it has stored, and a program subscribes to the topics that it watches. An
// idle topic costs a subscription and no goroutine. Each republished entry names the entry before it. If a watcher
// did not get that entry, it reads the missing entries from the stream. An audit every two seconds finds entries
// that were stored but never republished because a server died. It also finds out whether the stream was replaced by
// another one.
//
// The Seq of a Position is the number of the entry in the stream, followed by 16 bits of the hash of its message id.
// If a stream is made anew or restored from an older copy, a new entry has another hash than the old entry with the
// same number. The Epoch is the hash of the name of the stream.
//
// An entry with a Row is stored twice, by one atomic publish: once for the readers of the topic, and once as the last
// entry of its row. So it takes longer than a message. On a single server it takes several times as long, because the
// server first writes each atomic publish to a file of its own.
//
// # Guarantees
//
// An entry that was acknowledged is on the disks of most replicas, if the servers sync their files as package embedded
// does. It was stored once, even if the connection or the leader of the stream was lost meanwhile.
//
// A read from a Position returns all later entries, or reports that some may be missing. A read from the Position
// of an entry that was dropped can report this although all later entries are there. A Position of one topic is also
// a place in another topic, as long as that topic keeps an entry from before it.
//
// The stream refuses all entries after the end of a topic, even if several programs publish at the same time. The end
// leaves one entry for good. A deletion leaves one entry for a day, and the removal of a row does too. If a program
// dies while it deletes a topic, the rows of the topic may come back after a day, unless the topic is deleted again.
//
// The name of a topic becomes one token of a subject, so it is never a pattern. Programs that can publish to the
// subjects of the stream, "halley.<stream>.>", can break all of these guarantees. Keep clients away from these
// subjects.
package jetstream
