// Package topics has named hubs. Their elements are kept in a [Store], which belongs to one process or is shared by
// many.
//
// A program publishes to a topic, and reads a topic like an [enumerator.Hub]. With [Memory] the topics belong to one
// process. With package jetstream they outlast a restart, and many machines can share them. The rest of the program
// stays the same.
package topics
