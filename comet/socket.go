package comet

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/guard"
)

// NewSocket returns the Enumerator of the script chunks of messages that are sent with a
// [Socket]. The first chunk is that of [String]. Each message is a call of callback, encoded
// as in [String] or [JSON].
//
// Each run calls connected with a new Socket, after the consumer has taken the first chunk.
// connected may send messages itself, or hand the Socket to other goroutines. If it returns
// nil, the stream stays open until [Socket.Close] is called or the client leaves. If it
// returns an error, the run ends with that error after the messages that were sent before.
//
// A queue between the Socket and the consumer holds 256 messages, the default
// [enumerator.Capacity] of [enumerator.Unicast]. While it is full, sending waits.
//
// connected runs in a goroutine of its own. The run does not end before connected and all
// functions of [Socket.OnDisconnected] have returned. A panic in one of them reaches the
// caller of the run. NewSocket panics if connected is nil, or if callback is not valid for
// [Messages].
//
// Play calls it Comet in its Java API, with onConnected and whenConnected.
func NewSocket(callback string, connected func(*Socket) error, opts ...Option) enumerator.Enumerator[[]byte] {
	if connected == nil {
		panic("comet: NewSocket: connected must not be nil")
	}
	calls := enumerator.Unicast(func(channel enumerator.Channel[argument]) {
		s := &Socket{channel: channel}
		disconnected := make(chan any, 1) // gets the panic of a function, or nil
		stop := context.AfterFunc(channel.Context(), func() {
			guard.Run("comet: Socket.OnDisconnected: a function", s.disconnect, func(panicked any) { disconnected <- panicked })
		})
		returned := false
		defer func() {
			if !returned && stop() { // the panic ends the run
				s.disconnect()
				return
			}
			if v := <-disconnected; v != nil && returned {
				panic(v)
			}
		}()
		err := connected(s)
		returned = true
		if err != nil {
			channel.EndWithError(err)
		}
	})
	return enumerator.Through(calls, scripts("NewSocket", callback, appendArgument, opts))
}

// argument is the argument of one call.
type argument struct {
	text   string
	script []byte // JavaScript, which replaces text if it is not nil
}

func appendArgument(dst []byte, a argument) ([]byte, error) {
	if a.script != nil {
		return append(dst, a.script...), nil
	}
	return AppendString(dst, a.text)
}

// A Socket sends messages to one client. [NewSocket] makes it. Its methods may be called by
// several goroutines at once, and after the client has gone.
//
// Play calls it Comet in its Java API.
type Socket struct {
	channel enumerator.Channel[argument]

	mu        sync.Mutex
	gone      bool
	callbacks []func()
}

// Context returns a context that ends when the client has gone or the stream has ended.
func (s *Socket) Context() context.Context { return s.channel.Context() }

// SendMessage sends message as a string. It waits while the queue is full. If the message
// cannot be queued, it returns the cause of [Socket.Context] if that has ended, otherwise
// [enumerator.ErrEnded] after [Socket.Close]. A nil error means that the message was queued,
// not that it will arrive.
func (s *Socket) SendMessage(message string) error { return s.send(argument{text: message}) }

// SendJSON is [Socket.SendMessage] for a message of any type that encoding/json can marshal,
// or that is a [Marshaler]. If the message cannot be marshalled, SendJSON returns the error,
// and the stream goes on.
func (s *Socket) SendJSON(message any) error {
	text, err := AppendJSON([]byte{}, message)
	if err == nil {
		err = checkText(text)
	}
	if err != nil {
		return fmt.Errorf("comet: SendJSON: %w", err)
	}
	return s.send(argument{script: text})
}

func (s *Socket) send(a argument) error {
	ctx := s.Context()
	if ctx.Err() != nil { // the channel may not have noticed yet
		return context.Cause(ctx)
	}
	return s.channel.Push(ctx, a)
}

// Close ends the stream after the messages that were sent before. It does not wait. Only the
// first call has an effect.
func (s *Socket) Close() { s.channel.End() }

// OnDisconnected registers f to be called once, when the client has gone or the stream has
// ended for any reason. Functions are called in the order in which they were registered, in a
// goroutine other than the run's, and the run waits for them. If the client has already gone
// or the stream has already ended, OnDisconnected itself calls f.
func (s *Socket) OnDisconnected(f func()) {
	s.mu.Lock()
	gone := s.gone
	if !gone {
		s.callbacks = append(s.callbacks, f)
	}
	s.mu.Unlock()
	if gone {
		f()
	}
}

func (s *Socket) disconnect() {
	s.mu.Lock()
	s.gone = true
	callbacks := s.callbacks
	s.callbacks = nil
	s.mu.Unlock()
	for _, f := range slices.Backward(callbacks) {
		defer f() // in the order of registration, even if another one panics
	}
}
