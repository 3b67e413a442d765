package presence

import (
	"context"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics/tables"
	"github.com/halley-go/halley/iteratee"
)

func membersOf[I any](p *Presence[I], name string) enumerator.Enumerator[enumerator.Item[tables.Change[I]]] {
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[enumerator.Item[tables.Change[I]]]) iteratee.Step {
		r := p.enter(name)
		defer p.exit(r)
		return r.table.From(enumerator.Position{}).Into(ctx, &members[I]{Sink: sink})
	})
}

// members is a Sink of rows that hands on members.
type members[I any] struct {
	iteratee.Sink[enumerator.Item[tables.Change[I]]]
	all map[string]*member[I]
}

// member is a member that has joined in some programs.
type member[I any] struct {
	infos map[string]I // by program
	last  string       // the program whose info counts
}

func (m *members[I]) Next(item enumerator.Item[tables.Change[I]]) iteratee.Step {
	if item.Reset {
		m.all = map[string]*member[I]{}
	}
	if item.IsMessage() {
		program, name, ok := parse(item.Value.Key)
		if !ok || name == "" || !m.change(program, name, &item.Value) {
			return iteratee.StepCont
		}
	}
	return m.Sink.Next(item)
}

// change turns c, the change of a row, into the change of its member. It returns false if the member does not change.
func (m *members[I]) change(program, name string, c *tables.Change[I]) bool {
	one := m.all[name]
	if one == nil {
		if c.Deleted {
			return false
		}
		one = &member[I]{infos: map[string]I{}}
		m.all[name] = one
	}
	c.Key = name
	if !c.Deleted {
		one.infos[program], one.last = c.Value, program
		return true
	}
	delete(one.infos, program)
	if len(one.infos) == 0 {
		delete(m.all, name)
		return true
	}
	if one.last != program {
		return false
	}
	for other, info := range one.infos {
		one.last, c.Value, c.Deleted = other, info, false
		break
	}
	return true
}
