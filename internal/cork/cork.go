// Package cork finds in the context of a source the consumer that wants to be told of bursts.
package cork

import "context"

// Key is the key under which a context holds its Line.
type Key struct{}

// A Line connects the sources of a run to its consumer. Both run in one goroutine. A nil Line is not
// connected.
type Line struct {
	tell func(corked bool)
	next *Line
}

// Of returns the Line of ctx, or nil if ctx has no Line.
func Of(ctx context.Context) *Line {
	l, _ := ctx.Value(Key{}).(*Line)
	return l
}

// With returns a copy of ctx with a new Line to tell, which may be nil. It is for another goroutine,
// which must not use the Line of ctx.
func With(ctx context.Context, tell func(corked bool)) context.Context {
	return context.WithValue(ctx, Key{}, &Line{tell: tell})
}

// Connect connects l to f.
func (l *Line) Connect(f func(corked bool)) {
	if l != nil {
		l.tell = f
	}
}

// Join connects l to the consumer of next, for a run within another run with the same consumer.
func (l *Line) Join(next *Line) { l.next = next }

// Tell returns the function of the consumer, or nil if l is not connected.
func (l *Line) Tell() func(corked bool) {
	for ; l != nil; l = l.next {
		if l.tell != nil {
			return l.tell
		}
	}
	return nil
}

// Cut disconnects l, since the consumer runs in another goroutine from now on.
func (l *Line) Cut() {
	for ; l != nil; l = l.next {
		l.tell = nil
	}
}
