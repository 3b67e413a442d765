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

	// Heartbeat is an empty comment, which keeps an idle connection open. Clients ignore it. No
	// blank line follows it, since a blank line would end an event, and some clients dispatch an
	// empty one.
	//
	// Play calls it EventSource.keepAlive, and sends a blank line too.
	Heartbeat = ":\n"

	// HeartbeatEvent is an event named heartbeat with empty data. A page can listen for it, unlike
	// [Heartbeat], and so notice that a stream has fallen silent. The script of package client
	// does so. The event does not change the last id.
	HeartbeatEvent = "event: heartbeat\ndata:\n\n"
)

// An Event is one event of a stream. It carries data for the listeners of a client, settings for
// the client, or both. The zero Event is a message with empty data.
//
// Play calls it EventSource.Event, without Retry and, in Play 2.x, without Comment.
type Event struct {
	// Name is the type of the event, whose listeners are called. If it is empty, the type is
	// message.
	Name string

	// ID becomes the last id of the client, which it sends in the header Last-Event-ID when it
	// connects again. If ID is empty, the last id does not change, unless ResetID is set.
	ID string

	// ResetID makes the client forget the last id, so that it sends no Last-Event-ID. It is
	// sent as an id field without a value.
	ResetID bool

	// Retry is the time that the client waits before it connects again. It is sent in milliseconds,
	// rounded up. If Retry is 0, the time does not change.
	Retry time.Duration

	// RetryAtOnce makes the client connect again without waiting. It is sent as a retry of 0.
	RetryAtOnce bool

	// Data is the text for the listeners.
	Data string

	// NoData sends the event without data, so that no listener is called.
	NoData bool

	// Comment is not delivered to listeners. It is visible only in the stream itself.
	Comment string
}

// AppendText implements [encoding.TextAppender]: it appends the event in the format of an event
// stream. The event ends with a blank line, unless it consists of a comment only. If NoData is
// set and all other fields are zero, nothing is appended.
//
// AppendText returns an error and appends nothing if Name or ID contains CR or LF, if ID
// contains NUL, if Retry is negative, or if a flag contradicts a field: NoData and Data,
// ResetID and ID, RetryAtOnce and Retry.
//
// Play calls it Event.formatted, where a line end can forge an event.
func (e Event) AppendText(b []byte) ([]byte, error) {
	if err := e.check(); err != nil {
		return b, err
	}
	if e.Comment != "" {
		b = appendLines(b, ": ", e.Comment)
	}
	begin := len(b)
	if e.Name != "" {
		b = append(append(append(b, "event: "...), e.Name...), '\n')
	}
	if !e.NoData {
		b = appendLines(b, "data: ", e.Data)
	}
	if e.Retry > 0 || e.RetryAtOnce {
		ms := e.Retry / time.Millisecond
		if e.Retry%time.Millisecond > 0 {
			ms++
		}
		b = append(strconv.AppendInt(append(b, "retry: "...), int64(ms), 10), '\n')
	}
	// The id is the last field. Some clients take the id when its line arrives and not at the end of the event. If
	// the connection were cut between the id and another field, they would resume after a message that they never got.
	switch {
	case e.ID != "":
		b = append(append(append(b, "id: "...), e.ID...), '\n')
	case e.ResetID:
		b = append(b, "id:\n"...)
	}
	if len(b) > begin {
		b = append(b, '\n')
	}
	return b, nil
}

// check returns an error if the event cannot be sent.
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

// appendLines appends each line of text as a field. Lines end with LF, CR or CR LF.
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
