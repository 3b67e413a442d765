package interop_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter/websocket"
	"github.com/halley-go/halley/iteratee"
)

// The client subscribes again after each cut, and its variables have the position of the last message.
func TestGraphQL(t *testing.T) {
	t.Parallel()
	s := newStage(t, graphql)
	got := node("graphql-ws")(t, s.url)
	s.runs(1)
	s.push(1)
	s.expect(got, messages(0, 1))
	s.storm(10)
	s.push(10)
	s.expect(got, messages(0, s.pushed))
}

// A frame is a message of the subprotocol graphql-transport-ws.
type frame struct {
	ID      string `json:"id,omitempty"`
	Type    string `json:"type"`
	Payload object `json:"payload,omitempty"`
}

// graphql serves one subscription, of numbers after a position.
func graphql(source source) http.Handler {
	return websocket.Handler(websocket.JSON[frame, frame](), func(r *http.Request) (iteratee.Iteratee[frame, struct{}], enumerator.Enumerator[frame], error) {
		if websocket.Subprotocol(r) != "graphql-transport-ws" {
			return iteratee.Ignore[frame](), enumerator.Enumerator[frame]{}, websocket.CloseError{Code: 4406, Reason: "Subprotocol not acceptable"}
		}
		requests, frames := enumerator.Joined[frame]()
		return requests, enumerator.FlatMapConcurrent(frames, 2, func(request frame) enumerator.Enumerator[frame] {
			switch request.Type {
			case "connection_init":
				return enumerator.Of(frame{Type: "connection_ack"})
			case "subscribe":
				return enumerator.Defer(func(context.Context) (enumerator.Enumerator[frame], error) { return subscribe(source, r, request) })
			}
			return enumerator.Empty[frame]()
		}), nil
	}, websocket.Subprotocols("graphql-transport-ws"))
}

// subscribe returns the answers to a request: the values and positions of the stream.
func subscribe(source source, r *http.Request, request frame) (enumerator.Enumerator[frame], error) {
	variables, _ := request.Payload["variables"].(object)
	after, _ := variables["after"].(string)
	position, err := enumerator.ParsePosition(after)
	if err != nil {
		return enumerator.Empty[frame](), err
	}
	items, err := source(r, position)
	return enumerator.Map(items, func(i enumerator.Item[int]) frame {
		return frame{request.ID, "next", object{"data": object{"numbers": comet.RecordOf(i)}}}
	}), err
}
