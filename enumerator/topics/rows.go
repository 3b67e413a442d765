package topics

import (
	"sort"

	"github.com/halley-go/halley/enumerator"
)

// state holds the last entry of each row of a log. The log may have dropped these entries from its history.
type state struct {
	byRow map[string]*held
	rows  []*held // the values of byRow, and some entries that were replaced, in order
	lost  uint64  // the Seq of the last removal that was forgotten, or of the last deletion
}

// lastOf returns the Position of the last entry of a row, or zero if l is nil or does not have the row.
func (l *log) lastOf(row string) (p enumerator.Position) {
	if l == nil || l.byRow[row] == nil || l.byRow[row].Kind == Removed {
		return p
	}
	return l.byRow[row].Position
}

// sizeOf returns the memory that a row needs.
func (l *log) sizeOf(row string) int {
	if l.lastOf(row) == (enumerator.Position{}) {
		return 0
	}
	return l.byRow[row].size()
}

// put makes e the last entry of its row.
func (m *memory) put(l *log, e Entry) {
	m.bytes -= l.sizeOf(e.Row)
	m.rows -= l.sizeOf(e.Row)
	h := &held{Entry: e, log: l}
	if l.byRow == nil {
		l.byRow = map[string]*held{}
	}
	if before := l.byRow[e.Row]; before != nil {
		before.Meta, before.Data = nil, nil // l.rows still holds it
	}
	l.byRow[e.Row] = h
	l.rows = append(l.rows, h)
	l.sweep()
	if e.Kind == Removed {
		m.remember(recent{nameAndKey: nameAndKey{name: l.name}, removed: h})
		return
	}
	m.bytes += h.size()
	m.rows += h.size()
}

// forgetRemoved drops a removal, unless its row has another entry now.
func (m *memory) forgetRemoved(h *held) {
	l := h.log
	if l.byRow[h.Row] == h {
		delete(l.byRow, h.Row)
		l.lost = max(l.lost, h.Position.Seq)
		l.sweep()
	}
}

// sweep drops from l.rows the entries that are not the last ones of their rows, if they are more than the others.
func (l *log) sweep() {
	if len(l.rows) <= 2*len(l.byRow) {
		return
	}
	rows := make([]*held, 0, len(l.byRow))
	for _, h := range l.rows {
		if l.byRow[h.Row] == h {
			rows = append(rows, h)
		}
	}
	l.rows = rows
}

func (m *memory) dropState(l *log) {
	for row := range l.byRow {
		m.bytes -= l.sizeOf(row)
		m.rows -= l.sizeOf(row)
	}
	l.state = state{lost: m.seq}
}

func (m *memory) readState(l *log, from Place, limit int) (entries []Entry, ok bool) {
	after, known := from.After, from.Began
	if known == (enumerator.Position{}) {
		known = after
	}
	ok = true
	if after != (enumerator.Position{}) && (known.Epoch != m.epoch || known.Seq > m.seq || known.Seq < l.lost && after.Seq > 0) {
		after, ok = enumerator.Position{}, false
	}
	first := sort.Search(len(l.rows), func(i int) bool { return l.rows[i].Position.Seq > after.Seq })
	for _, h := range l.rows[first:] {
		if len(entries) == limit {
			break
		}
		if l.byRow[h.Row] == h && (h.Kind != Removed || after.Epoch != 0) {
			entries = append(entries, h.Entry)
		}
	}
	return entries, ok
}
