// Package answers generates and keeps answers that take their time, such as those of a language model. An answer does
// not depend on the request that has asked for it.
//
// [Answers.Start] runs a source in a goroutine and stores its elements in a topic. Any number of clients can read the
// answer from any position, in any process that has the Store open. A client may come late, lose its connection, or
// reload its page. After its end, an answer is kept for some time and is then forgotten. [Handler] serves answers over
// HTTP.
//
// # How it works
//
// Each answer has a topic of its own, and each element is an entry. Every entry is stored under the condition that the
// entry before it is the last one. So nothing follows the end of an answer, and any process can end it: to stop it, or to
// replace it by another answer with the same id. The process that generates the answer notices this when it stores the next
// entry. All ends of an answer have the same key, so the Store keeps only one of them, even if several processes end the
// answer at the same time.
//
// While the source is silent, the process that generates the answer stores a beat every five seconds. If a reader has
// got no entry for two beats, its process asks the Store. If the Store has no newer entry either, and gets none for one
// more beat, that process ends the answer as [Lost]. So readers learn within 15 seconds that a process has died, or as
// soon as the Store answers again. [Beat] changes this time.
package answers
