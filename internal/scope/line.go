package scope

import "context"

// A Line leads from the sources of a run to its consumer, if both are in the same goroutine. A source
// tells the consumer of bursts through the Line. A nil Line leads nowhere.
type Line struct {
	run  *Run // the run of the consumer; nil if Apart made the Line
	tell func(corked bool)
	next *Line
}

type lineKey struct{}

// LineOf returns the Line of ctx, or nil.
func LineOf(ctx context.Context) *Line {
	l, _ := ctx.Value(lineKey{}).(*Line)
	return l
}

// Apart returns a context made from ctx for another goroutine, which must not use the Line of ctx. If
// tell is not nil, a source in that goroutine tells of bursts by calling tell.
func Apart(ctx context.Context, tell func(corked bool)) context.Context {
	return context.WithValue(ctx, lineKey{}, &Line{tell: tell})
}

// Connect makes f the function of the consumer.
func (l *Line) Connect(f func(corked bool)) {
	if l != nil {
		l.tell = f
	}
}

// join makes l lead to the consumer of next. It is for a run within another run with the same consumer.
func (l *Line) join(next *Line) { l.next = next }

// Tell returns the function of the consumer, or nil.
func (l *Line) Tell() func(corked bool) {
	for ; l != nil; l = l.next {
		if l.tell != nil {
			return l.tell
		}
	}
	return nil
}

// Cut makes the Line lead nowhere, because the consumer runs in another goroutine from now on. It writes
// nothing if the Line is cut already, since the source reads the Line in its own goroutine then.
func (l *Line) Cut() {
	for ; l != nil; l = l.next {
		if l.tell != nil {
			l.tell = nil
		}
	}
}
