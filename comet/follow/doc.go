// Package follow is the Go client of a stream: for a service that reads the stream of another service,
// and for tests.
//
// [Items] reads a stream of client.Handler, and [Events] reads any stream of server-sent events. Both
// are Enumerators. A run makes a request, connects again when the stream ends or falls silent, and resumes
// after the last event that the consumer has taken:
//
//	prices := follow.Items[Price](follow.Get("https://example.com/prices"))
//
// # How an attempt ends
//
// A response with status 200 and the media type of a stream is a stream. Any other response, and each
// end of a stream, is one of these:
//
//   - A response with status 204 ends the run in good order. For Items, an end record does too.
//   - A response with status 408, 425, 429 or 5xx, a response with status 200 and another media type,
//     such as an HTML page, a request that gets no response, and a stream that is cut, falls silent or
//     ends: the run waits and tries again.
//   - Any other response ends the run with an [httpadapter.ResponseError], which has the status and the
//     first bytes of the body. The http.Client follows redirects before that.
//   - An event that is larger than [Limit], malformed JSON, and an id that a header cannot carry end the
//     run with an error, because the next attempt would get the same again.
//
// # How long a run waits
//
// The run waits and gives up as in [retry.Resume], whose options [Retry] sets. Any byte of a stream
// counts as an element there. The server can set the wait:
//
//   - The Retry-After of a refusal sets the wait before the next attempt.
//   - The retry of an event stream sets the wait after an attempt that has given an event. After
//     other failures it is the least wait, unless [retry.Pace] sets another pace.
//
// These waits are made up to a half longer at random, so that a crowd of clients does not come back at the
// same time. A server cannot ask for less than 100 ms or more than an hour.
package follow
