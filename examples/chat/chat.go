// Package chat is a chat with rooms.
//
// A room is a topic. The first message creates it, and it is gone when the store has dropped its
// messages. So a room that nobody uses costs nothing. A [Chat] runs on any store of topics: in
// memory, on disk, or on many machines. It does not depend on a transport either. Here, messages
// arrive by form and leave by the transports of package client. A page has one stream for its room and
// one for the list of rooms, so client.Fanout encodes each message once for all pages of a room. In
// package wschat, messages arrive and leave by WebSocket, and the list comes among the messages.
package chat

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumeratee/items"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/examples/visitor"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/parse"
	"github.com/halley-go/halley/iteratee"
)

// Source is this file and the page. The limits of posts are in limit.go.
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

// A Chat has rooms by name. Its methods, and those of its rooms, may be called by several
// goroutines at once. [New] makes a Chat.
type Chat struct {
	rooms *topics.Topics[Message]
	open  *enumerator.Shared[[]OpenRoom]

	mu       sync.Mutex          // guards the fields below
	visitors map[string]int      // the number of streams from each room
	busy     map[limit]time.Time // when the pauses of all messages under the limit are over
	swept    time.Time           // when limits whose pauses are over were last dropped
}

// New returns a Chat whose rooms are topics.
func New(rooms *topics.Topics[Message]) *Chat {
	c := &Chat{rooms: rooms, visitors: map[string]int{}, busy: map[limit]time.Time{}}
	c.open = enumerator.Share(
		enumerator.Through(enumerator.Interval(500*time.Millisecond), enumeratee.Compose(
			enumeratee.Map(c.list),
			enumeratee.DistinctUntilChangedFunc(slices.Equal[[]OpenRoom]),
		)),
		enumerator.Capacity(1), enumerator.WhenFull(enumerator.DropOldest),
	)
	return c
}

// A Room is a room of a Chat.
type Room struct {
	chat  *Chat
	topic topics.Topic[Message]
}

// Room returns the room with a name, which may be any short text. The room need not exist.
func (c *Chat) Room(name string) (Room, error) {
	name = strings.TrimSpace(name)
	if !fits(name, maxRoom) {
		return Room{}, ErrRoom
	}
	return Room{c, c.rooms.Topic(name)}, nil
}

// Post sends a message to all clients in the room, without the spaces around name and text. poster
// identifies the sender, for example by address. Post limits the pace of each poster, of each room,
// and of the chat. If an error leaves it open whether the message was sent, post it again with the
// same key: it is sent once.
func (r Room) Post(ctx context.Context, poster, key, name, text string) error {
	m := Message{time.Now(), strings.TrimSpace(name), strings.TrimSpace(text)}
	if !fits(m.Name, maxName) || !fits(m.Text, maxText) || len(key) > maxKey {
		return ErrLength
	}
	if !r.chat.take(m.At, limit{posterPace, poster}, limit{roomPace, r.topic.Name()}, limit{chatPace, ""}) {
		return ErrBusy
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err := r.topic.Publish(ctx, key, m)
	return err
}

// Messages returns the messages of the room after a Position. The zero Position is for a client that
// has just joined: it gets the last messages first. Among the messages are lists of the open rooms,
// with the Event "rooms" and no Position. Each run counts as a visitor of the room.
func (r Room) Messages(after enumerator.Position) enumerator.Enumerator[enumerator.Item[any]] {
	messages := enumerator.Through(r.topic.FromOrLast(after, lastMessages), items.Map(func(m Message) any { return m }))
	rooms := enumerator.Through(r.chat.open.Last(1), enumeratee.FilterMap(func(i enumerator.Item[[]OpenRoom]) (enumerator.Item[any], bool) {
		return enumerator.Item[any]{Value: i.Value, Event: "rooms"}, i.IsMessage()
	}))
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[enumerator.Item[any]]) iteratee.Step {
		r.chat.visit(r.topic.Name(), 1)
		defer r.chat.visit(r.topic.Name(), -1)
		return enumerator.Interleave(messages, rooms).Into(ctx, sink)
	})
}

// end snippet

const (
	maxRoom = 40   // characters
	maxName = 30   // characters
	maxText = 1000 // characters
	maxKey  = 40   // bytes

	lastMessages = 100 // of a room, for a client that has just joined

	maxOpen  = 20               // rooms in a list
	patience = 15 * time.Second // for the store, which may have to elect a leader first
)

// fits reports whether text has 1 to most characters.
func fits(text string, most int) bool {
	return text != "" && utf8.ValidString(text) && utf8.RuneCountInString(text) <= most
}

// The pages show the texts of these errors.
var (
	// ErrRoom is the error of a room whose name is empty or too long.
	ErrRoom = fmt.Errorf("the name of a room has 1 to %d characters", maxRoom)

	// ErrLength is the error of a post whose name or text is empty or too long.
	ErrLength = fmt.Errorf("a name has 1 to %d characters, and a message 1 to %d", maxName, maxText)

	// ErrBusy is the error of a post when too many messages come at once.
	ErrBusy = errors.New("too many messages at once")
)

// An OpenRoom is a room with visitors.
type OpenRoom struct {
	Name     string `json:"name"`
	Visitors int    `json:"visitors"`
}

// visit adds n to the number of visitors of a room.
func (c *Chat) visit(room string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.visitors[room] += n; c.visitors[room] == 0 {
		delete(c.visitors, room)
	}
}

// list returns the open rooms of this process. The rooms with the most visitors come first.
func (c *Chat) list(time.Time) []OpenRoom {
	c.mu.Lock()
	defer c.mu.Unlock()
	var rooms []OpenRoom
	for name, n := range c.visitors {
		rooms = append(rooms, OpenRoom{name, n})
	}
	slices.SortFunc(rooms, func(a, b OpenRoom) int {
		return cmp.Or(b.Visitors-a.Visitors, strings.Compare(a.Name, b.Name))
	})
	return rooms[:min(len(rooms), maxOpen)]
}

// snippet: handler

// Handler serves the page, the script of package client, and the rooms of chat.
func Handler(chat *Chat) http.Handler {
	messages := func(r *http.Request) (source enumerator.Source[Message], last int, err error) {
		room, err := chat.Room(RoomOf(r.URL.Query()))
		return room.topic, lastMessages, Status(err)
	}
	rooms := func(*http.Request) (source enumerator.Source[[]OpenRoom], last int, err error) {
		return chat.open, 1, nil
	}
	visit := func(r *http.Request, n int) {
		if room, err := chat.Room(RoomOf(r.URL.Query())); err == nil {
			chat.visit(room.topic.Name(), n)
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /chat", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, Source, "chat.html")
	})
	mux.Handle("GET /chat/halley.js", client.Script())
	mux.Handle("GET /chat/stream", client.Fanout(messages,
		httpadapter.Limit(1000), httpadapter.LimitPerKey(50, visitor.Address),
		httpadapter.MaxDuration(time.Hour), // then the script reconnects and resumes
		httpadapter.OnStart(func(r *http.Request) { visit(r, 1) }),
		httpadapter.OnEnd(func(r *http.Request, o httpadapter.Outcome) {
			if o.Started {
				visit(r, -1)
			}
		}),
	))
	mux.Handle("GET /chat/rooms", client.Fanout(rooms,
		httpadapter.Limit(1000), httpadapter.LimitPerKey(50, visitor.Address), httpadapter.MaxDuration(time.Hour),
	))
	// Forms of other sites cannot post here.
	mux.Handle("POST /chat/messages", http.NewCrossOriginProtection().Handler(post(chat)))
	return mux
}

// post handles the form of the page.
func post(chat *Chat) http.Handler {
	return parse.Action(parse.Form(16<<10), func(w http.ResponseWriter, r *http.Request, form url.Values) error {
		room, err := chat.Room(RoomOf(form))
		if err == nil {
			err = room.Post(r.Context(), visitor.Address(r), form.Get("key"), form.Get("name"), form.Get("text"))
		}
		if err == nil {
			w.WriteHeader(http.StatusNoContent)
		}
		return Status(err)
	}, httpadapter.BodyTimeout(10*time.Second))
}

// end snippet

// RoomOf returns the name of the room in the parameters of a page.
func RoomOf(form url.Values) string { return cmp.Or(form.Get("room"), "lobby") }

// Status returns err with the status of its answer.
func Status(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrRoom), errors.Is(err, ErrLength):
		return &httpadapter.StatusError{Status: http.StatusBadRequest, Text: err.Error()}
	case errors.Is(err, ErrBusy):
		return &httpadapter.StatusError{Status: http.StatusTooManyRequests, Text: err.Error(), Header: http.Header{"Retry-After": {"1"}}}
	default:
		return &httpadapter.StatusError{Status: http.StatusServiceUnavailable, Text: "the message may not have been stored: send it again", Err: err}
	}
}
