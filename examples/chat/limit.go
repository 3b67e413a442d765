package chat

import (
	"maps"
	"time"
)

// A pace allows burst messages at once, and another message after each pause.
type pace struct {
	burst int
	pause time.Duration
}

// Each pace is ten times as fast as the one before. So one poster cannot keep out the others in a
// room, and one room cannot keep out the others.
var (
	posterPace = pace{20, 200 * time.Millisecond}
	roomPace   = pace{200, 20 * time.Millisecond}
	chatPace   = pace{2000, 2 * time.Millisecond}
)

// A limit is the pace of a poster, of a room, or of the chat.
type limit struct {
	pace
	name string
}

// take reports whether all limits allow a message at now, and counts it if they do.
func (c *Chat) take(now time.Time, limits ...limit) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	// Keep only the limits of the last seconds. The pace of the chat bounds their number.
	if now.Sub(c.swept) >= time.Second {
		c.swept = now
		maps.DeleteFunc(c.busy, func(_ limit, busy time.Time) bool { return !busy.After(now) })
	}
	for _, l := range limits {
		if _, ok := l.add(c.busy[l], now); !ok {
			return false
		}
	}
	for _, l := range limits {
		c.busy[l], _ = l.add(c.busy[l], now)
	}
	return true
}

// add adds the pause of a message at now to busy, the end of all earlier pauses. It returns the
// new end, and whether the pace allows the message.
func (p pace) add(busy, now time.Time) (until time.Time, ok bool) {
	if busy.Before(now) {
		busy = now
	}
	until = busy.Add(p.pause)
	return until, until.Sub(now) <= time.Duration(p.burst)*p.pause
}
