// Package wschat is the chat of package chat over WebSocket.
//
// The room is the same; only how messages travel differs. One connection takes what its
// client posts, and brings what everybody says. What it brings are the records that other
// techniques have too, so a client that comes again goes on where it was.
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

// Handler serves the page, and the WebSocket into room.
func Handler(room *chat.Room) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /wschat", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, Source, "wschat.html")
	})
	// Pages of other sites cannot connect.
	socket := websocket.Handler(websocket.JSON[post, comet.Record](),
		func(r *http.Request) (iteratee.Iteratee[post, struct{}], enumerator.Enumerator[comet.Record], error) {
			in, out := join(room, visitor.Address(r), comet.Cursor(r.Header, r.URL.Query()))
			return in, out, nil
		},
		websocket.MaxMessage(16<<10),
	)
	mux.Handle("GET /wschat/socket", httpadapter.Limited(socket,
		httpadapter.Limit(1000), httpadapter.LimitPerKey(50, visitor.Address)))
	return mux
}

// A post is what a client sends.
type post struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// end snippet

// snippet: join

// join returns the Iteratee of the posts of a poster, and the Enumerator of the records for
// its client: the messages of the room after a Position, and an answer to each post.
func join(room *chat.Room, poster string, after enumerator.Position) (iteratee.Iteratee[post, struct{}], enumerator.Enumerator[comet.Record]) {
	// A client that does not read its answers is not read either: nothing piles up.
	answers := make(chan comet.Record)
	in := enumeratee.Transform(
		enumeratee.MapM(func(ctx context.Context, p post) (comet.Record, error) {
			return answer(room.Post(ctx, poster, p.Name, p.Text))
		}),
		iteratee.ToChan(answers),
	)
	said := enumerator.Through(room.Messages(after), enumeratee.Map(comet.RecordOf[chat.Message]))
	return in, enumerator.Interleave(said, enumerator.FromChan(answers))
}

// end snippet

// answer tells a client what became of its post, which is nothing if all went well. That
// the room is closed ends the connection.
func answer(err error) (comet.Record, error) {
	switch {
	case err == nil:
		return comet.Record{Event: "answer", Data: ""}, nil
	case errors.Is(err, chat.ErrLength), errors.Is(err, chat.ErrBusy):
		return comet.Record{Event: "answer", Data: err.Error()}, nil
	}
	return comet.Record{}, err
}
