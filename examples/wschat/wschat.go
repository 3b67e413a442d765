// Package wschat is the chat of package chat over WebSocket.
//
// The rooms are the same; only the transport differs. One connection carries the posts of its
// client and the messages of a room. The messages are the same records as on the other
// transports, so a client that reconnects resumes where it was.
package wschat

import (
	"context"
	"embed"
	"errors"
	"net/http"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/examples/chat"
	"github.com/halley-go/halley/examples/visitor"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/websocket"
	"github.com/halley-go/halley/iteratee"
)

// Source is this file and the page.
//
//go:embed wschat.go wschat.html
var Source embed.FS

// snippet: handler

// Handler serves the page, and a WebSocket for each client of rooms.
func Handler(rooms *chat.Chat) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /wschat", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, Source, "wschat.html")
	})
	// Pages of other sites cannot connect.
	socket := websocket.Handler(websocket.JSON[post, comet.Record](),
		func(r *http.Request) (iteratee.Iteratee[post, struct{}], enumerator.Enumerator[comet.Record], error) {
			room, err := rooms.Room(chat.RoomOf(r.URL.Query()))
			if err != nil {
				return iteratee.Iteratee[post, struct{}]{}, enumerator.Enumerator[comet.Record]{}, chat.Status(err)
			}
			in, out := join(room, visitor.Address(r), comet.Cursor(r.Header, r.URL.Query()))
			return in, out, nil
		},
		websocket.MaxMessage(16<<10),
	)
	mux.Handle("GET /wschat/socket", httpadapter.Limited(socket,
		httpadapter.Limit(1000), httpadapter.LimitPerKey(50, visitor.Address)))
	return mux
}

// A post is a message from a client.
type post struct {
	Key  string `json:"key"`
	Name string `json:"name"`
	Text string `json:"text"`
}

// end snippet

// snippet: join

// join returns an Iteratee for the posts of a poster, and an Enumerator of the records for its
// client: the messages of the room after a Position, and an answer to each post.
func join(room chat.Room, poster string, after enumerator.Position) (iteratee.Iteratee[post, struct{}], enumerator.Enumerator[comet.Record]) {
	// The channel has no buffer: if a client does not read its answers, its posts wait.
	answers := make(chan comet.Record)
	in := enumeratee.Transform(
		enumeratee.MapM(func(ctx context.Context, p post) (comet.Record, error) {
			return answer(room.Post(ctx, poster, p.Key, p.Name, p.Text))
		}),
		iteratee.ToChan(answers),
	)
	messages := enumerator.Through(room.Messages(after), enumeratee.Map(comet.RecordOf[any]))
	return in, enumerator.Interleave(messages, enumerator.FromChan(answers))
}

// end snippet

// answer returns the answer to a post that ended with err: the text of ErrLength or ErrBusy, or
// an empty text for success. Any other error, such as one of the store, ends the connection.
func answer(err error) (comet.Record, error) {
	switch {
	case err == nil:
		return comet.Record{Event: "answer", Data: ""}, nil
	case errors.Is(err, chat.ErrLength), errors.Is(err, chat.ErrBusy):
		return comet.Record{Event: "answer", Data: err.Error()}, nil
	}
	return comet.Record{}, err
}
