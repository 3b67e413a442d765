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
	ContentType = "text/event-stream"

	// Heartbeat is an empty comment, which keeps an idle connection open. Clients ignore it. It
	// has one line end: a blank line would end an event, and some clients dispatch an empty one.
	//
	// Play's EventSource.keepAlive sends a blank line too.
	Heartbeat = ":\n"

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
	// Last-Event-ID. If it is empty, that stays what it was, unless ResetID is set.
	ID string

	// ResetID makes the client forget the last id, so that it sends no Last-Event-ID. It is
	// an id field without a value.
	ResetID bool

	// Retry is how long the client is to wait before it connects again, if not 0. It is
	// sent in milliseconds, rounded up.
	Retry time.Duration

	// RetryAtOnce tells the client not to wait before it connects again. It is a retry of 0.
	RetryAtOnce bool

	// Data is the text for the listeners.
	Data string

	// NoData says that no listener is called: the event is for its other fields.
	NoData bool

	// Comment is not delivered to listeners. It is visible only in the stream itself.
	Comment string
}

// AppendText appends the event as it stands in a stream. A blank line ends it, unless it is
// nothing but a comment; an event with NoData set and nothing else appends nothing.
//
// It fails, and appends nothing, if Name or ID holds CR or LF, if ID holds NUL, if Retry is
// negative, or if a flag contradicts a field: NoData and Data, ResetID and ID, RetryAtOnce
// and Retry.
//
// It is Play's Event.formatted, which lets events be forged.
func (e Event) AppendText(b []byte) ([]byte, error) {
	if err := e.check(); err != nil {
		return b, err
	}
	begin := len(b)
	if e.Name != "" {
		b = append(append(append(b, "event: "...), e.Name...), '\n')
	}
	switch {
	case e.ID != "":
		b = append(append(append(b, "id: "...), e.ID...), '\n')
	case e.ResetID:
		b = append(b, "id:\n"...)
	}
	if e.Retry > 0 || e.RetryAtOnce {
		ms := e.Retry / time.Millisecond
		if e.Retry%time.Millisecond > 0 {
			ms++
		}
		b = append(strconv.AppendInt(append(b, "retry: "...), int64(ms), 10), '\n')
	}
	if !e.NoData {
		b = appendLines(b, "data: ", e.Data)
	}
	hasFields := len(b) > begin
	if e.Comment != "" {
		b = appendLines(b, ": ", e.Comment)
	}
	if hasFields {
		b = append(b, '\n')
	}
	return b, nil
}

// check returns why the event cannot be sent, or nil.
func (e Event) check() error {
	switch {
	case strings.ContainsAny(e.Name, "\r\n"):
		return fmt.Errorf("comet/eventsource: the name of an event must not hold a line end, got %q", e.Name)
	case strings.ContainsAny(e.ID, "\x00\r\n"):
		return fmt.Errorf("comet/eventsource: the id of an event must hold neither a line end nor NUL, got %q", e.ID)
	case e.Retry < 0:
		return fmt.Errorf("comet/eventsource: the retry of an event must not be negative, got %v", e.Retry)
	case e.NoData && e.Data != "":
		return errors.New("comet/eventsource: an event with data must not have NoData set")
	case e.ResetID && e.ID != "":
		return fmt.Errorf("comet/eventsource: an event with an id must not have ResetID set, got the id %q", e.ID)
	case e.RetryAtOnce && e.Retry != 0:
		return fmt.Errorf("comet/eventsource: an event with a retry must not have RetryAtOnce set, got the retry %v", e.Retry)
	}
	return nil
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
