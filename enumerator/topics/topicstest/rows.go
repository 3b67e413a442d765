package topicstest

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
)

func row(row, data string) topics.Record { return topics.Record{Row: row, Data: []byte(data)} }
func removed(row string) topics.Record   { return topics.Record{Kind: topics.Removed, Row: row} }

// table is the state of a topic.
type table map[string]string

func (t table) apply(entries ...topics.Entry) table {
	for _, e := range entries {
		switch {
		case e.Kind == topics.Removed:
			delete(t, e.Row)
		case e.Kind == topics.Message && e.Row != "":
			t[e.Row] = fmt.Sprint(e.Position, string(e.Data))
		}
	}
	return t
}

// state reads the state after a place in batches to the end. ok is false if a batch does not follow the one before.
func (c *check) state(s topics.Store, name string, after enumerator.Position, limit int) (all []topics.Entry, ok bool) {
	from := topics.Place{State: true, After: after}
	if from.Began = after; after == (enumerator.Position{}) {
		w := c.watchOf(s, name)
		w.stop()
		from.Began = w.last
	}
	for ok = true; ; {
		place := from
		if from.After == after {
			place.Began = enumerator.Position{}
		}
		got, follows := c.readState(s, name, place, limit)
		ok = ok && follows
		if len(got) == 0 {
			return all, ok
		}
		for _, e := range got {
			c.that(e.Row != "" && (e.Kind == topics.Message || e.Kind == topics.Removed), "the state has %s, which is not an entry of a row", list(got))
			c.that(e.Position.Seq > from.After.Seq, "the state after %v has %s", from.After, list(got))
			from.After = e.Position
		}
		all = append(all, got...)
	}
}

// readState reads a batch of the state. It tries again while others append, because a Read may then fail.
func (c *check) readState(s topics.Store, name string, from topics.Place, limit int) ([]topics.Entry, bool) {
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		got, ok, err := s.Read(c.ctx, name, from, limit)
		if err == nil {
			return got, ok
		}
		c.that(time.Now().Before(end), "Read of the state fails: %v", err)
	}
}

// readTo reads a topic from its beginning to the entry at p. It tries again, because a Read may give fewer entries than there are.
func (c *check) readTo(s topics.Store, name string, p enumerator.Position) (got []topics.Entry) {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		got, _ = c.read(s, name, topics.Place{}, 100)
		if len(got) > 0 && got[len(got)-1].Position.Seq >= p.Seq {
			break
		}
	}
	return got
}

// hasState checks the state after a place.
func (c *check) hasState(s topics.Store, name string, after enumerator.Position, before, want table) {
	for _, limit := range []int{1, 3, 1000} {
		got, ok := c.state(s, name, after, limit)
		c.that(ok, "the state after %v, which is a place, gives ok false", after)
		have := maps.Clone(before)
		if have == nil {
			have = table{}
		}
		c.that(maps.Equal(have.apply(got...), want), "%d at a time, the state after %v gives %s; the rows are then %v, and should be %v", limit, after, list(got), have, want)
	}
}

func (c *check) rows() {
	c.new(5)
	want := table{}
	put := func(i int, name, data string) {
		s := c.both[i%2]
		p := c.append(s, "a", row(name, data))
		want[name] = fmt.Sprint(p, data)
		got := c.readTo(s, "a", p)
		c.that(len(got) > 0 && got[len(got)-1].Position == p && got[len(got)-1].Row == name, "after Append has returned %v, Read gives %s; an entry with a Row is a message too", p, list(got))
		all, _ := c.state(s, "a", enumerator.Position{}, 100)
		c.that(len(all) > 0 && all[len(all)-1].Position == p, "after Append has returned %v, the state is %s", p, list(all))
	}
	for i, name := range hostile {
		put(i, name, "first")
	}
	c.append(c.one, "other", row("x", "other"))
	for range 7 {
		c.append(c.other, "a", message("not a row"))
	}
	for i, name := range hostile[:12] {
		put(i, name, "second")
	}
	last := c.append(c.one, "a", message("not a row"))
	for _, s := range c.both {
		c.hasState(s, "a", enumerator.Position{}, nil, want)
		c.hasState(s, "a", enumerator.Position{Epoch: last.Epoch}, nil, want)
		c.hasState(s, "a", last, want, want)
		c.hasState(s, "none", enumerator.Position{}, nil, table{})
		got, _ := c.read(s, "a", topics.Place{}, 100)
		c.that(len(got) == 5, "a topic with rows has %s; it should have 5 messages", list(got))
		foreign := last
		foreign.Epoch++
		_, ok := c.read(s, "a", topics.Place{State: true, After: foreign}, 100)
		c.that(!ok, "the state after %v, a place of another Store, gives ok", foreign)
	}
	c.append(c.one, "a", topics.Record{Kind: topics.Ended})
	c.hasState(c.other, "a", enumerator.Position{}, nil, want)
	for _, r := range []topics.Record{{Kind: topics.Removed}, row(strings.Repeat("x", topics.MaxName+1), "x")} {
		_, err := c.one.Append(c.ctx, "b", r)
		c.that(errors.Is(err, topics.ErrName), "Append of a row of %d bytes gives the error %v, and should give ErrName", len(r.Row), err)
	}
}

func (c *check) removedRows() {
	c.new(5)
	w := c.watchOf(c.other, "a")
	var all []enumerator.Position
	at := []table{{}}
	for i, r := range []topics.Record{row("x", "1"), row("y", "2"), removed("x"), row("x", "3"), removed("y"), removed("z")} {
		p := c.append(c.both[i%2], "a", r)
		all = append(all, p)
		at = append(at, maps.Clone(at[i]).apply(topics.Entry{Position: p, Kind: r.Kind, Row: r.Row, Data: r.Data}))
	}
	c.wants(w, all...)
	w.mu.Lock()
	last := w.got[len(w.got)-1]
	w.mu.Unlock()
	c.that(last.Kind == topics.Removed && last.Row == "z", "the watcher gets the Kind %d and the Row %q, and should get the Removed of z", last.Kind, last.Row)
	w.stop()
	end := at[len(at)-1]
	for _, s := range c.both {
		for i, p := range all {
			if i > 0 { // the first entry was dropped and replaced
				c.hasState(s, "a", p, at[i+1], end)
			}
		}
		got, _ := c.read(s, "a", topics.Place{State: true}, 100)
		c.that(len(got) == 1 && got[0].Row == "x", "the state is %s, and should be x", list(got))
	}
}

func (c *check) rowConditions() {
	c.new(100)
	after := func(s topics.Store, name string, last enumerator.Position) (enumerator.Position, error) {
		r := row(name, "x")
		r.Conditional, r.Last = true, last
		return s.Append(c.ctx, "a", r)
	}
	none := enumerator.Position{}
	first, err := after(c.one, "x", none)
	c.that(err == nil, "for a row that is not there, the condition of the zero Position gives the error %v", err)
	other, err := after(c.other, "y", none)
	c.that(err == nil, "for another row that is not there, the condition of the zero Position gives the error %v", err)
	c.append(c.one, "a", message("x"))
	second, err := after(c.other, "x", first)
	c.that(err == nil, "the condition of the Position of the row, %v, gives the error %v", first, err)
	for _, last := range []enumerator.Position{none, first, other, {Epoch: second.Epoch}, {Epoch: second.Epoch, Seq: second.Seq + 1<<30}} {
		_, err := after(c.one, "x", last)
		c.that(errors.Is(err, topics.ErrConflict), "the row is at %v, and the condition of %v gives the error %v; it should give ErrConflict", second, last, err)
	}
	r := removed("x")
	r.Conditional, r.Last = true, first
	_, err = c.other.Append(c.ctx, "a", r)
	c.that(errors.Is(err, topics.ErrConflict), "the removal of a row under a condition that does not hold gives the error %v", err)
	r.Last = second
	gone := c.append(c.other, "a", r)
	_, err = after(c.one, "x", gone)
	c.that(errors.Is(err, topics.ErrConflict), "the condition of the Position of a removal gives the error %v; it should give ErrConflict", err)
	last, err := after(c.one, "x", none)
	c.that(err == nil, "for a row that was removed, the condition of the zero Position gives the error %v", err)

	for range 5 {
		var wg sync.WaitGroup
		stored := make([]enumerator.Position, 4)
		errs := make([]error, len(stored))
		for i := range stored {
			wg.Go(func() { stored[i], errs[i] = after(c.both[i%2], "x", last) })
		}
		wg.Wait()
		winners := 0
		for i, err := range errs {
			if err == nil {
				winners++
				last = stored[i]
			} else {
				c.that(errors.Is(err, topics.ErrConflict), "several Appends with the same condition at once give the error %v, and should give ErrConflict", err)
			}
		}
		c.that(winners == 1, "of several Appends to a row with the same condition at once, %d are stored", winners)
	}
	c.append(c.one, "a", topics.Record{Kind: topics.Ended})
	_, err = after(c.other, "x", last)
	c.that(errors.Is(err, topics.ErrEnded), "after the end, a condition of a row that holds gives the error %v, and should give ErrEnded", err)
}

func (c *check) deletedRows() {
	c.new(5)
	old := c.append(c.one, "a", row("x", "1"))
	newer := c.append(c.one, "a", row("y", "1"))
	kept := c.append(c.one, "b", row("x", "1"))
	deleted := c.append(c.other, "a", topics.Record{Kind: topics.Deleted})
	for _, s := range c.both {
		c.hasState(s, "a", enumerator.Position{}, nil, table{})
		c.hasState(s, "a", deleted, table{}, table{})
		for _, p := range []enumerator.Position{old, newer} {
			_, ok := c.read(s, "a", topics.Place{State: true, After: p}, 100)
			c.that(!ok, "the state after %v, a place before the deletion, gives ok", p)
			_, ok = c.read(s, "a", topics.Place{State: true, After: deleted, Began: p}, 100)
			c.that(!ok, "the next batch of a state that began at %v, before the deletion, gives ok", p)
		}
		c.hasState(s, "b", enumerator.Position{}, nil, table{"x": fmt.Sprint(kept, "1")})
	}
	r := row("x", "2")
	r.Conditional = true
	p := c.append(c.one, "a", r)
	for _, s := range c.both {
		c.hasState(s, "a", deleted, table{}, table{"x": fmt.Sprint(p, "2")})
	}
}

// states reads states and watches while both programs put and remove rows.
func (c *check) states() {
	const appends, writers, readers = 60, 4, 8
	c.new(10_000)
	var appending, reading sync.WaitGroup
	var count atomic.Int64
	var failure atomic.Pointer[error]
	for range writers {
		appending.Go(func() {
			for n := range appends {
				r := row(fmt.Sprint("row ", rand.IntN(20)), fmt.Sprint(n))
				switch rand.IntN(5) {
				case 0:
					r.Kind, r.Data = topics.Removed, nil
				case 1:
					r.Row = ""
				}
				if _, err := c.both[rand.IntN(2)].Append(c.ctx, "a", r); err != nil {
					failure.Store(&err)
				}
				count.Add(1)
			}
		})
	}
	tables, ends := make([]table, readers), make([]enumerator.Position, readers)
	watches := make([]*watcher, readers)
	bad := make([]any, readers)
	for i := range readers {
		reading.Go(func() {
			defer func() { bad[i] = recover() }()
			for at := int64(i * appends * writers / readers); count.Load() < at && failure.Load() == nil; {
				time.Sleep(100 * time.Microsecond)
			}
			s := c.both[i%2]
			watches[i] = c.watchOf(s, "a")
			for ok := false; !ok; {
				var got []topics.Entry
				got, ok = c.state(s, "a", enumerator.Position{}, 1+rand.IntN(10))
				tables[i] = table{}.apply(got...)
				if len(got) > 0 {
					ends[i] = got[len(got)-1].Position
				}
			}
		})
	}
	appending.Wait()
	reading.Wait()
	if err := failure.Load(); err != nil {
		c.wrong("an Append at the same time as others fails: %v", *err)
	}
	for _, v := range bad {
		if v != nil {
			panic(v)
		}
	}
	entries := c.readAll(c.one, "a", topics.Place{}, 64)
	want := table{}.apply(entries...)
	last := entries[len(entries)-1].Position
	for i, w := range watches {
		c.wait(w, fmt.Sprint(last), func() bool {
			return w.losts > 0 || len(w.got) > 0 && w.got[len(w.got)-1].Position == last || w.last == last
		})
		w.mu.Lock()
		for _, e := range w.got {
			if e.Position.Seq > ends[i].Seq {
				tables[i].apply(e)
			}
		}
		w.mu.Unlock()
		c.that(maps.Equal(tables[i], want), "a state that was read while others append, and then a watch, give %v; the entries give %v", tables[i], want)
		w.stop()
	}
	have := table{}
	for i, e := range entries {
		have.apply(e)
		if i%7 == 0 || i == len(entries)-1 {
			c.hasState(c.both[i%2], "a", e.Position, have, want)
		}
	}
	c.hasState(c.one, "a", enumerator.Position{}, nil, want)
	c.hasState(c.other, "a", enumerator.Position{}, nil, want)
}
