package topics_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/iteratee"
)

// cluster is the list of all entries, which several nodes know up to some place.
type cluster struct {
	mu     sync.Mutex
	rng    *rand.Rand
	faulty bool
	keep   int
	epoch  uint64
	seq    uint64
	logs   map[logOf][]topics.Entry // also those of earlier epochs
	keys   map[string]position
}

type logOf struct {
	epoch uint64
	name  string
}

// node is the Store of a program. It knows the entries up to told, and may know more.
type node struct {
	*cluster
	told    uint64
	watches []*modelWatch
}

type modelWatch struct {
	name    string
	epoch   uint64
	at      uint64 // the Seq of the last entry that was told
	next    func(topics.Entry)
	lost    func(error)
	stopped bool
}

// longest is more than the longest pause of a run.
const longest = 2100 * time.Millisecond

var errFault = errors.New("a fault of the test")

func (c *cluster) chance(percent int) bool { return c.faulty && c.rng.IntN(100) < percent }

// state returns the state of a topic for a node that knows the entries up to bound: the entries that are kept, the
// Seq of the last entry that was dropped, and the Seq of the last entry.
func (c *cluster) state(name string, bound uint64) (kept []topics.Entry, gone, last uint64) {
	for _, e := range c.logs[logOf{c.epoch, name}] {
		if e.Position.Seq > bound {
			break
		}
		last = e.Position.Seq
		if e.Kind == topics.Deleted {
			kept, gone = nil, last
			continue
		}
		kept = append(kept, e)
		if e.Kind == topics.Message && len(kept) > c.keep {
			gone = kept[0].Position.Seq
			kept = kept[1:]
		}
	}
	return kept, gone, last
}

// bound returns the Seq up to which the node knows the entries now.
func (n *node) bound() uint64 {
	n.told = min(n.told, n.seq)
	if n.chance(50) {
		n.told += n.rng.Uint64N(n.seq - n.told + 1)
	} else {
		n.told = n.seq
	}
	return n.told
}

func (n *node) Append(ctx context.Context, name string, r topics.Record) (p position, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	key := strconv.FormatUint(n.epoch, 10) + name + "/" + r.Key
	p, again := n.keys[key]
	switch kept, _, _ := n.state(name, n.seq); {
	case ctx.Err() != nil:
		return p, context.Cause(ctx)
	case n.chance(10):
		return position{}, errFault
	case again:
		return p, nil
	case n.chance(5):
		return position{}, fmt.Errorf("%w: %w", topics.ErrUnknown, errFault)
	case len(kept) > 0 && kept[len(kept)-1].Kind == topics.Ended && r.Kind != topics.Deleted:
		return p, topics.ErrEnded
	}
	n.seq++
	p = position{Epoch: n.epoch, Seq: n.seq}
	log := logOf{n.epoch, name}
	n.logs[log] = append(n.logs[log], topics.Entry{Position: p, Kind: r.Kind, Time: time.Now(), Data: r.Data})
	n.keys[key] = p
	if n.chance(10) {
		return position{}, fmt.Errorf("%w: %w", topics.ErrUnknown, errFault)
	}
	n.told = n.seq
	return p, nil
}

func (n *node) Read(ctx context.Context, name string, from topics.Place, limit int) (entries []topics.Entry, ok bool, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if ctx.Err() != nil || n.chance(10) {
		return nil, false, errors.Join(errFault, context.Cause(ctx))
	}
	bound := n.bound()
	kept, gone, _ := n.state(name, bound)
	if n.faulty {
		limit = min(limit, 1+n.rng.IntN(5))
	}
	ok = true
	first := 0
	switch p := from.After; {
	case p != position{} && p.Epoch == n.epoch && p.Seq > bound:
		return nil, false, errFault
	case p != position{}:
		if ok = p.Epoch == n.epoch && p.Seq >= gone; ok {
			for first < len(kept) && kept[first].Position.Seq <= p.Seq {
				first++
			}
		}
	case from.Last > 0:
		messages := len(kept)
		if messages > 0 && kept[messages-1].Kind == topics.Ended {
			messages--
		}
		first = max(0, messages-from.Last)
	}
	return slices.Clone(kept[first:min(len(kept), first+limit)]), ok, nil
}

func (n *node) Watch(ctx context.Context, name string, next func(topics.Entry), lost func(error)) (last position, stop func(), err error) {
	n.mu.Lock()
	if ctx.Err() != nil || n.chance(10) {
		n.mu.Unlock()
		return last, nil, errors.Join(errFault, context.Cause(ctx))
	}
	kept, _, at := n.state(name, n.bound())
	w := &modelWatch{name, n.epoch, at, next, lost, false}
	last = position{Epoch: n.epoch, Seq: at}
	n.mu.Unlock()
	if len(kept) > 0 && kept[len(kept)-1].Kind == topics.Ended {
		next(kept[len(kept)-1])
	}
	n.mu.Lock()
	n.watches = append(n.watches, w)
	early := n.chance(10)
	n.mu.Unlock()
	if early {
		n.tell(w) // before Watch has returned
	}
	return last, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		w.stopped = true
	}, nil
}

// tell tells w one more entry, or that it has lost something.
func (n *node) tell(w *modelWatch) (more bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if w.stopped {
		return false
	}
	log := n.logs[logOf{w.epoch, w.name}]
	i := slices.IndexFunc(log, func(e topics.Entry) bool { return e.Position.Seq > w.at })
	if w.epoch != n.epoch || i >= 0 && n.chance(10) {
		w.stopped = true
		n.mu.Unlock()
		w.lost(errFault)
		n.mu.Lock()
		return false
	}
	if i < 0 {
		return false
	}
	e := log[i]
	w.at = e.Position.Seq
	n.told = max(n.told, w.at)
	n.mu.Unlock()
	w.next(e)
	n.mu.Lock()
	return true
}

// tellAll tells all watchers everything, and reports whether there was anything.
func (n *node) tellAll() (news bool) {
	n.mu.Lock()
	n.watches = slices.DeleteFunc(n.watches, func(w *modelWatch) bool { return w.stopped })
	watches := slices.Clone(n.watches)
	n.mu.Unlock()
	for _, w := range watches {
		for n.tell(w) {
			news = true
		}
		n.mu.Lock()
		news = news || w.stopped
		n.mu.Unlock()
	}
	return news
}

// recreate makes the store anew, without entries.
func (c *cluster) recreate() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch++
	c.seq = 0
}

// modelRun checks each Item of a run by the list.
type modelRun struct {
	node   *node
	name   string
	start  topics.Place
	live   bool
	finite bool
	cancel context.CancelFunc
	goOn   chan struct{}

	mu    sync.Mutex // guards the fields below
	busy  bool       // the consumer waits for goOn
	over  bool
	err   error
	at    position
	begun bool
	trace []string
	wrong string
}

func (r *modelRun) check(i enumerator.Item[int]) {
	c := r.node.cluster
	c.mu.Lock()
	defer c.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.busy = true
	r.trace = append(r.trace, fmt.Sprintf("%v %v %v %v %v", i.Position, i.Value, i.Gap.N, i.Reset, i.Bookmark))
	if r.wrong == "" {
		r.wrong = r.fault(c, i)
	}
	r.begun = true
	r.at = i.Position
}

func (r *modelRun) fault(c *cluster, i enumerator.Item[int]) string {
	p := i.Position
	log := c.logs[logOf{p.Epoch, r.name}]
	between := func(from, to uint64, kinds ...topics.Kind) (n int) {
		for _, e := range log {
			if e.Position.Seq > from && e.Position.Seq <= to && slices.Contains(kinds, e.Kind) {
				n++
			}
		}
		return n
	}
	kept, gone, _ := c.state(r.name, c.seq)
	if !r.begun && !i.Reset {
		switch {
		case !i.Bookmark:
			return "the first Item is no notice"
		case r.start.After != position{} && p != r.start.After:
			return "the run begins elsewhere"
		case !r.live && r.start.After == position{} && p.Epoch == c.epoch:
			n := 0
			for _, e := range kept {
				if e.Position.Seq <= p.Seq && e.Kind == topics.Message {
					n++
				}
			}
			if n > 0 && (r.start.Last == 0 || between(p.Seq, c.seq, topics.Message) < r.start.Last) {
				return "the run begins too late"
			}
		}
		return ""
	}
	switch {
	case i.Reset:
		from := r.at
		if !r.begun {
			from = r.start.After
		}
		if from.Epoch == c.epoch && from.Seq >= gone && from.Seq <= c.seq {
			return "a Reset though nothing is missing"
		}
		if p.Epoch == c.epoch && len(kept) > 0 && kept[0].Position.Seq <= p.Seq && (from.Epoch != c.epoch || kept[0].Position.Seq > from.Seq) {
			return "a Reset behind entries that are kept"
		}
	case p.Epoch != r.at.Epoch:
		return "another epoch"
	case i.Bookmark:
		if p.Seq < r.at.Seq || between(r.at.Seq, p.Seq, topics.Message, topics.Deleted) > 0 {
			return "a Bookmark past entries"
		}
	default:
		if p.Seq <= r.at.Seq {
			return "repeated"
		}
		at := slices.IndexFunc(log, func(e topics.Entry) bool { return e.Position == p })
		switch {
		case at < 0 || log[at].Kind != topics.Message:
			return "there is no such message"
		case between(r.at.Seq, p.Seq-1, topics.Message, topics.Deleted) > 0:
			return "lost in silence"
		case string(log[at].Data) == "bad" && (i.Gap != enumerator.Gap{From: p, N: 1}),
			string(log[at].Data) != "bad" && (i.Gap.N > 0 || string(log[at].Data) != strconv.Itoa(i.Value)):
			return "another value"
		}
	}
	return ""
}

// final checks a run when all is told and the store has no faults.
func (r *modelRun) final(t *rapid.T, i int) {
	c := r.node.cluster
	c.mu.Lock()
	defer c.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.wrong != "" {
		t.Fatalf("run %d of %s, %+v: %s: %q", i, r.name, r.start, r.wrong, r.trace)
	}
	kept, _, last := c.state(r.name, c.seq)
	ended := len(kept) > 0 && kept[len(kept)-1].Kind == topics.Ended
	if ended {
		last = 0
		if len(kept) > 1 {
			last = kept[len(kept)-2].Position.Seq
		}
	}
	switch {
	case r.over && r.err != nil:
		require.ErrorIs(t, r.err, context.Canceled)
	case r.over && r.finite:
		require.True(t, r.begun, "a finite run gives nothing")
	case r.over: // the topic had ended, and may have been deleted since
		log := c.logs[logOf{r.at.Epoch, r.name}]
		next := slices.IndexFunc(log, func(e topics.Entry) bool { return e.Position.Seq > r.at.Seq })
		if next < 0 {
			next = len(log)
		}
		require.True(t, next < len(log) && log[next].Kind == topics.Ended || next > 0 && log[next-1].Kind == topics.Ended, "run %d of %s runs out at %v", i, r.name, r.at)
	default:
		require.False(t, ended, "run %d of %s goes on after the end: %q", i, r.name, r.trace)
		require.True(t, r.at.Epoch == c.epoch && r.at.Seq >= last, "run %d of %s, %+v, waits at %v, and the last entry is %d of %d: %q", i, r.name, r.start, r.at, last, c.epoch, r.trace)
	}
}

func TestRunsAreTheirModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(struct{ rapid.TB }{t}, func(t *rapid.T) {
			c := &cluster{
				rng:    rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)),
				faulty: rapid.IntRange(0, 3).Draw(t, "faulty") > 0,
				keep:   rapid.IntRange(1, 20).Draw(t, "keep"),
				epoch:  1,
				logs:   map[logOf][]topics.Entry{},
				keys:   map[string]position{},
			}
			nodes := []*node{{cluster: c}, {cluster: c}}
			capacity := enumerator.Capacity(rapid.IntRange(1, 12).Draw(t, "capacity"))
			all := []*topics.Topics[int]{topics.New[int](nodes[0], capacity), topics.New[int](nodes[1], capacity)}
			var wg sync.WaitGroup
			var runs []*modelRun
			defer wg.Wait()
			defer func() {
				for _, r := range runs {
					r.cancel()
				}
			}()
			names := rapid.SampledFrom([]string{"a", "a", "a", "b"})
			which := rapid.IntRange(0, 1)
			published := 0

			begin := func(t *rapid.T, r *modelRun, k int, source func(topics.Topic[int]) enumerator.Enumerator[enumerator.Item[int]]) {
				var ctx context.Context
				ctx, r.cancel = context.WithCancel(context.Background())
				r.node, r.goOn = nodes[k], make(chan struct{})
				runs = append(runs, r)
				wg.Go(func() {
					_, err := enumerator.Run(ctx, source(all[k].Topic(r.name)), iteratee.ForEach(func(ctx context.Context, i enumerator.Item[int]) error {
						r.check(i)
						select {
						case <-r.goOn:
							return nil
						case <-ctx.Done():
							return ctx.Err()
						}
					}))
					r.mu.Lock()
					defer r.mu.Unlock()
					r.over, r.err = true, err
				})
			}
			goOn := func(r *modelRun) (was bool) {
				r.mu.Lock()
				was = r.busy && !r.over
				r.busy = r.busy && !was
				r.mu.Unlock()
				if was {
					r.goOn <- struct{}{}
				}
				return was
			}
			one := func(t *rapid.T) *modelRun {
				if len(runs) == 0 {
					t.Skip("no runs")
				}
				return runs[rapid.IntRange(0, len(runs)-1).Draw(t, "run")]
			}
			publish := func(t *rapid.T) {
				topic := all[which.Draw(t, "node")].Topic(names.Draw(t, "name"))
				_, err := topic.Publish(context.Background(), "", published)
				published++
				if err != nil {
					require.ErrorIs(t, err, topics.ErrEnded)
				}
			}
			deliver := func(t *rapid.T) {
				n := nodes[which.Draw(t, "node")]
				n.mu.Lock()
				watches := slices.DeleteFunc(slices.Clone(n.watches), func(w *modelWatch) bool { return w.stopped })
				n.mu.Unlock()
				if len(watches) == 0 {
					t.Skip("no watches")
				}
				w := rapid.SampledFrom(watches).Draw(t, "watch")
				for range rapid.IntRange(1, 8).Draw(t, "entries") {
					n.tell(w)
				}
			}
			step := func(t *rapid.T) {
				r := one(t)
				for range rapid.IntRange(1, 12).Draw(t, "items") {
					goOn(r)
					synctest.Wait()
				}
			}
			rarely := func(t *rapid.T, of int) {
				if rapid.IntRange(0, of).Draw(t, "really") > 0 {
					t.Skip("rarely")
				}
			}
			t.Repeat(map[string]func(*rapid.T){
				"publish": publish, "publish more": publish, "publish a lot": func(t *rapid.T) {
					for range 5 {
						publish(t)
					}
				},
				"publish a bad one": func(t *rapid.T) {
					name := names.Draw(t, "name")
					_, _ = nodes[0].Append(context.Background(), name, topics.Record{Data: []byte("bad"), Key: fmt.Sprint("bad", published)})
					published++
				},
				"end":    func(t *rapid.T) { rarely(t, 9); _ = all[0].End(context.Background(), names.Draw(t, "name")) },
				"delete": func(t *rapid.T) { rarely(t, 4); _ = all[0].Delete(context.Background(), names.Draw(t, "name")) },
				"recreate": func(t *rapid.T) {
					rarely(t, 19)
					c.recreate()
				},
				"deliver": deliver, "deliver more": deliver,
				"live": func(t *rapid.T) {
					begin(t, &modelRun{name: names.Draw(t, "name"), live: true}, which.Draw(t, "node"), func(topic topics.Topic[int]) enumerator.Enumerator[enumerator.Item[int]] {
						return topic.From(position{})
					})
				},
				"last": func(t *rapid.T) {
					n := rapid.IntRange(1, 25).Draw(t, "n")
					begin(t, &modelRun{name: names.Draw(t, "name"), start: topics.Place{Last: n}}, which.Draw(t, "node"), func(topic topics.Topic[int]) enumerator.Enumerator[enumerator.Item[int]] { return topic.Last(n) })
				},
				"beginning": func(t *rapid.T) {
					begin(t, &modelRun{name: names.Draw(t, "name")}, which.Draw(t, "node"), topics.Topic[int].Beginning)
				},
				"read": func(t *rapid.T) {
					place := topics.Place{Last: rapid.IntRange(0, 9).Draw(t, "n")}
					begin(t, &modelRun{name: names.Draw(t, "name"), start: place, finite: true}, which.Draw(t, "node"), func(topic topics.Topic[int]) enumerator.Enumerator[enumerator.Item[int]] { return topic.Read(place) })
				},
				"come back": func(t *rapid.T) { // at any node, after any Item
					r := one(t)
					r.mu.Lock()
					p, begun := r.at, r.begun
					r.mu.Unlock()
					if !begun {
						t.Skip("not begun")
					}
					begin(t, &modelRun{name: r.name, start: topics.Place{After: p}}, which.Draw(t, "node"), func(topic topics.Topic[int]) enumerator.Enumerator[enumerator.Item[int]] { return topic.From(p) })
				},
				"continue": step, "continue more": step,
				"leave": func(t *rapid.T) { one(t).cancel() },
				"time":  func(*rapid.T) { time.Sleep(3 * time.Second) },
				"":      func(*rapid.T) { synctest.Wait() },
			})
			c.mu.Lock()
			c.faulty = false
			c.mu.Unlock()
			for quiet := 0; quiet < 4; quiet++ {
				busy := false
				time.Sleep(longest)
				for _, n := range nodes {
					busy = n.tellAll() || busy
				}
				synctest.Wait()
				for _, r := range runs {
					busy = goOn(r) || busy
				}
				synctest.Wait()
				if busy {
					quiet = 0
				}
			}
			for i, r := range runs {
				r.final(t, i)
			}
		})
	})
}
