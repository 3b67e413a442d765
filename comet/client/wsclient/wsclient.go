// Package wsclient is the WebSocket transport of the script of package client.
//
// It is a package of its own so that programs without WebSockets do not depend on
// github.com/coder/websocket.
package wsclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	coder "github.com/coder/websocket"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/comet/internal/progress"
	"github.com/halley-go/halley/comet/internal/unsent"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/websocket"
	"github.com/halley-go/halley/iteratee"
)

// Handler returns the http.Handler that sends a stream of Items over a WebSocket to each request that asks for one.
// It hands all other requests to next, such as the client.Handler of the same source, so one URL serves all
// transports. source is described at client.Handler.
//
// Each [comet.Record] is a text message with the JSON of the Record. The first message is a heartbeat with
// the time between heartbeats in milliseconds. When nothing was sent for that time, which is 15 s, the client
// gets another heartbeat, or a Bookmark if the source has moved on without messages. As in client.Handler,
// not all of several Bookmarks in a row are sent, and a gap takes the place of a message that cannot be
// encoded, which is logged.
//
// When the source sends EOF or has run out, the client gets a Record with the Event End and close code 1000.
// It gets code 1001 if the server shuts down, and 1011 if the source fails. After these two codes it connects
// again, with the ID of the last Record in the query parameter lastEventId. A client that sends a message
// gets code 1008.
//
// An error of source answers the request as in websocket.Handler. A page does not learn the status of that
// answer. So if the query parameter transport is websocket, two kinds of errors open a connection and close
// it. A StatusError 204 sends the Record of the End. A StatusError of 400 to 499 closes the connection with
// code 4000 plus the status, except 408, 425 and 429, after which the client should come back.
//
// opts are for the WebSockets. By default only pages of the requested host may connect: see [websocket.Origins].
// [httpadapter.Limited] limits the number of connections. Handler panics if source or next is nil.
func Handler[E any](source func(r *http.Request, after enumerator.Position) (enumerator.Enumerator[enumerator.Item[E]], error), next http.Handler, opts ...websocket.Option) http.Handler {
	if source == nil {
		panic("comet/client/wsclient: Handler: source must not be nil")
	}
	if next == nil {
		panic("comet/client/wsclient: Handler: next must not be nil")
	}
	encode := comet.Recover(enumeratee.MapM(encodeItem[E]), unsent.Report[E](websocket.LoggerOf(opts...)))
	sockets := websocket.Handler(websocket.Mixed(), func(r *http.Request) (iteratee.Iteratee[websocket.Message, struct{}], enumerator.Enumerator[websocket.Message], error) {
		items, err := source(r, comet.Cursor(r.Header, r.URL.Query()))
		if err != nil && r.URL.Query().Get("transport") == "websocket" {
			items, err = enumerator.Empty[enumerator.Item[E]](), refusal(err)
		}
		var progress progress.Tracker[E]
		var failure error // of the source; the client gets all messages before it
		records := enumerator.Catch(enumerator.Through(progress.Items(items), encode), func(err error) enumerator.Enumerator[websocket.Message] {
			failure = err
			return enumerator.Empty[websocket.Message]()
		})
		return nothing, enumerator.Through(records, enumeratee.Async(withHeartbeats(progress.Untold, &failure))), err
	}, opts...)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if wantsWebSocket(r) {
			sockets.ServeHTTP(w, r)
		} else {
			next.ServeHTTP(w, r)
		}
	})
}

// wantsWebSocket reports whether r asks for a WebSocket.
func wantsWebSocket(r *http.Request) bool {
	for _, value := range r.Header.Values("Upgrade") {
		for protocol := range strings.SplitSeq(value, ",") {
			if strings.EqualFold(strings.TrimSpace(protocol), "websocket") {
				return true
			}
		}
	}
	return false
}

// refusal returns the error for a page that has got err. It is nil if the stream is complete.
func refusal(err error) error {
	e, ok := errors.AsType[*httpadapter.StatusError](err)
	if !ok {
		return err
	}
	switch e.Status {
	case http.StatusNoContent:
		return nil
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return err
	}
	if e.Status >= 400 && e.Status <= 499 {
		return fmt.Errorf("%w: %w", websocket.CloseError{Code: 4000 + coder.StatusCode(e.Status), Reason: http.StatusText(e.Status)}, err)
	}
	return err
}

// nothing refuses messages of the client.
var nothing = iteratee.ForEach(func(context.Context, websocket.Message) error {
	return websocket.CloseError{Code: coder.StatusPolicyViolation, Reason: "expected no messages"}
})

func encodeItem[E any](_ context.Context, item enumerator.Item[E]) (websocket.Message, error) {
	return encode(comet.RecordOf(item))
}

func encode(r comet.Record) (websocket.Message, error) {
	text, err := json.Marshal(r)
	return websocket.Message{Data: text}, err
}

// heartbeat is the longest time without a message to the client.
const heartbeat = 15 * time.Second

// withHeartbeats returns the loop that hands on the messages and the heartbeats. untold returns the Bookmark of a
// heartbeat. The loop ends with failure once in is closed.
func withHeartbeats[E any](untold func() (enumerator.Item[E], bool), failure *error) func(context.Context, <-chan websocket.Message, iteratee.Outlet[websocket.Message]) iteratee.Step {
	return func(ctx context.Context, in <-chan websocket.Message, out iteratee.Outlet[websocket.Message]) iteratee.Step {
		timer := time.NewTimer(heartbeat)
		defer timer.Stop()
		m := message(comet.Record{Event: comet.Beat, Data: heartbeat.Milliseconds()})
		for {
			if step := out.Next(m); !step.IsCont() {
				return step
			}
			timer.Reset(heartbeat)
			var ok bool
			select {
			case <-ctx.Done():
				return iteratee.Cancelled(ctx)
			case m, ok = <-in:
				if !ok && *failure != nil {
					return iteratee.StepError(*failure)
				}
				if !ok {
					return iteratee.StepCont
				}
			case <-timer.C:
				r := comet.Record{Event: comet.Beat}
				if bookmark, ok := untold(); ok {
					r = comet.RecordOf(bookmark)
				}
				m = message(r)
			}
		}
	}
}

// message returns the message of a notice.
func message(r comet.Record) websocket.Message {
	m, err := encode(r)
	if err != nil {
		panic(err) // its data is a number at most
	}
	return m
}
