package comet

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/guard"
)

// NewSocket returns the Enumerator of the chunks of what is sent by way of a [Socket]: the
// first chunk, and a call of callback for each message, as those of [String] and [JSON].
// connected is called in each run with a Socket of its own, when the first chunk has been
// taken, in a goroutine of its own. It may send itself, or keep the Socket for others.
//
// An error that connected returns ends the run, when what was sent before has been taken.
// That it returns nil does not end it: the stream is open until [Socket.Close] is called, or
// until the client leaves. The run is not over before connected and all callbacks of
// [Socket.OnDisconnected] have returned. A panic of one of them reaches its caller.
//
// The queue between holds 256 messages, as that of [enumerator.Unicast] does; when it is full,
// sending waits. NewSocket panics as [String] does, and if connected is nil.
//
// It is Play's Comet for Java, with onConnected and whenConnected.
func NewSocket(callback string, connected func(*Socket) error, opts ...Option) enumerator.Enumerator[[]byte] {
	if connected == nil {
		panic("comet: NewSocket: connected must not be nil")
	}
	calls := enumerator.Unicast(func(channel enumerator.Channel[argument]) {
		s := &Socket{channel: channel}
		over := make(chan any, 1) // with the panic of a callback, or nil
		stop := context.AfterFunc(channel.Context(), func() {
			guard.Run("comet: Socket.OnDisconnected: a function", s.disconnect, func(panicked any) { over <- panicked })
		})
		returned := false
		defer func() {
			if !returned && stop() { // the run ends by the panic
				s.disconnect()
				return
			}
			if v := <-over; v != nil && returned {
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

// argument is of a call that is to be made: a string, or JavaScript.
type argument struct {
	text   string
	script []byte
}

func appendArgument(dst []byte, a argument) ([]byte, error) {
	if a.script != nil {
		return append(dst, a.script...), nil
	}
	return AppendString(dst, a.text)
}

// A Socket sends messages to one client. Its methods may be called by several goroutines at
// once, and when the client has gone. A Socket is made by [NewSocket].
//
// It is Play's Comet for Java.
type Socket struct {
	channel enumerator.Channel[argument]

	mu        sync.Mutex
	gone      bool
	callbacks []func()
}

// Context ends when the client has gone, or the stream has ended.
func (s *Socket) Context() context.Context { return s.channel.Context() }

// SendMessage sends message as a string. It waits while the queue is full. An error says
// that the message will not arrive: the cause of Context when that has ended, and before that
// enumerator.ErrEnded after Close. Without one the message has been queued; whether it
// arrives, nobody can tell.
func (s *Socket) SendMessage(message string) error { return s.send(argument{text: message}) }

// SendJSON is SendMessage for a message of any type that encoding/json can marshal, or that
// is a [Marshaler]. One that cannot be marshalled is not sent, and the stream goes on.
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
	if ctx.Err() != nil { // the channel may take a moment to notice
		return context.Cause(ctx)
	}
	return s.channel.Push(ctx, a)
}

// Close ends the stream when what was sent before has been taken. It does not wait. Only the
// first call counts.
func (s *Socket) Close() { s.channel.End() }

// OnDisconnected has f called once when the client has gone or the stream has ended, however
// that came, before the run is over; f is called at once if that is so already. It is called
// in a goroutine that is not the run's.
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
		defer f() // in their order, and each though another panics
	}
}
