//go:build unix

package main

import (
	"context"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
)

// The program starts itself as a node. In a test, that is the test's executable.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "-node" {
		main()
		return
	}
	os.Exit(m.Run())
}

// The limits of pauses are not asserted here, because the tests share the machine with others.
func TestNodesThatAreKilled(t *testing.T) {
	for _, f := range failures {
		switch f.name {
		case "kill -9 of the leader", "kill -9 of a follower":
		default:
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			f.pause = unlimited
			r := run(t.Context(), f, plan{topics: 3, rate: 20, readers: 10}, times{calm: time.Second, down: time.Second}, t.TempDir())
			assert.Empty(t, r.notes)
			assert.Greater(t, r.acked, 3*20, "of each second")
			assert.Greater(t, r.got, r.acked)
		})
	}
}

// A faulty store spoils the n-th record that it stores.
type faulty struct {
	topics.Store
	n     atomic.Int64
	spoil func(s topics.Store, name string, r topics.Record) (enumerator.Position, error)
}

func (s *faulty) Append(ctx context.Context, name string, r topics.Record) (enumerator.Position, error) {
	if s.n.Add(-1) == 0 {
		return s.spoil(s.Store, name, r)
	}
	return s.Store.Append(ctx, name, r)
}

// A run must be able to fail. Each of these runs has a fault.
func TestFaultsAreFound(t *testing.T) {
	type fault struct {
		spoil func(s topics.Store, name string, r topics.Record) (enumerator.Position, error)
		drop  func(enumerator.Item[message]) bool
		check func(t *testing.T, v verdict)
	}
	add := func(s topics.Store, name, key string, r topics.Record) (enumerator.Position, error) {
		r.Key = key
		return s.Append(context.Background(), name, r)
	}
	dropped := false
	for name, c := range map[string]fault{
		"none": {nil, nil, func(t *testing.T, v verdict) { assert.Empty(t, v.notes) }},
		"the store loses an entry": {
			spoil: func(s topics.Store, name string, r topics.Record) (enumerator.Position, error) {
				return enumerator.Position{Epoch: 1, Seq: 1}, nil
			},
			check: func(t *testing.T, v verdict) { assert.NotZero(t, v.lost) },
		},
		"the store stores an entry twice": {
			spoil: func(s topics.Store, name string, r topics.Record) (enumerator.Position, error) {
				if _, err := add(s, name, "another key", r); err != nil {
					return enumerator.Position{}, err
				}
				return add(s, name, r.Key, r)
			},
			check: func(t *testing.T, v verdict) { assert.NotZero(t, v.repeated) },
		},
		"the store tells another Position": {
			spoil: func(s topics.Store, name string, r topics.Record) (enumerator.Position, error) {
				p, err := add(s, name, r.Key, r)
				p.Seq++
				return p, err
			},
			check: func(t *testing.T, v verdict) { assert.NotZero(t, v.disordered) },
		},
		"a topic is deleted": {
			spoil: func(s topics.Store, name string, r topics.Record) (enumerator.Position, error) {
				_, err := s.Append(context.Background(), name, topics.Record{Kind: topics.Deleted})
				if err != nil {
					return enumerator.Position{}, err
				}
				return add(s, name, r.Key, r)
			},
			check: func(t *testing.T, v verdict) { assert.NotZero(t, v.resets) },
		},
		"a reader drops an item": {
			drop: func(item enumerator.Item[message]) bool {
				if !item.IsMessage() || !strings.HasSuffix(item.Value.Key, "A000005") || dropped {
					return false
				}
				dropped = true
				return true
			},
			check: func(t *testing.T, v verdict) { assert.Equal(t, 1, v.lost) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			var store topics.Store = topics.Memory(keep)
			if c.spoil != nil {
				f := &faulty{Store: store, spoil: c.spoil}
				f.n.Store(10)
				store = f
			}
			all := topics.New[message](store)
			defer all.Close()
			srv := httptest.NewServer(handler(all))
			defer srv.Close()
			readers := 10
			if c.drop != nil {
				readers = 1
			}
			l := startLoad(t.Context(), plan{topics: 2, rate: 50, readers: readers}, []string{srv.URL}, c.drop)
			l.patience = time.Second
			l.publish(t.Context())
			assert.Eventually(t, func() bool { _, acked := l.ledger.count(); return acked > 20 }, 10*time.Second, time.Millisecond)
			c.check(t, l.end())
		})
	}
}

func TestRowsOf(t *testing.T) {
	rows := rowsOf([]result{{failure: failure{name: "none"}, verdict: verdict{lost: 1, repeated: 2, disordered: 3, resets: 4},
		acked: 5, got: 6, elsewhere: 7 * time.Second, any: 8 * time.Second, p99: 9 * time.Millisecond, max: 10 * time.Second}})
	assert.Equal(t, []string{"none", "5", "6", "1", "2", "3", "4", "7.00", "8.00", "0.01", "10.00"}, rows[1])
	assert.Len(t, rows[0], len(rows[1]))
}

func TestNoSuchFailure(t *testing.T) {
	_, err := runAll(t.Context(), "no such", 1, plan{}, times{}, t.TempDir())
	assert.EqualError(t, err, `no failure has "no such" in its name`)
}
