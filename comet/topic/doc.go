// Package topic serves topics over HTTP: pages and programs read them and publish to them.
//
//	mux.Handle("/topics/{topic}", topic.Handler(all, allow)) // one topic
//	mux.Handle("/topics", topic.Handler(all, allow))         // ?topic=news&topic=prices
//
// [Handler] describes both forms. A function of the program decides which topics a request may read and publish to.
package topic
