// Package chat is a chat room.
//
// A [Room] is a hub: it sends each message to all clients in the room. A client that joins
// later gets the last messages first. The Room does not depend on a transport. Here, messages
// arrive by form and leave by the transports of package client. In package wschat, they arrive
// and leave by WebSocket.
package chat

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/examples/visitor"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/parse"
)

// Source is this file and the page.
//
//go:embed chat.go chat.html
var Source embed.FS

// snippet: room

// A Message is a posted message.
type Message struct {
	At   time.Time `json:"at"`
	Name string    `json:"name"`
	Text string    `json:"text"`
}

// A Room passes messages on and holds the last 100 of them. Its methods may be called by
// several goroutines at once. [NewRoom] makes a Room.
type Room struct {
	hub *enumerator.Hub[Message]

	mu      sync.Mutex
	busy    time.Time            // when the pauses of all messages are over
	posters map[string]time.Time // when those of each poster's messages are over
}

// NewRoom returns an empty Room.
func NewRoom() *Room {
	return &Room{hub: enumerator.Broadcast[Message](enumerator.Capacity(100)), posters: map[string]time.Time{}}
}

const (
	maxName = 30   // characters
	maxText = 1000 // characters
)

// A pace allows burst messages at once, and another message after each pause.
type pace struct {
	burst int
	pause time.Duration
}

var (
	posterPace = pace{20, 200 * time.Millisecond}
	roomPace   = pace{200, 20 * time.Millisecond} // ten times as fast, so that no poster can keep out the others
)

// The pages show the texts of these errors.
var (
	// ErrLength is the error of a post whose name or text is empty or too long.
	ErrLength = fmt.Errorf("a name has 1 to %d characters, and a message 1 to %d", maxName, maxText)

	// ErrBusy is the error of a post when too many messages come at once.
	ErrBusy = errors.New("too many messages at once")
)

// Post sends a message to all clients, without the spaces around name and text. poster
// identifies the sender, for example by address. Post limits the pace of each poster, and of
// all posters together.
func (r *Room) Post(ctx context.Context, poster, name, text string) error {
	m := Message{Name: strings.TrimSpace(name), Text: strings.TrimSpace(text)}
	if m.Name == "" || m.Text == "" || utf8.RuneCountInString(m.Name) > maxName || utf8.RuneCountInString(m.Text) > maxText {
		return ErrLength
	}
	r.mu.Lock()
	defer r.mu.Unlock() // after the push, so that messages are ordered by time
	m.At = time.Now()
	own, ownFits := posterPace.add(r.posters[poster], m.At)
	all, allFit := roomPace.add(r.busy, m.At)
	if !ownFits || !allFit {
		return ErrBusy
	}
	// Keep only the posters of the last seconds. The pace of the room bounds their number.
	maps.DeleteFunc(r.posters, func(_ string, busy time.Time) bool { return !busy.After(m.At) })
	r.posters[poster], r.busy = own, all
	return r.hub.Push(ctx, m)
}

// add adds the pause of a message at now to busy, the end of all earlier pauses. It returns the
// new end, and whether the pace allows the message.
func (p pace) add(busy, now time.Time) (until time.Time, fits bool) {
	if busy.Before(now) {
		busy = now
	}
	until = busy.Add(p.pause)
	return until, until.Sub(now) <= time.Duration(p.burst)*p.pause
}

// Messages returns the messages of the Room after a Position. The zero Position is for a client
// that has just joined: the messages that the Room holds come first.
func (r *Room) Messages(after enumerator.Position) enumerator.Enumerator[enumerator.Item[Message]] {
	return r.hub.FromOrLast(after, 100)
}

// end snippet

// snippet: handler

// Handler serves the page, the script of package client, and room.
func Handler(room *Room) http.Handler {
	stream := func(_ *http.Request, after enumerator.Position) (enumerator.Enumerator[enumerator.Item[Message]], error) {
		return room.Messages(after), nil
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /chat", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, Source, "chat.html")
	})
	mux.Handle("GET /chat/halley.js", client.Script())
	mux.Handle("GET /chat/stream", client.Handler(stream,
		httpadapter.Limit(1000), httpadapter.LimitPerKey(50, visitor.Address),
		httpadapter.MaxDuration(time.Hour), // then the script reconnects and resumes
	))
	// Forms of other sites cannot post here.
	mux.Handle("POST /chat/messages", http.NewCrossOriginProtection().Handler(post(room)))
	return mux
}

// post handles the form of the page.
func post(room *Room) http.Handler {
	return parse.Action(parse.Form(16<<10), func(w http.ResponseWriter, r *http.Request, form url.Values) error {
		err := room.Post(r.Context(), visitor.Address(r), form.Get("name"), form.Get("text"))
		switch {
		case errors.Is(err, ErrLength):
			return &httpadapter.StatusError{Status: http.StatusBadRequest, Text: err.Error()}
		case errors.Is(err, ErrBusy):
			w.Header().Set("Retry-After", "1")
			return &httpadapter.StatusError{Status: http.StatusTooManyRequests, Text: err.Error()}
		case err != nil:
			return &httpadapter.StatusError{Status: http.StatusServiceUnavailable, Text: "the room is closed", Err: err}
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	}, httpadapter.BodyTimeout(10*time.Second))
}

// end snippet
