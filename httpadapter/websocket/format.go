package websocket

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"unicode/utf8"

	coder "github.com/coder/websocket"
)

// A Format decodes incoming messages to values of type In, and encodes values of type Out to
// outgoing messages. It can be used any number of times. The zero Format is not usable.
//
// A message from the client that cannot be decoded closes the connection. An Out that cannot be
// encoded is dropped and logged, and the next one is sent, so that one bad message of a stream does
// not break the connections of all its clients. The client does not learn of the dropped message,
// because protocols differ in how to report that. An adapter in the source, such as
// enumeratee.MapM, can check each Out, and replace it or fail.
type Format[In, Out any] struct {
	decode func(coder.MessageType, []byte) (In, error)
	encode func(Out) (coder.MessageType, []byte, error)
}

// Text returns the Format of text messages. A binary message is refused with close code 1003, and
// text that is not UTF-8 with 1007. An outgoing string that is not UTF-8 is dropped and logged;
// strings.ToValidUTF8 can prevent that.
//
// Play calls it FrameFormatter.stringFrame.
func Text() Format[string, string] {
	return Format[string, string]{
		decode: func(kind coder.MessageType, data []byte) (string, error) {
			if err := checkText(kind, data); err != nil {
				return "", err
			}
			return string(data), nil
		},
		encode: func(s string) (coder.MessageType, []byte, error) { return encodeText([]byte(s)) },
	}
}

// Bytes returns the Format of binary messages. A text message is refused with close code 1003.
//
// Play calls it FrameFormatter.byteArrayFrame.
func Bytes() Format[[]byte, []byte] {
	return Format[[]byte, []byte]{
		decode: func(kind coder.MessageType, data []byte) ([]byte, error) {
			if kind != coder.MessageBinary {
				return nil, CloseError{Code: coder.StatusUnsupportedData, Reason: "expected binary messages"}
			}
			return data, nil
		},
		encode: func(data []byte) (coder.MessageType, []byte, error) { return coder.MessageBinary, data, nil },
	}
}

// JSON returns the Format of text messages in JSON, which encoding/json encodes and decodes. A
// binary message is refused with close code 1003, and text that is not UTF-8, or not JSON that fits
// an In, with 1007. An Out that cannot be marshalled, such as NaN, is dropped and logged. An Out
// whose MarshalJSON or MarshalText panics is dropped and logged too.
//
// Play calls it FrameFormatter.jsonFrame.
func JSON[In, Out any]() Format[In, Out] {
	return Format[In, Out]{
		decode: func(kind coder.MessageType, data []byte) (in In, err error) {
			if err := checkText(kind, data); err != nil {
				return in, err
			}
			if err := json.Unmarshal(data, &in); err != nil {
				return in, fmt.Errorf("%w: %w", CloseError{Code: coder.StatusInvalidFramePayloadData, Reason: "not the expected JSON"}, err)
			}
			return in, nil
		},
		encode: func(out Out) (_ coder.MessageType, _ []byte, err error) {
			defer func() {
				if v := recover(); v != nil {
					err = fmt.Errorf("httpadapter/websocket: JSON: panic: %v\n\n%s", v, debug.Stack())
				}
			}()
			data, err := json.Marshal(out)
			if err != nil {
				return 0, nil, err
			}
			return encodeText(data)
		},
	}
}

// A Message is a text message or a binary message.
type Message struct {
	Binary bool   // false for text, which is UTF-8
	Data   []byte // belongs to the consumer
}

// Mixed returns the Format of messages of both kinds. Incoming text that is not UTF-8 is refused
// with close code 1007. Outgoing text that is not UTF-8 is dropped and logged.
//
// Play calls it FrameFormatter.mixedFrame.
func Mixed() Format[Message, Message] {
	return Format[Message, Message]{
		decode: func(kind coder.MessageType, data []byte) (Message, error) {
			if kind == coder.MessageBinary {
				return Message{Binary: true, Data: data}, nil
			}
			return Message{Data: data}, checkText(kind, data)
		},
		encode: func(m Message) (coder.MessageType, []byte, error) {
			if m.Binary {
				return coder.MessageBinary, m.Data, nil
			}
			return encodeText(m.Data)
		},
	}
}

func checkText(kind coder.MessageType, data []byte) error {
	switch {
	case kind != coder.MessageText:
		return CloseError{Code: coder.StatusUnsupportedData, Reason: "expected text messages"}
	case !utf8.Valid(data):
		return CloseError{Code: coder.StatusInvalidFramePayloadData, Reason: "not UTF-8"}
	}
	return nil
}

var errNotUTF8 = errors.New("httpadapter/websocket: text to send is not UTF-8")

// encodeText checks that data is UTF-8, since a browser would end the connection otherwise.
func encodeText(data []byte) (coder.MessageType, []byte, error) {
	if !utf8.Valid(data) {
		return 0, nil, errNotUTF8
	}
	return coder.MessageText, data, nil
}
