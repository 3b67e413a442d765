package websocket

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"unicode/utf8"

	coder "github.com/coder/websocket"
)

// A Format says what messages stand for: how what comes in becomes an In, and an Out
// what goes out. It is a value to use any number of times. The zero Format is not usable.
//
// A message from the client that cannot be decoded closes the connection. An Out that cannot be
// encoded is dropped and logged, and the next is sent: one bad message of a stream that
// many clients get must not break all connections. Clients are not told, since there is nothing
// that every protocol could tell them. An adapter before that, such as enumeratee.MapM, can check
// what it hands on, and send something else in its place or fail.
type Format[In, Out any] struct {
	decode func(coder.MessageType, []byte) (In, error)
	encode func(Out) (coder.MessageType, []byte, error)
}

// Text is the Format of text messages. A binary one is refused with close code 1003, one
// that is not UTF-8 with 1007. A string to send that is not UTF-8 is dropped and logged;
// strings.ToValidUTF8 makes one that is.
//
// It is Play's FrameFormatter.stringFrame.
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

// Bytes is the Format of binary messages. A text one is refused with close code 1003.
//
// It is Play's FrameFormatter.byteArrayFrame.
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

// JSON is the Format of JSON in text messages, as encoding/json makes and reads it. A
// binary message is refused with close code 1003, one that is no JSON or no In with 1007.
// An Out that cannot be marshalled, such as NaN, is dropped and logged, and so is one whose
// MarshalJSON or MarshalText panics.
//
// It is Play's FrameFormatter.jsonFrame, where bad JSON throws.
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

// A Message is one of either kind.
type Message struct {
	Binary bool   // otherwise it is text, in UTF-8
	Data   []byte // belongs to the consumer
}

// Mixed is the Format of messages of both kinds. Text that is not UTF-8 is refused with
// close code 1007, and dropped and logged if it is to be sent.
//
// It is Play's FrameFormatter.mixedFrame.
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

// encodeText checks what a browser would break the connection for.
func encodeText(data []byte) (coder.MessageType, []byte, error) {
	if !utf8.Valid(data) {
		return 0, nil, errors.New("httpadapter/websocket: text to send is not UTF-8")
	}
	return coder.MessageText, data, nil
}
