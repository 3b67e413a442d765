// Package topics has hubs by name, whose elements are kept in a [Store] that one process has, or that many
// processes share.
//
// A program publishes to a topic, and reads a topic as it reads an [enumerator.Hub]. With [Memory] the topics
// are those of one process. With package jetstream they outlast a restart, or are the same on many machines. The
// rest of the program does not change.
package topics
