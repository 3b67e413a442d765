// Package cork finds, in the context of a source, the consumer that wants to be told of its bursts.
package cork

import "context"

// Key is the key under which a context holds its Line.
type Key struct{}

// A Line leads from the sources of a run to its consumer, in one goroutine. A nil Line leads nowhere.
type Line struct {
	tell func(corked bool)
	next *Line
}

// Of returns the Line of ctx, nil if there is none.
func Of(ctx context.Context) *Line {
	l, _ := ctx.Value(Key{}).(*Line)
	return l
}

// With returns a copy of ctx with a Line of its own: for another goroutine, where the Line of ctx must
// not be used. tell may be nil.
func With(ctx context.Context, tell func(corked bool)) context.Context {
	return context.WithValue(ctx, Key{}, &Line{tell: tell})
}

// Connect has f called from now on.
func (l *Line) Connect(f func(corked bool)) {
	if l != nil {
		l.tell = f
	}
}

// Join leads l to where next leads, for a run within another whose consumer it has.
func (l *Line) Join(next *Line) { l.next = next }

// Tell returns the function of the consumer, nil if there is none.
func (l *Line) Tell() func(corked bool) {
	for ; l != nil; l = l.next {
		if l.tell != nil {
			return l.tell
		}
	}
	return nil
}

// Cut has the Line lead nowhere, since the consumer runs in another goroutine from now on.
func (l *Line) Cut() {
	for ; l != nil; l = l.next {
		l.tell = nil
	}
}
