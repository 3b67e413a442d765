// Package chat is a chat room.
//
// A [Room] is a hub: what is posted goes to everybody who is there, and who comes later
// gets the last messages first. It knows nothing of how messages travel. Here they come by
// form, and leave by the techniques of package client; in package wschat they do both by
// WebSocket.
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

// A Message is what somebody has said.
type Message struct {
	At   time.Time `json:"at"`
	Name string    `json:"name"`
	Text string    `json:"text"`
}

// A Room is where people talk. It holds the last 100 messages. Its methods may be called
// by several goroutines at once. A Room is made by [NewRoom].
type Room struct {
	hub *enumerator.Hub[Message]

	mu      sync.Mutex
	busy    time.Time            // when all messages have had their pauses
	posters map[string]time.Time // when those of each poster have had theirs
}

// NewRoom returns an empty Room.
func NewRoom() *Room {
	return &Room{hub: enumerator.Broadcast[Message](enumerator.Capacity(100)), posters: map[string]time.Time{}}
}

const (
	maxName = 30   // characters
	maxText = 1000 // characters
)

// A pace is how fast messages may come: burst of them at once, and another after each pause.
type pace struct {
	burst int
	pause time.Duration
}

var (
	ofOne = pace{20, 200 * time.Millisecond}
	ofAll = pace{200, 20 * time.Millisecond} // ten times as fast: no poster can keep out all others
)

// The pages show what these say.
var (
	// ErrLength is the error of a post whose name or text is empty or too long.
	ErrLength = fmt.Errorf("a name has 1 to %d characters, and a message 1 to %d", maxName, maxText)

	// ErrBusy is the error of a post while too many come at once.
	ErrBusy = errors.New("too many messages at once")
)

// Post sends a message to everybody. Spaces around name and text do not count. The poster is
// an address, for example: each has a pace of its own, and all of them have one together.
func (r *Room) Post(ctx context.Context, poster, name, text string) error {
	m := Message{Name: strings.TrimSpace(name), Text: strings.TrimSpace(text)}
	if m.Name == "" || m.Text == "" || utf8.RuneCountInString(m.Name) > maxName || utf8.RuneCountInString(m.Text) > maxText {
		return ErrLength
	}
	r.mu.Lock()
	defer r.mu.Unlock() // after the push: messages are in the order of their times
	m.At = time.Now()
	own, ownFits := ofOne.add(r.posters[poster], m.At)
	all, allFit := ofAll.add(r.busy, m.At)
	if !ownFits || !allFit {
		return ErrBusy
	}
	// Only those that have posted within the last seconds are left: the pace of all bounds them.
	maps.DeleteFunc(r.posters, func(_ string, busy time.Time) bool { return !busy.After(m.At) })
	r.posters[poster], r.busy = own, all
	return r.hub.Push(ctx, m)
}

// add returns until when the messages are busy after one more, and whether it may come now.
// busy is until when they were before.
func (p pace) add(busy, now time.Time) (until time.Time, fits bool) {
	if busy.Before(now) {
		busy = now
	}
	until = busy.Add(p.pause)
	return until, until.Sub(now) <= time.Duration(p.burst)*p.pause
}

// Messages returns what is said in the Room after a Position; for the zero one, who has
// just come, the messages that the Room holds come first.
func (r *Room) Messages(after enumerator.Position) enumerator.Enumerator[enumerator.Item[Message]] {
	if after == (enumerator.Position{}) {
		return r.hub.Last(100)
	}
	return r.hub.From(after)
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
		httpadapter.MaxDuration(time.Hour), // the script comes back, and goes on where it was
	))
	// Forms of other sites cannot post here.
	mux.Handle("POST /chat/messages", http.NewCrossOriginProtection().Handler(post(room)))
	return mux
}

// post takes what the form of the page sends.
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
