package httpadapter

import (
	"context"
	"errors"
	"time"
)

// An error of [Serve] wraps ErrClientGone when the client has left, or has not made room for a chunk
// within [WriteTimeout]. The source has not failed then.
var ErrClientGone = errors.New("httpadapter: client has gone")

// An Outcome tells how a stream has ended, for [OnEnd].
type Outcome struct {
	Reason   Reason
	Err      error // the error that Serve returns; nil for a panic
	Started  bool  // the source was run, and OnStart was called
	Chunks   int   // the number of chunks of the source, without empty ones and heartbeats
	Bytes    int64 // in these chunks, before they were encoded
	Duration time.Duration
	Counts   // those of CountsOf

	// NoDeadlines reports that the ResponseWriter, or one that it wraps, hides the write deadlines
	// of net/http. Then a client that stops reading is not noticed, and http.Server.WriteTimeout
	// cuts the stream if it is set.
	NoDeadlines bool
}

// Counts are the numbers of messages in the chunks of a stream. [Fanout] and the handlers of comet/client set them. Other
// sources can do so with [CountsOf].
type Counts struct {
	Messages int    // the number of messages for the client
	Lost     uint64 // the number of messages that were dropped before the client could get them
	Resets   int    // how often the client was told to load its state anew
	Resumed  bool   // the client has come back, and has told where it was
}

type countsKey struct{}

// withCounts returns the context of the run of s in which CountsOf finds the Counts.
func withCounts(ctx context.Context, s *stream) context.Context {
	return context.WithValue(ctx, countsKey{}, &s.outcome.Counts)
}

// CountsOf returns the Counts in the [Outcome] of the stream whose run has the context ctx. It returns nil if
// the stream has no [OnEnd], or if ctx is not the context of a run of [Serve] or [Handler]. The run itself
// may change the Counts, from one goroutine at a time, until it ends.
func CountsOf(ctx context.Context) *Counts {
	counts, _ := ctx.Value(countsKey{}).(*Counts)
	return counts
}

// A Reason is the reason why a stream has ended, as a short text that can be the label of a metric.
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

// These are the causes with which the context of a run ends when the server ends the stream as if the
// source had run out.
var (
	errExpired = errors.New("httpadapter: the stream has lasted as long as MaxDuration says")
	errDrained = errors.New("httpadapter: the server is shutting down")
)

// endReason returns why the server has ended the run whose context is ctx and whose error is err. It
// returns false if the run has ended for a reason of its own.
func endReason(ctx context.Context, err error) (Reason, bool) {
	cause := context.Cause(ctx)
	if err != nil && !errors.Is(err, cause) && !errors.Is(err, context.Canceled) {
		return "", false // the source has failed
	}
	switch cause {
	case errExpired:
		return Expired, true
	case errDrained:
		return Drained, true
	}
	return "", false
}
