// Package interop tests Halley's streams with clients that others wrote: in node, in Chromium and in Go.
//
// Each test reads a stream of a hub through a proxy that cuts connections at random bytes. The client must get
// each message once and in order. The clients of npm are in package.json, and their drivers in the folder
// drivers: a driver prints each event that it gets as a line.
//
// The conformance suite of Durable Streams and its client run against package durable over memory and JetStream. The
// client also runs while nodes of a cluster are killed. The chat of the AI SDK runs against package answers.
package interop
