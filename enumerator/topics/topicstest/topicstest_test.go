package topicstest_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/enumerator/topics/topicstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func memory(keep int) (one, other topics.Store) {
	s := topics.Memory(keep)
	return s, s
}

func TestMemoryKeepsTheLaws(t *testing.T) { require.NoError(t, topicstest.Test(memory)) }

// wrapped is a Store with other methods.
type wrapped struct {
	topics.Store
	append func(ctx context.Context, name string, r topics.Record) (enumerator.Position, error)
	read   func(ctx context.Context, name string, from topics.Place, limit int) ([]topics.Entry, bool, error)
	watch  func(ctx context.Context, name string, next func(topics.Entry), lost func(error)) (enumerator.Position, func(), error)
}

func wrap(s topics.Store) *wrapped { return &wrapped{s, s.Append, s.Read, s.Watch} }

func (w *wrapped) Append(ctx context.Context, name string, r topics.Record) (enumerator.Position, error) {
	return w.append(ctx, name, r)
}

func (w *wrapped) Read(ctx context.Context, name string, from topics.Place, limit int) ([]topics.Entry, bool, error) {
	return w.read(ctx, name, from, limit)
}

func (w *wrapped) Watch(ctx context.Context, name string, next func(topics.Entry), lost func(error)) (enumerator.Position, func(), error) {
	return w.watch(ctx, name, next, lost)
}

// Each store breaks one law, and Test finds it.
func TestTestFindsFaults(t *testing.T) {
	type (
		position = enumerator.Position
		entries  = []topics.Entry
		next     = func(topics.Entry)
		lost     = func(error)
	)
	for name, fault := range map[string]struct {
		want string
		make func(s *wrapped, inner topics.Store)
	}{
		"two programs have different entries": {"Read: ", nil},
		"Positions fall": {"Append: ", func(s *wrapped, inner topics.Store) {
			s.append = func(ctx context.Context, name string, r topics.Record) (position, error) {
				p, err := inner.Append(ctx, name, r)
				if p.Seq > 0 {
					p.Seq = 1000 - p.Seq
				}
				return p, err
			}
		}},
		"the Epoch differs": {"Append: ", func(s *wrapped, inner topics.Store) {
			s.append = func(ctx context.Context, name string, r topics.Record) (position, error) {
				p, err := inner.Append(ctx, name, r)
				p.Epoch += p.Seq
				return p, err
			}
		}},
		"limit is ignored": {"Read: Read of at most 1", func(s *wrapped, inner topics.Store) {
			s.read = func(ctx context.Context, name string, from topics.Place, limit int) (entries, bool, error) {
				return inner.Read(ctx, name, from, limit+1)
			}
		}},
		"Data are cut at a NUL": {"Read: the Data", func(s *wrapped, inner topics.Store) {
			s.append = func(ctx context.Context, name string, r topics.Record) (position, error) {
				data, _, _ := strings.Cut(string(r.Data), "\x00")
				r.Data = []byte(data)
				return inner.Append(ctx, name, r)
			}
		}},
		"Meta is a line of text": {"Meta: the Meta", func(s *wrapped, inner topics.Store) {
			s.append = func(ctx context.Context, name string, r topics.Record) (position, error) {
				r.Meta = bytes.ReplaceAll(r.Meta, []byte("\r\n"), []byte(" "))
				return inner.Append(ctx, name, r)
			}
		}},
		"an end has no Meta": {"Meta: the Meta", func(s *wrapped, inner topics.Store) {
			s.append = func(ctx context.Context, name string, r topics.Record) (position, error) {
				if r.Kind == topics.Ended {
					r.Meta = nil
				}
				return inner.Append(ctx, name, r)
			}
		}},
		"rows are dropped like messages": {"rows: ", func(s *wrapped, inner topics.Store) {
			s.read = func(ctx context.Context, name string, from topics.Place, limit int) (entries, bool, error) {
				from.State = false
				es, ok, err := inner.Read(ctx, name, from, limit)
				return slices.DeleteFunc(es, func(e topics.Entry) bool { return e.Row == "" }), ok, err
			}
		}},
		"removals are forgotten at once": {"rows: ", func(s *wrapped, inner topics.Store) {
			s.read = func(ctx context.Context, name string, from topics.Place, limit int) (entries, bool, error) {
				es, ok, err := inner.Read(ctx, name, from, limit)
				if from.State {
					es = slices.DeleteFunc(es, func(e topics.Entry) bool { return e.Kind == topics.Removed })
				}
				return es, ok, err
			}
		}},
		"a condition of a row is about the topic": {"rows: ", func(s *wrapped, inner topics.Store) {
			s.append = func(ctx context.Context, name string, r topics.Record) (position, error) {
				if r.Conditional && r.Row != "" {
					es, _, err := inner.Read(ctx, name, topics.Place{Last: 1}, 1)
					if err == nil && len(es) > 0 && es[0].Position != r.Last {
						return position{}, topics.ErrConflict
					}
				}
				return inner.Append(ctx, name, r)
			}
		}},
		"names are patterns": {"names: ", func(s *wrapped, inner topics.Store) {
			s.read = func(ctx context.Context, name string, from topics.Place, limit int) (entries, bool, error) {
				if name == ">" {
					name = "a"
				}
				return inner.Read(ctx, name, from, limit)
			}
		}},
		"names lose their case": {"names: ", func(s *wrapped, inner topics.Store) {
			s.append = func(ctx context.Context, name string, r topics.Record) (position, error) {
				return inner.Append(ctx, strings.ToLower(name), r)
			}
		}},
		"a long name is cut": {"names: ", func(s *wrapped, inner topics.Store) {
			s.append = func(ctx context.Context, name string, r topics.Record) (position, error) {
				return inner.Append(ctx, name[:min(len(name), topics.MaxName)], r)
			}
		}},
		"ok is always true": {"places: ", func(s *wrapped, inner topics.Store) {
			s.read = func(ctx context.Context, name string, from topics.Place, limit int) (entries, bool, error) {
				got, _, err := inner.Read(ctx, name, from, limit)
				return got, true, err
			}
		}},
		"Since is ignored": {"places: ", func(s *wrapped, inner topics.Store) {
			s.read = func(ctx context.Context, name string, from topics.Place, limit int) (entries, bool, error) {
				return inner.Read(ctx, name, topics.Place{After: from.After, Last: from.Last}, limit)
			}
		}},
		"too few are kept": {"keep: ", func(s *wrapped, inner topics.Store) {
			s.read = func(ctx context.Context, name string, from topics.Place, limit int) (entries, bool, error) {
				got, ok, err := inner.Read(ctx, name, from, limit)
				return got[min(len(got), max(0, len(got)-4)):], ok, err
			}
		}},
		"keys are ignored": {"keys: ", func(s *wrapped, inner topics.Store) {
			s.append = func(ctx context.Context, name string, r topics.Record) (position, error) {
				r.Key = ""
				return inner.Append(ctx, name, r)
			}
		}},
		"keys are of all topics": {"keys: ", func(s *wrapped, inner topics.Store) {
			var mu sync.Mutex
			keys := map[string]position{}
			s.append = func(ctx context.Context, name string, r topics.Record) (position, error) {
				mu.Lock()
				defer mu.Unlock()
				if p, ok := keys[r.Key]; ok && r.Key != "" {
					return p, nil
				}
				p, err := inner.Append(ctx, name, r)
				keys[r.Key] = p
				return p, err
			}
		}},
		"the condition comes before the key": {"keys: ", func(s *wrapped, inner topics.Store) {
			s.append = func(ctx context.Context, name string, r topics.Record) (position, error) {
				if r.Conditional && r.Last == (position{}) && r.Key != "" {
					return position{}, topics.ErrConflict
				}
				return inner.Append(ctx, name, r)
			}
		}},
		"conditions are ignored": {"conditions: ", func(s *wrapped, inner topics.Store) {
			s.append = func(ctx context.Context, name string, r topics.Record) (position, error) {
				r.Conditional = false
				return inner.Append(ctx, name, r)
			}
		}},
		"a condition is checked too early": {"conditions: of several", func(s *wrapped, inner topics.Store) {
			s.append = func(ctx context.Context, name string, r topics.Record) (position, error) {
				if !r.Conditional || r.Last == (position{}) {
					return inner.Append(ctx, name, r)
				}
				got, _, err := inner.Read(ctx, name, topics.Place{}, 1000)
				if err == nil && len(got) > 0 && got[len(got)-1].Position != r.Last {
					return position{}, topics.ErrConflict
				}
				time.Sleep(time.Millisecond) // others come in between
				r.Conditional = false
				return inner.Append(ctx, name, r)
			}
		}},
		"an end is a message": {"end: ", func(s *wrapped, inner topics.Store) {
			s.append = func(ctx context.Context, name string, r topics.Record) (position, error) {
				if r.Kind == topics.Ended {
					r.Kind = topics.Message
				}
				return inner.Append(ctx, name, r)
			}
		}},
		"late watchers do not learn of the end": {"end: ", func(s *wrapped, inner topics.Store) {
			s.watch = func(ctx context.Context, name string, next next, lost lost) (position, func(), error) {
				var begun atomic.Bool
				p, stop, err := inner.Watch(ctx, name, func(e topics.Entry) {
					if begun.Load() {
						next(e)
					}
				}, lost)
				begun.Store(true)
				return p, stop, err
			}
		}},
		"a deletion is not told": {"deletion: ", func(s *wrapped, inner topics.Store) {
			s.watch = func(ctx context.Context, name string, next next, lost lost) (position, func(), error) {
				return inner.Watch(ctx, name, func(e topics.Entry) {
					if e.Kind != topics.Deleted {
						next(e)
					}
				}, lost)
			}
		}},
		"a deletion leaves the end": {"deletion: ", func(s *wrapped, inner topics.Store) {
			s.append = func(ctx context.Context, name string, r topics.Record) (position, error) {
				got, _, _ := inner.Read(ctx, name, topics.Place{}, 1000)
				if r.Kind == topics.Deleted && len(got) > 0 && got[len(got)-1].Kind == topics.Ended {
					return position{}, topics.ErrEnded
				}
				return inner.Append(ctx, name, r)
			}
		}},
		"some entries are not told": {"watch: ", func(s *wrapped, inner topics.Store) {
			s.watch = func(ctx context.Context, name string, next next, lost lost) (position, func(), error) {
				n := 0
				return inner.Watch(ctx, name, func(e topics.Entry) {
					if n++; n != 20 {
						next(e)
					}
				}, lost)
			}
		}},
		"entries are told twice": {"watch: ", func(s *wrapped, inner topics.Store) {
			s.watch = func(ctx context.Context, name string, next next, lost lost) (position, func(), error) {
				n := 0
				return inner.Watch(ctx, name, func(e topics.Entry) {
					if next(e); n == 20 {
						next(e)
					}
					n++
				}, lost)
			}
		}},
		"entries between Watch and its first call are missing": {"watch: ", func(s *wrapped, inner topics.Store) {
			s.watch = func(ctx context.Context, name string, next next, lost lost) (position, func(), error) {
				p, stop, err := inner.Watch(ctx, name, next, lost)
				if p.Seq > 0 && err == nil {
					p.Seq -= min(p.Seq, 1)
				}
				return p, stop, err
			}
		}},
		"stop does nothing": {"watch: ", func(s *wrapped, inner topics.Store) {
			s.watch = func(ctx context.Context, name string, next next, lost lost) (position, func(), error) {
				p, _, err := inner.Watch(ctx, name, next, lost)
				return p, func() {}, err
			}
		}},
		"the end of the context is ignored": {"cancel: ", func(s *wrapped, inner topics.Store) {
			s.append = func(ctx context.Context, name string, r topics.Record) (position, error) {
				return inner.Append(context.WithoutCancel(ctx), name, r)
			}
		}},
		"a watch ends with its context": {"cancel: ", func(s *wrapped, inner topics.Store) {
			s.watch = func(ctx context.Context, name string, next next, lost lost) (position, func(), error) {
				return inner.Watch(ctx, name, func(e topics.Entry) {
					if ctx.Err() == nil {
						next(e)
					} else {
						lost(ctx.Err())
					}
				}, lost)
			}
		}},
	} {
		synctest.Test(t, func(t *testing.T) { // the kit waits for entries that do not come
			err := topicstest.Test(func(keep int) (one, other topics.Store) {
				inner := topics.Memory(keep)
				if fault.make == nil {
					return inner, topics.Memory(keep)
				}
				s := wrap(inner)
				fault.make(s, inner)
				return s, s
			})
			require.Error(t, err, name)
			lines := strings.Split(err.Error(), "\n")
			assert.True(t, slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, fault.want) }), "%s: %v", name, err)
		})
	}
}

// losing is a Store whose watches can be lost.
type losing struct {
	topics.Store
	mu    sync.Mutex
	lost  []func(error)
	stops []func()
}

func (l *losing) Watch(ctx context.Context, name string, next func(topics.Entry), lost func(error)) (enumerator.Position, func(), error) {
	p, stop, err := l.Store.Watch(ctx, name, next, lost)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost, l.stops = append(l.lost, lost), append(l.stops, stop)
	return p, stop, err
}

// lose ends all watches, and tells them errs.
func (l *losing) lose(errs ...error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, lost := range l.lost {
		l.stops[i]()
		for _, err := range errs {
			lost(err)
		}
	}
}

func TestTestLost(t *testing.T) {
	cut := errors.New("the connection is cut")
	s := &losing{Store: topics.Memory(100)}
	require.NoError(t, topicstest.TestLost(s, func() { s.lose(cut) }))
	s = &losing{Store: topics.Memory(100)}
	require.ErrorContains(t, topicstest.TestLost(s, func() { s.lose(cut, cut) }), "lost is called 2 times")
	s = &losing{Store: topics.Memory(100)}
	require.ErrorContains(t, topicstest.TestLost(s, func() { s.lost[0](cut) }), "next 1 times after that")
	synctest.Test(t, func(t *testing.T) {
		s := &losing{Store: topics.Memory(100)}
		require.ErrorContains(t, topicstest.TestLost(s, func() { s.lose() }), "waits for lost")
	})
}

// A Store may be slow to tell, and tells entries from any goroutine.
func TestTestAllowsADelay(t *testing.T) {
	var telling sync.WaitGroup
	err := topicstest.Test(func(keep int) (one, other topics.Store) {
		inner := topics.Memory(keep)
		s := wrap(inner)
		s.watch = func(ctx context.Context, name string, next func(topics.Entry), lost func(error)) (enumerator.Position, func(), error) {
			entries := make(chan topics.Entry, 10_000)
			stopped := make(chan struct{})
			p, stop, err := inner.Watch(ctx, name, func(e topics.Entry) { entries <- e }, lost)
			if err != nil {
				return p, nil, err
			}
			telling.Go(func() {
				for {
					select {
					case <-stopped:
						return
					case e := <-entries:
						for range rand.IntN(100) {
							select {
							case <-stopped:
								return
							default:
							}
						}
						next(e)
					}
				}
			})
			return p, sync.OnceFunc(func() { stop(); close(stopped) }), nil
		}
		return s, s
	})
	require.NoError(t, err)
	telling.Wait()
}
