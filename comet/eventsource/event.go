package eventsource

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

const (
	// ContentType is the content type of an event stream.
	ContentType = "text/event-stream; charset=utf-8"

	// Heartbeat is an event of nothing but a comment, which no client takes notice of. It
	// is for keeping a connection open that has nothing to say.
	//
	// It is that of Play's EventSource.keepAlive.
	Heartbeat = ": \n\n"

	// HeartbeatEvent is an event named heartbeat without text. Unlike [Heartbeat], a page can
	// listen for it, and so notice when a stream has gone silent: the script of package client
	// does. It leaves the last id as it is.
	HeartbeatEvent = "event: heartbeat\ndata:\n\n"
)

// An Event is what is sent to the listeners of a client, or tells a client something. The
// zero Event is a message without text.
//
// It is Play's EventSource.Event, which knows neither Retry nor, in Play 2.x, Comment.
type Event struct {
	// Name says which listeners are called; those of message if it is empty.
	Name string

	// ID is what the client says it has seen when it connects again, in the header
	// Last-Event-ID. If it is empty, that stays what it was.
	ID string

	// Retry is how long the client is to wait before it connects again, if not 0. It is
	// sent in milliseconds, rounded up.
	Retry time.Duration

	// Data is the text for the listeners.
	Data string

	// NoData says that no listener is called: the event is for its other fields.
	NoData bool

	// Comment is what only who looks at the stream itself gets to see.
	Comment string
}

// AppendText appends the event as it stands in a stream. It fails if Name or ID holds CR
// or LF, if ID holds NUL, if Retry is negative, or if there is Data and NoData is set.
//
// It is Play's Event.formatted, which lets events be forged.
func (e Event) AppendText(b []byte) ([]byte, error) {
	switch {
	case strings.ContainsAny(e.Name, "\r\n"):
		return b, fmt.Errorf("comet/eventsource: the name of an event must not hold a line end, got %q", e.Name)
	case strings.ContainsAny(e.ID, "\x00\r\n"):
		return b, fmt.Errorf("comet/eventsource: the id of an event must hold neither a line end nor NUL, got %q", e.ID)
	case e.Retry < 0:
		return b, fmt.Errorf("comet/eventsource: the retry of an event must not be negative, got %v", e.Retry)
	case e.NoData && e.Data != "":
		return b, errors.New("comet/eventsource: an event with data must not have NoData set")
	}
	if e.Name != "" {
		b = append(append(append(b, "event: "...), e.Name...), '\n')
	}
	if e.ID != "" {
		b = append(append(append(b, "id: "...), e.ID...), '\n')
	}
	if e.Retry > 0 {
		ms := (e.Retry-1)/time.Millisecond + 1
		b = append(strconv.AppendInt(append(b, "retry: "...), int64(ms), 10), '\n')
	}
	if !e.NoData {
		b = appendLines(b, "data: ", e.Data)
	}
	if e.Comment != "" {
		b = appendLines(b, ": ", e.Comment)
	}
	return append(b, '\n'), nil
}

// appendLines appends each line of text, which end with LF, CR or CR LF, as a field.
func appendLines(b []byte, field, text string) []byte {
	for {
		b = append(b, field...)
		n := strings.IndexAny(text, "\r\n")
		if n < 0 {
			return append(append(b, text...), '\n')
		}
		b = append(append(b, text[:n]...), '\n')
		if strings.HasPrefix(text[n:], "\r\n") {
			n++
		}
		text = text[n+1:]
	}
}
