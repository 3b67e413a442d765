package scope

import "context"

// A Line leads from the sources of a run to its consumer, in the goroutine of both. A source tells the
// consumer of bursts through it. A nil Line leads nowhere.
type Line struct {
	run  *Run // the consumer of which it leads to; nil if the Line was made by Apart
	tell func(corked bool)
	next *Line
}

type lineKey struct{}

// LineOf returns the Line of ctx, nil if there is none.
func LineOf(ctx context.Context) *Line {
	l, _ := ctx.Value(lineKey{}).(*Line)
	return l
}

// Apart returns a copy of ctx for another goroutine, in which the Line of ctx must not be used. tell, if
// it is not nil, hears what a source says there.
func Apart(ctx context.Context, tell func(corked bool)) context.Context {
	return context.WithValue(ctx, lineKey{}, &Line{tell: tell})
}

// Connect has f called from now on.
func (l *Line) Connect(f func(corked bool)) {
	if l != nil {
		l.tell = f
	}
}

// join has l lead to the consumer of next. It is for a run within another that has the same consumer.
func (l *Line) join(next *Line) { l.next = next }

// Tell returns the function of the consumer, nil if there is none.
func (l *Line) Tell() func(corked bool) {
	for ; l != nil; l = l.next {
		if l.tell != nil {
			return l.tell
		}
	}
	return nil
}

// Cut has the Line lead nowhere, because the consumer runs in another goroutine from now on.
func (l *Line) Cut() {
	for ; l != nil; l = l.next {
		l.tell = nil
	}
}
