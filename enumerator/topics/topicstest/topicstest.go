// Package topicstest checks that a Store of topics keeps its laws.
package topicstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/internal/report"
)

// Test checks that a [topics.Store] keeps its laws. Each call of open makes a new Store without entries, and returns
// it as two programs have it open. If only one program can have the Store open, open returns the same value twice.
// The Store keeps the last messages of a topic; keep is their exact number. Test returns nil, or an error with the
// first violation of each law:
//
//   - Append: Positions have the same Epoch, which is not 0, and their Seqs rise.
//   - Read: both programs read the same entries, in the order of their Positions, with their Data and with Times that
//     do not fall. limit limits their number. A Read knows what the program has appended.
//   - Meta: readers and watchers get the Meta of an entry, whatever its Kind. It can be any bytes, and 32 KiB of them.
//   - names: a name can be any bytes, and means one topic. A name that is too short or too long is an ErrName.
//   - keep: a topic keeps its last messages, and their number is exactly keep. The messages of other topics do not
//     matter.
//   - places: ok is true where nothing is missing. It is false for a place before entries that were dropped and for
//     a place of another Store. For a place that does not exist yet, ok is false or Read fails.
//   - keys: a Record is stored once for each key and topic. A key can be any bytes.
//   - conditions: a Record is stored only if its condition holds. If several Records with the same condition come at
//     once, one is stored.
//   - end: nothing is stored after an Ended. Readers and watchers get the Ended.
//   - deletion: a Deleted drops all entries of its topic, and no others. Watchers get the Deleted.
//   - rows: a topic keeps the last entry of each row, whatever keep is. The state after a place, followed by the entries of
//     a watch, is the same as that of all entries. A condition is about the row of its Record.
//   - watch: a watcher gets each entry after the Position that Watch has returned, once, in order, one at a time,
//     and nothing after stop. Watches begin at any moment while both programs append.
//   - cancel: a call whose context has ended fails with the cause, and stores nothing.
//
// The Stores are used by several goroutines at once, so that the race detector finds state that they share. Test
// takes an entry for lost if it does not reach a watcher within ten seconds. The caller closes what open has opened.
func Test(open func(keep int) (one, other topics.Store)) error {
	r := new(report.Report)
	for _, law := range []struct {
		name  string
		check func(*check)
	}{
		{"Append", (*check).positions},
		{"Read", (*check).reads},
		{"Meta", (*check).meta},
		{"names", (*check).names},
		{"keep", (*check).keep},
		{"places", (*check).places},
		{"keys", (*check).keys},
		{"conditions", (*check).conditions},
		{"end", (*check).end},
		{"deletion", (*check).deletion},
		{"rows", (*check).rows},
		{"rows", (*check).removedRows},
		{"rows", (*check).rowConditions},
		{"rows", (*check).deletedRows},
		{"rows", (*check).states},
		{"watch", (*check).watch},
		{"watch", (*check).stop},
		{"cancel", (*check).cancel},
	} {
		(&check{Report: r, law: law.name, open: open}).run(law.check)
	}
	return r.Err()
}

// TestLost checks that a Store calls the function lost of a watcher that has missed entries. lose makes store lose
// the watch, or the entries that are appended before lose returns. TestLost returns an error if the function lost is
// not called once, if next or lost is called after that, or if a new watch does not get the next entry.
func TestLost(store topics.Store, lose func()) error {
	r := new(report.Report)
	open := func(int) (one, other topics.Store) { return store, store }
	(&check{Report: r, law: "lost", open: open}).run(func(c *check) {
		c.new(0)
		w := c.watchOf(store, "a")
		first := c.append(store, "a", message("1"))
		c.wants(w, first)
		lose()
		c.wait(w, "lost", func() bool { return w.losts > 0 })
		place, again := w.end(), c.watchOf(store, "a")
		second := c.append(store, "a", message("2"))
		c.wants(again, second)
		got, ok := c.read(store, "a", topics.Place{After: place}, 100)
		c.that(ok && len(got) > 0 && got[len(got)-1].Position == second, "after the watch is lost, a Read after %v gives %s, ok %v; it should end with %v", place, list(got), ok, second)
		w.mu.Lock()
		defer w.mu.Unlock()
		c.that(w.losts == 1 && w.late == 0, "lost is called %d times, and next %d times after that; they should be called once and never", w.losts, w.late)
		again.stop()
	})
	return r.Err()
}

// patience is the time for a watcher to get an entry.
const patience = 10 * time.Second

type check struct {
	*report.Report
	law        string
	open       func(keep int) (one, other topics.Store)
	one, other topics.Store
	both       []topics.Store
	ctx        context.Context
}

// failed ends the check of a law.
type failed struct{}

func (c *check) run(law func(*check)) {
	var end context.CancelFunc
	c.ctx, end = context.WithCancel(context.Background())
	defer end()
	defer func() {
		if v := recover(); v != nil && v != any(failed{}) {
			panic(v)
		}
	}()
	law(c)
}

func (c *check) wrong(format string, args ...any) {
	c.Wrong(c.law, format, args...)
	panic(failed{})
}

func (c *check) that(holds bool, format string, args ...any) {
	if !holds {
		c.wrong(format, args...)
	}
}

func (c *check) new(keep int) {
	c.one, c.other = c.open(keep)
	c.both = []topics.Store{c.one, c.other}
}

func message(data string) topics.Record { return topics.Record{Data: []byte(data)} }

func (c *check) append(s topics.Store, name string, r topics.Record) enumerator.Position {
	p, err := s.Append(c.ctx, name, r)
	c.that(err == nil, "Append to %.40q fails: %v", name, err)
	return p
}

func (c *check) appendAll(name string, n int) (all []enumerator.Position) {
	for i := range n {
		all = append(all, c.append(c.both[i%2], name, message(fmt.Sprint(i+1))))
	}
	return all
}

func (c *check) read(s topics.Store, name string, from topics.Place, limit int) ([]topics.Entry, bool) {
	got, ok, err := s.Read(c.ctx, name, from, limit)
	c.that(err == nil, "Read of %.40q at %v fails: %v", name, from, err)
	c.that(len(got) <= limit, "Read of at most %d entries gives %d", limit, len(got))
	return got, ok
}

// readAll reads in batches to the end.
func (c *check) readAll(s topics.Store, name string, from topics.Place, limit int) (all []topics.Entry) {
	for {
		got, _ := c.read(s, name, from, limit)
		if len(got) == 0 {
			return all
		}
		all = append(all, got...)
		from = topics.Place{After: got[len(got)-1].Position}
	}
}

// list shows entries.
type list []topics.Entry

func (l list) String() string {
	text := make([]string, len(l))
	for i, e := range l {
		text[i] = fmt.Sprintf("%v %s %.20q", e.Position, [...]string{"message", "ended", "deleted", "removed"}[e.Kind], e.Data)
	}
	return "[" + strings.Join(text, ", ") + "]"
}

func positionsOf(entries []topics.Entry) (all []enumerator.Position) {
	for _, e := range entries {
		all = append(all, e.Position)
	}
	return all
}

// gives checks a Read.
func (c *check) gives(s topics.Store, name string, from topics.Place, want []enumerator.Position, wantOK bool) {
	got, ok := c.read(s, name, from, 1000)
	c.that(slices.Equal(positionsOf(got), want), "Read of %.40q at %v gives %s, and should give %v", name, from, list(got), want)
	c.that(ok == wantOK, "Read of %.40q at %v gives ok %v, and should give %v", name, from, ok, wantOK)
}

func (c *check) positions() {
	c.new(100)
	last := enumerator.Position{}
	for i := range 20 {
		p := c.append(c.both[i%2], []string{"a", "b"}[i/2%2], message("x"))
		c.that(p.Epoch != 0, "the Epoch of %v is 0", p)
		c.that(i == 0 || p.Epoch == last.Epoch, "the Epoch of %v is not that of %v", p, last)
		c.that(i == 0 || p.Seq > last.Seq, "%v does not come after %v", p, last)
		last = p
	}
}

func (c *check) reads() {
	c.new(100)
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	datas := [][]byte{[]byte("1"), nil, every, []byte(`{"json":"\u2028"}`), bytes.Repeat([]byte("x"), 64<<10), []byte("\r\n")}
	var want []enumerator.Position
	for i, data := range datas {
		s := c.both[i%2]
		p := c.append(s, "a", topics.Record{Data: data})
		c.append(s, "b", message("other"))
		want = append(want, p)
		got, _ := c.read(s, "a", topics.Place{}, 100)
		c.that(len(got) > 0 && got[len(got)-1].Position == p, "after Append has returned %v, Read gives %s", p, list(got))
	}
	for _, s := range c.both {
		for _, limit := range []int{1, 2, 100} {
			got := c.readAll(s, "a", topics.Place{}, limit)
			c.that(slices.Equal(positionsOf(got), want), "%d at a time, Read gives %s, and should give %v", limit, list(got), want)
			for i, e := range got {
				c.that(bytes.Equal(e.Data, datas[i]), "the Data of %v is %.40q, and should be %.40q", e.Position, e.Data, datas[i])
				c.that(e.Kind == topics.Message, "the Kind of %v is %d", e.Position, e.Kind)
				c.that(!e.Time.IsZero() && (i == 0 || !e.Time.Before(got[i-1].Time)), "the Time of %v is %v", e.Position, e.Time)
			}
		}
		c.gives(s, "c", topics.Place{}, nil, true)
	}
}

func (c *check) meta() {
	c.new(100)
	w := c.watchOf(c.other, "a")
	large := make([]byte, 32<<10)
	for i := range large {
		large[i] = byte(i)
	}
	records := []topics.Record{
		{Kind: topics.Deleted, Meta: []byte("deletion")},
		{Meta: nil, Data: []byte("1")},
		{Meta: large},
		{Meta: []byte("\r\n\x00"), Data: large},
		{Meta: []byte{}, Data: []byte("4")},
		{Kind: topics.Ended, Meta: []byte("\xffend")},
	}
	var want []enumerator.Position
	for i, r := range records {
		want = append(want, c.append(c.both[i%2], "a", r))
	}
	same := func(got []topics.Entry, records []topics.Record) {
		c.that(len(got) == len(records), "there are %s, and should be %d entries", list(got), len(records))
		for i, r := range records {
			c.that(bytes.Equal(got[i].Meta, r.Meta), "the Meta of %s is %.40q, and should be %.40q", list(got[i:i+1]), got[i].Meta, r.Meta)
		}
	}
	c.wants(w, want...)
	w.stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	same(w.got, records)
	for _, s := range c.both {
		got, _ := c.read(s, "a", topics.Place{}, 100)
		same(got, records[1:])
		got, _ = c.read(s, "a", topics.Place{Last: 1}, 1)
		same(got, records[4:5])
		late := c.watchOf(s, "a")
		c.wants(late, want[5])
		late.stop()
		late.mu.Lock()
		same(late.got, records[5:])
		late.mu.Unlock()
	}
}

// hostile holds names that a Store could mistake for something else, such as patterns or paths.
var hostile = []string{
	">", "*", ".", "..", "a.b", "a.>", "a.*", "a b", " ", "a", "A", "a\x00b", "\x00", "\xff\xfe", "é", "e\u0301", "a/b", "../a", "a\r\nb", "\t", "$JS.API.>", "$SYS", "%2e", "%",
	"_", "-", "=", "a=", "\u202e", strings.Repeat("x", topics.MaxName), strings.Repeat("\xff", topics.MaxName), strings.Repeat(".", topics.MaxName), strings.Repeat("x", topics.MaxName-1) + "y",
}

func (c *check) names() {
	c.new(100)
	watches := make([]*watcher, len(hostile))
	for i, name := range hostile {
		watches[i] = c.watchOf(c.both[i%2], name)
	}
	want := make([]enumerator.Position, len(hostile))
	for i, name := range hostile {
		want[i] = c.append(c.both[i/2%2], name, message(name))
	}
	for i, name := range hostile {
		c.wants(watches[i], want[i])
		got, _ := c.read(c.both[i%2], name, topics.Place{}, 100)
		c.that(len(got) == 1 && string(got[0].Data) == name, "the topic %.40q has %s, and should have its name", name, list(got))
		watches[i].stop()
	}
	for _, name := range []string{"", strings.Repeat("x", topics.MaxName+1), strings.Repeat("x", 1<<16)} {
		_, err := c.one.Append(c.ctx, name, message("x"))
		c.that(errors.Is(err, topics.ErrName), "Append to a name of %d bytes gives the error %v, and should give ErrName", len(name), err)
		_, _, err = c.one.Read(c.ctx, name, topics.Place{}, 1)
		c.that(errors.Is(err, topics.ErrName), "Read of a name of %d bytes gives the error %v, and should give ErrName", len(name), err)
		_, _, err = c.one.Watch(c.ctx, name, func(topics.Entry) {}, func(error) {})
		c.that(errors.Is(err, topics.ErrName), "Watch of a name of %d bytes gives the error %v, and should give ErrName", len(name), err)
	}
}

func (c *check) keep() {
	c.new(5)
	before := c.append(c.one, "b", message("x"))
	all := c.appendAll("a", 12)
	for _, s := range c.both {
		c.gives(s, "a", topics.Place{}, all[7:], true)
		c.gives(s, "a", topics.Place{Last: 100}, all[7:], true)
		c.gives(s, "b", topics.Place{}, []enumerator.Position{before}, true)
	}
}

func (c *check) places() {
	c.new(5)
	for _, s := range c.both {
		zero := c.append(s, "other", message("x"))
		zero.Seq = 0
		c.gives(s, "new", topics.Place{After: zero}, nil, true)
	}
	all := c.appendAll("a", 5)
	start := enumerator.Position{Epoch: all[0].Epoch}
	for _, s := range c.both {
		c.gives(s, "a", topics.Place{After: start}, all, true)
	}
	all = append(all, c.appendAll("a", 5)...)
	kept := all[5:]
	for _, s := range c.both {
		for i, p := range kept {
			c.gives(s, "a", topics.Place{After: p}, kept[i+1:], true)
		}
		for n := range len(kept) {
			c.gives(s, "a", topics.Place{Last: n + 1}, kept[len(kept)-n-1:], true)
		}
		for _, p := range all[:4] { // nothing is missing after all[4]
			c.gives(s, "a", topics.Place{After: p}, kept, false)
		}
		c.gives(s, "a", topics.Place{After: start}, kept, false)
		later := all[len(all)-1]
		later.Seq += 1 << 40
		if got, ok, err := s.Read(c.ctx, "a", topics.Place{After: later}, 100); err == nil {
			c.that(!ok, "Read at %v, a place that is not there yet, gives %s and ok", later, list(got))
		}
		c.since(s)
	}
	another, _ := c.open(5)
	foreign := c.append(another, "a", message("1"))
	for range 20 {
		foreign = c.append(another, "a", message("x"))
	}
	c.gives(c.one, "a", topics.Place{After: foreign}, kept, false)
	if _, ok, err := another.Read(c.ctx, "a", topics.Place{After: kept[0]}, 100); err == nil {
		c.that(!ok, "Read at %v, a place of another Store, gives ok", kept[0])
	}
}

func (c *check) since(s topics.Store) {
	all, _ := c.read(s, "a", topics.Place{}, 100)
	for _, e := range all {
		first := slices.IndexFunc(all, func(other topics.Entry) bool { return !other.Time.Before(e.Time) })
		c.gives(s, "a", topics.Place{Since: e.Time}, positionsOf(all[first:]), true)
	}
	c.gives(s, "a", topics.Place{Since: all[0].Time.Add(-time.Hour)}, positionsOf(all), true)
	c.gives(s, "a", topics.Place{Since: all[len(all)-1].Time.Add(time.Hour)}, nil, true)
}

func (c *check) keys() {
	c.new(100)
	keys := append([]string{"k", "K", "k ", strings.Repeat("k", 1000)}, hostile...)
	keys = slices.Compact(slices.Sorted(slices.Values(keys)))
	first := map[string]enumerator.Position{}
	for i, key := range keys {
		first[key] = c.append(c.both[i%2], "a", topics.Record{Key: key, Data: []byte(key)})
	}
	again := func(s topics.Store, what string, r topics.Record) {
		for _, key := range keys {
			r.Key = key
			p, err := s.Append(c.ctx, "a", r)
			c.that(err == nil && p == first[key], "%s: the second Append with the key %.40q gives %v and the error %v, and should give %v, the Position of the first", what, key, p, err, first[key])
		}
	}
	for _, s := range c.both {
		again(s, "another value", message("other"))
		again(s, "a condition that does not hold", topics.Record{Conditional: true})
	}
	other := c.append(c.one, "b", topics.Record{Key: "k", Data: []byte("b")})
	c.gives(c.other, "b", topics.Place{}, []enumerator.Position{other}, true)
	n := len(keys)
	for _, s := range c.both {
		c.append(s, "a", message("no key"))
		c.append(s, "a", message("no key"))
	}
	got := c.readAll(c.one, "a", topics.Place{}, 1000)
	c.that(len(got) == n+4, "%d keys and 4 Records without a key give %d entries, and should give %d", n, len(got), n+4)
	c.append(c.one, "a", topics.Record{Kind: topics.Ended})
	again(c.other, "a topic that has ended", message("other"))

	var wg sync.WaitGroup
	same := make([]enumerator.Position, 8)
	errs := make([]error, len(same))
	for i := range same {
		wg.Go(func() {
			same[i], errs[i] = c.both[i%2].Append(c.ctx, "c", topics.Record{Key: "k", Data: []byte("x")})
		})
	}
	wg.Wait()
	c.that(errors.Join(errs...) == nil, "several Appends with the same key at once fail: %v", errors.Join(errs...))
	c.that(len(slices.Compact(same)) == 1, "several Appends with the same key at once give %v, and should give the same", same)
	c.gives(c.other, "c", topics.Place{}, same[:1], true)
}

func (c *check) conditions() {
	c.new(100)
	after := func(s topics.Store, last enumerator.Position) (enumerator.Position, error) {
		return s.Append(c.ctx, "a", topics.Record{Data: []byte("x"), Conditional: true, Last: last})
	}
	first, err := after(c.one, enumerator.Position{})
	c.that(err == nil, "in a topic without entries the condition of the zero Position gives the error %v", err)
	elsewhere := c.append(c.one, "b", message("x"))
	second, err := after(c.other, first)
	c.that(err == nil, "the condition of the last Position, %v, gives the error %v", first, err)
	foreign := second
	foreign.Epoch++
	for _, last := range []enumerator.Position{{}, first, elsewhere, foreign, {Epoch: second.Epoch}, {Epoch: second.Epoch, Seq: second.Seq + 1<<30}} {
		_, err := after(c.one, last)
		c.that(errors.Is(err, topics.ErrConflict), "the last Position is %v, and the condition of %v gives the error %v; it should give ErrConflict", second, last, err)
	}
	c.gives(c.other, "a", topics.Place{}, []enumerator.Position{first, second}, true)

	last := second
	for range 10 {
		var wg sync.WaitGroup
		stored := make([]enumerator.Position, 4)
		errs := make([]error, len(stored))
		for i := range stored {
			wg.Go(func() { stored[i], errs[i] = after(c.both[i%2], last) })
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
		c.that(winners == 1, "of several Appends with the same condition at once, %d are stored", winners)
	}
	got := c.readAll(c.one, "a", topics.Place{}, 1000)
	c.that(len(got) == 12, "after 12 Appends whose condition held there are %d entries", len(got))

	for _, with := range []func(enumerator.Position) enumerator.Position{
		func(enumerator.Position) enumerator.Position { return enumerator.Position{} },
		func(deleted enumerator.Position) enumerator.Position { return deleted },
	} {
		last := with(c.append(c.one, "a", topics.Record{Kind: topics.Deleted}))
		_, err := after(c.other, last)
		c.that(err == nil, "after a deletion, the condition of %v gives the error %v", last, err)
	}
}

func (c *check) end() {
	c.new(5)
	w := c.watchOf(c.other, "a")
	all := c.appendAll("a", 3)
	end := c.append(c.one, "a", topics.Record{Kind: topics.Ended})
	all = append(all, end)
	c.wants(w, all...)
	w.stop()
	for _, s := range c.both {
		for _, kind := range []topics.Kind{topics.Message, topics.Ended} {
			_, err := s.Append(c.ctx, "a", topics.Record{Kind: kind})
			c.that(errors.Is(err, topics.ErrEnded), "after the end, Append gives the error %v, and should give ErrEnded", err)
		}
		_, err := s.Append(c.ctx, "a", topics.Record{Conditional: true})
		c.that(errors.Is(err, topics.ErrEnded), "after the end, Append under a condition that does not hold gives the error %v, and should give ErrEnded", err)
		got, _ := c.read(s, "a", topics.Place{}, 100)
		c.that(len(got) == 4 && got[3].Kind == topics.Ended, "a topic that has ended has %s; its last entry should be the end", list(got))
		c.gives(s, "a", topics.Place{Last: 2}, all[1:], true)
		c.gives(s, "a", topics.Place{After: all[2]}, all[3:], true)
		c.gives(s, "a", topics.Place{After: end}, nil, true)
		late := c.watchOf(s, "a")
		c.that(late.last == end, "Watch of a topic that has ended returns %v, and should return the Position of its end, %v", late.last, end)
		c.wants(late, end)
		late.stop()
	}
	full := append(c.appendAll("full", 5), c.append(c.one, "full", topics.Record{Kind: topics.Ended}))
	got, _ := c.read(c.other, "full", topics.Place{}, 100)
	c.that(len(got) > 0 && got[len(got)-1].Position == full[5], "a full topic that has ended has %s; its last entry should be %v", list(got), full[5])

	empty := c.append(c.one, "empty", topics.Record{Kind: topics.Ended})
	c.gives(c.other, "empty", topics.Place{}, []enumerator.Position{empty}, true)
}

func (c *check) deletion() {
	c.new(5)
	other := c.appendAll("b", 3)
	all := c.appendAll("a", 3)
	w, elsewhere := c.watchOf(c.other, "a"), c.watchOf(c.one, "b")
	deleted := c.append(c.one, "a", topics.Record{Kind: topics.Deleted})
	for _, s := range c.both {
		c.gives(s, "a", topics.Place{}, nil, true)
		c.gives(s, "a", topics.Place{Last: 3}, nil, true)
		for _, p := range all {
			c.gives(s, "a", topics.Place{After: p}, nil, false)
		}
		c.gives(s, "a", topics.Place{After: enumerator.Position{Epoch: deleted.Epoch}}, nil, false)
		c.gives(s, "a", topics.Place{After: deleted}, nil, true)
		c.gives(s, "b", topics.Place{}, other, true)
	}
	next := c.appendAll("a", 2)
	c.wants(w, append([]enumerator.Position{deleted}, next...)...)
	w.mu.Lock()
	c.that(w.got[0].Kind == topics.Deleted, "the watcher gets %s, and should get a deletion first", list(w.got))
	w.mu.Unlock()
	for _, s := range c.both {
		c.gives(s, "a", topics.Place{}, next, true)
		c.gives(s, "a", topics.Place{After: deleted}, next, true)
		c.gives(s, "a", topics.Place{After: all[2]}, next, false)
	}
	c.append(c.one, "a", topics.Record{Kind: topics.Ended})
	again := c.append(c.other, "a", topics.Record{Kind: topics.Deleted})
	c.gives(c.one, "a", topics.Place{}, nil, true)
	late := c.watchOf(c.one, "a")
	c.that(late.last == again, "after a deletion Watch returns %v, and should return %v", late.last, again)
	after := c.appendAll("a", 1)
	c.wants(late, after...)
	c.gives(c.other, "a", topics.Place{After: again}, after, true)
	c.append(c.other, "never", topics.Record{Kind: topics.Deleted})
	c.append(c.other, "never", message("x"))
	c.wants(elsewhere)
	for _, w := range []*watcher{w, elsewhere, late} {
		w.stop()
	}
}

func (c *check) cancel() {
	c.new(100)
	p := c.append(c.one, "a", message("x"))
	cause := errors.New("the test has ended the context")
	ctx, cancel := context.WithCancelCause(c.ctx)
	w := &watcher{}
	_, stop, err := c.one.Watch(ctx, "a", w.next, w.lost)
	c.that(err == nil, "Watch fails: %v", err)
	cancel(cause)
	_, err = c.one.Append(ctx, "a", message("y"))
	c.that(errors.Is(err, cause), "in a context that has ended Append gives the error %v, and should give the cause", err)
	c.that(!errors.Is(err, topics.ErrUnknown), "in a context that has ended Append gives the error %v, but it has not sent anything", err)
	_, _, err = c.one.Read(ctx, "a", topics.Place{}, 1)
	c.that(errors.Is(err, cause), "in a context that has ended Read gives the error %v, and should give the cause", err)
	_, _, err = c.one.Watch(ctx, "a", func(topics.Entry) {}, func(error) {})
	c.that(errors.Is(err, cause), "in a context that has ended Watch gives the error %v, and should give the cause", err)
	c.gives(c.other, "a", topics.Place{}, []enumerator.Position{p}, true)
	later := c.append(c.other, "a", message("z"))
	c.wants(w, later) // the watch goes on
	stop()
}
