// Package presence keeps track of the members of topics, across all programs that share a [topics.Store].
package presence

import (
	"context"
	"crypto/rand"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/enumerator/topics/tables"
	"github.com/halley-go/halley/internal/check"
)

// The table of a topic has two kinds of rows: the lease of each program, which the program puts again at each beat, and the members
// of each program. If a lease is not renewed in time, another program removes it, and then the members of its program.
const (
	leaseRow  = "lease "
	memberRow = "member "
)

// An Option is an option of [New].
type Option func(*config)

type config struct{ beat time.Duration }

// Beat sets the time between two renewals of a lease. The default is 5 s. Beat panics if d is not positive.
func Beat(d time.Duration) Option {
	check.Positive("enumerator/topics/presence: Beat: d", d)
	return func(c *config) { c.beat = d }
}

// A Presence knows the members of topics. I is the type of the information about a member. Several goroutines may call the methods
// at once. [New] makes a Presence; the zero Presence is not usable.
//
// The members of a topic are kept in a table with the same name, so that topic must not be used for messages. If a
// program vanishes, other programs that use the topic remove its members. They begin at most three beats, 15 s by
// default, after its last lease has arrived. They write to the Store once for each member and once for the lease. If
// there is no other program, the next one that uses the topic removes the members.
type Presence[I any] struct {
	tables  *tables.Tables[I]
	program string // the name of this program, in its rows
	config

	mu    sync.Mutex // guards rooms and the rooms
	rooms map[string]*room[I]
}

// New returns a Presence whose members are kept in store. It panics if store is nil.
func New[I any](store topics.Store, opts ...Option) *Presence[I] {
	if store == nil {
		panic("enumerator/topics/presence: New: store must not be nil")
	}
	p := &Presence[I]{tables: tables.New[I](store), program: rand.Text(), config: config{5 * time.Second}, rooms: map[string]*room[I]{}}
	for _, opt := range opts {
		opt(&p.config)
	}
	return p
}

// Close ends all runs with [topics.ErrClosed], and stops the renewal of leases. Other programs remove the members that
// have not left, within about three beats.
func (p *Presence[I]) Close() {
	p.tables.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.rooms {
		r.cancel()
	}
}

// Join makes member a member of the topic with this name until ctx ends. info is the information about the member. Join
// returns when the Store has acknowledged the member. The member leaves when ctx ends. If the Store does not answer for
// three beats, the member leaves later: this program tries again at each beat while it uses the topic. If it no longer uses
// the topic, other programs remove the member when the lease of this program is over. A member can join several times, in
// this program and in others. Then it stays until all of these contexts have ended, and its last info counts.
//
// Join fails with [tables.ErrKey] if member is empty, longer than 400 bytes or not UTF-8, and with [topics.ErrName] if
// name is not valid. While this program has members in the topic or reads its members, two goroutines renew the lease
// and watch the other programs.
func (p *Presence[I]) Join(ctx context.Context, name, member string, info I) error {
	if member == "" || len(member) > maxMember {
		return tables.ErrKey
	}
	r := p.enter(name)
	var err error
	if r.join(member, info) {
		_, err = r.table.Put(ctx, leaseRow+p.program, *new(I))
	}
	if err == nil {
		_, err = r.table.Put(ctx, r.row(member), info)
	}
	leave := func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*p.beat)
		defer cancel()
		r.leave(ctx, member)
		p.exit(r)
	}
	if err != nil {
		leave()
		return err
	}
	context.AfterFunc(ctx, leave)
	return nil
}

const maxMember = 400 // bytes

// Members returns an Enumerator of the members of the topic with this name: a Reset, all members, a Bookmark, and then
// each change. The Key of a Change is the member. A Reset may come again, as in [tables.Table.From]. Each run begins
// with the current members: it cannot resume at a Position. Because of the Reset, [enumerator.Values] needs a function
// that returns nil for a Reset.
func (p *Presence[I]) Members(name string) enumerator.Enumerator[enumerator.Item[tables.Change[I]]] {
	return membersOf(p, name)
}

// room is a topic in which this program has members or runs.
type room[I any] struct {
	presence *Presence[I]
	table    tables.Table[I]
	users    int // members and runs
	cancel   context.CancelFunc

	mine  map[string]*mine[I]
	own   map[string]bool // the rows of this program that are in the table, by member; the lease has the key ""
	whole bool            // own and seen are complete
	seen  map[string]*program
}

// mine is a member of this program.
type mine[I any] struct {
	joined int
	info   *I // another one after each join
}

// program is another program.
type program struct {
	at    time.Time                      // when its lease came last
	lease enumerator.Position            // of its lease
	rows  map[string]enumerator.Position // of its members, by key
}

// enter returns a room for one more user, which calls exit at its end.
func (p *Presence[I]) enter(name string) *room[I] {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.rooms[name]
	if r == nil {
		ctx, cancel := context.WithCancel(context.Background())
		r = &room[I]{
			presence: p, table: p.tables.Table(name), cancel: cancel,
			mine: map[string]*mine[I]{}, own: map[string]bool{}, seen: map[string]*program{},
		}
		p.rooms[name] = r
		go r.read(ctx)
		go r.beats(ctx)
	}
	r.users++
	return r
}

func (p *Presence[I]) exit(r *room[I]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.users--; r.users == 0 {
		r.cancel()
		delete(p.rooms, r.table.Name())
	}
}

// row returns the key of the row of a member of this program.
func (r *room[I]) row(member string) string { return memberRow + r.presence.program + " " + member }

// join counts a member of this program, and reports whether it is the first one.
func (r *room[I]) join(member string, info I) (first bool) {
	r.presence.mu.Lock()
	defer r.presence.mu.Unlock()
	first = len(r.mine) == 0
	m := r.mine[member]
	if m == nil {
		m = &mine[I]{}
		r.mine[member] = m
	}
	m.joined++
	m.info = &info
	return first
}

// leave removes the row of a member when it has left as often as it has joined. If it was the last member of this
// program, leave removes the lease too.
func (r *room[I]) leave(ctx context.Context, member string) {
	r.presence.mu.Lock()
	m := r.mine[member]
	m.joined--
	gone := m.joined == 0
	if gone {
		delete(r.mine, member)
	}
	last := len(r.mine) == 0
	r.presence.mu.Unlock()
	if gone {
		_ = r.settle(ctx, member)
	}
	if last {
		_, _ = r.table.Remove(ctx, leaseRow+r.presence.program)
		r.renewIfUsed(ctx)
	}
}

// settle puts or removes the row of a member. The member may join or leave meanwhile, so settle goes on until nothing has changed.
func (r *room[I]) settle(ctx context.Context, member string) error {
	for info := r.info(member); ; {
		var err error
		if info != nil {
			_, err = r.table.Put(ctx, r.row(member), *info)
		} else {
			_, err = r.table.Remove(ctx, r.row(member)) // if this fails, restore removes the row, or it goes with the lease
		}
		before := info
		if info = r.info(member); info == before {
			return err
		}
	}
}

// info returns the information of a member of this program, or nil if it is not a member.
func (r *room[I]) info(member string) *I {
	r.presence.mu.Lock()
	defer r.presence.mu.Unlock()
	if m := r.mine[member]; m != nil {
		return m.info
	}
	return nil
}

// renewIfUsed renews the lease if this program has members.
func (r *room[I]) renewIfUsed(ctx context.Context) {
	r.presence.mu.Lock()
	used := len(r.mine) > 0
	r.presence.mu.Unlock()
	if used {
		_, _ = r.table.Put(ctx, leaseRow+r.presence.program, *new(I))
	}
}

// read follows the rows of all programs.
func (r *room[I]) read(ctx context.Context) {
	for item, err := range enumerator.All(ctx, r.table.From(enumerator.Position{})) {
		if err != nil {
			return
		}
		r.take(item)
	}
}

func (r *room[I]) take(item enumerator.Item[tables.Change[I]]) {
	r.presence.mu.Lock()
	defer r.presence.mu.Unlock()
	if item.Reset {
		clear(r.seen)
		clear(r.own)
	}
	if item.Reset || item.Bookmark {
		r.whole = item.Bookmark
	}
	name, member, ok := parse(item.Value.Key)
	if !ok || !item.IsMessage() {
		return
	}
	if name == r.presence.program {
		r.own[member] = true
		if item.Value.Deleted {
			delete(r.own, member)
		}
		return
	}
	s := r.seen[name]
	if s == nil {
		s = &program{at: time.Now(), rows: map[string]enumerator.Position{}}
		r.seen[name] = s
	}
	switch {
	case member != "" && item.Value.Deleted:
		delete(s.rows, item.Value.Key)
	case member != "":
		s.rows[item.Value.Key] = item.Position
	case item.Value.Deleted:
		s.lease = enumerator.Position{}
	default:
		s.at, s.lease = time.Now(), item.Position
	}
	if s.lease == (enumerator.Position{}) && len(s.rows) == 0 {
		delete(r.seen, name)
	}
}

// parse returns the program and the member of a row. member is empty for a lease.
func parse(key string) (program, member string, ok bool) {
	if program, ok = strings.CutPrefix(key, leaseRow); ok {
		return program, "", true
	}
	if key, ok = strings.CutPrefix(key, memberRow); ok {
		program, member, ok = strings.Cut(key, " ")
	}
	return program, member, ok
}

// beats renews the lease and removes the rows of programs whose leases are over. It looks four times in each beat, so that
// they are removed within three beats.
func (r *room[I]) beats(ctx context.Context) {
	beat := r.presence.beat
	ticker := time.NewTicker(max(beat/4, 1))
	defer ticker.Stop()
	renewed := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		within(ctx, beat, func(ctx context.Context) {
			// A tick is late if there was much to remove.
			if now := time.Now(); now.Sub(renewed) > beat*7/8 {
				renewed = now
				r.renewIfUsed(ctx)
			}
			r.restore(ctx)
			r.removeDead(ctx, 3*beat-beat/4)
		})
	}
}

func within(ctx context.Context, d time.Duration, f func(context.Context)) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	f(ctx)
}

// restore puts the rows of this program that are missing in the table, and removes those of members that have left. Rows are
// missing if another program has removed them because the lease came too late, or if the table was deleted. Rows are left over if
// the Store did not answer in time when members left. If ctx ends first, the next call does the rest.
func (r *room[I]) restore(ctx context.Context) {
	r.presence.mu.Lock()
	var wrong []string
	for member := range r.mine {
		if r.whole && !r.own[member] {
			wrong = append(wrong, member)
		}
	}
	for member := range r.own {
		if r.whole && member != "" && r.mine[member] == nil {
			wrong = append(wrong, member)
		}
	}
	noLease := r.whole && !r.own[""]
	r.presence.mu.Unlock()
	if noLease {
		r.renewIfUsed(ctx)
	}
	for _, member := range wrong {
		if r.settle(ctx, member) != nil {
			return
		}
	}
}

// removeDead removes the rows of programs whose leases were not renewed for the time after.
func (r *room[I]) removeDead(ctx context.Context, after time.Duration) {
	r.presence.mu.Lock()
	dead := map[string]program{}
	for name, s := range r.seen {
		if time.Since(s.at) >= after {
			dead[name] = program{at: s.at, lease: s.lease, rows: maps.Clone(s.rows)}
		}
	}
	r.presence.mu.Unlock()
	for name, s := range dead {
		// The conditions fail if the program has put the row again meanwhile.
		if _, err := r.table.RemoveAfter(ctx, leaseRow+name, s.lease); err != nil {
			continue
		}
		for row, at := range s.rows {
			if ctx.Err() != nil || r.isBack(name, s.at) {
				break
			}
			_, _ = r.table.RemoveAfter(ctx, row, at) // another program may have removed it
		}
	}
}

// isBack reports whether the lease of a program has come later than after.
func (r *room[I]) isBack(name string, after time.Time) bool {
	r.presence.mu.Lock()
	defer r.presence.mu.Unlock()
	s := r.seen[name]
	return s != nil && s.at.After(after)
}
