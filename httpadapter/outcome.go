package httpadapter

import (
	"context"
	"errors"
	"time"
)

// ErrClientGone is what an error of [Serve] wraps when the client has left, or has
// not made room for a chunk within [WriteTimeout]. It is no fault of the source.
var ErrClientGone = errors.New("httpadapter: client has gone")

// An Outcome is how a stream has ended, for [OnEnd].
type Outcome struct {
	Reason   Reason
	Err      error // what Serve returns; nil for a panic
	Chunks   int   // of the source that were written, without empty ones and heartbeats
	Bytes    int64 // in them, before compression
	Duration time.Duration

	// NoDeadlines says that the ResponseWriter, or one that it wraps, has hidden
	// the write deadlines of net/http: a client that stops reading was not noticed,
	// and http.Server.WriteTimeout, if there is one, has cut the stream.
	NoDeadlines bool
}

// A Reason is why a stream has ended. It is short, and fit to be the label of a metric.
type Reason string

const (
	EndOfSource Reason = "end"          // the source has run out
	Expired     Reason = "max duration" // see [MaxDuration]
	Drained     Reason = "drain"        // see [Drain]
	ClientGone  Reason = "client gone"  // the error wraps [ErrClientGone]
	Answered    Reason = "answered"     // a [StatusError] below 400 has taken the place of the stream
	Failed      Reason = "error"        // any other error
	Panicked    Reason = "panic"        // in the source or the ResponseWriter
	Refused     Reason = "refused"      // the error wraps [ErrTooMany] or [ErrDraining]
)

// What the context of a run ends with when the stream shall end as if the source had run
// out.
var (
	errExpired = errors.New("httpadapter: the stream has lasted as long as MaxDuration says")
	errDrained = errors.New("httpadapter: the server is shutting down")
)

// told is the reason why the run whose context is ctx has ended with err, if that is
// because it was told to end.
func told(ctx context.Context, err error) (Reason, bool) {
	cause := context.Cause(ctx)
	if err != nil && !errors.Is(err, cause) && !errors.Is(err, context.Canceled) {
		return "", false // a failure of its own
	}
	switch cause {
	case errExpired:
		return Expired, true
	case errDrained:
		return Drained, true
	}
	return "", false
}
