package jetstream

import (
	"iter"
	"maps"
	"slices"
	"time"
)

const (
	// auditEvery is the time after which an entry is found that was stored and not republished, because its server died.
	auditEvery = 2 * time.Second

	// auditAll is the number of audits after which all topics are asked for, also those without new entries.
	auditAll = 30

	// The limits of one request. The server answers it for at most 1,024 subjects.
	auditSubjects, auditBytes = 1000, 256 << 10
)

// audits compares the last entries that the watches got to those of the stream, again and again.
func (f *feed) audits() {
	a := audit{feed: f}
	ticker := time.NewTicker(auditEvery)
	defer ticker.Stop()
	for {
		select {
		case <-f.ctx.Done():
			return
		case <-ticker.C:
			a.run()
		}
	}
}

// audit is the state of the audits of a feed.
type audit struct {
	*feed
	stream     info   // as of the last audit
	generation uint64 // as of the last audit
	upTo       uint64 // the number of the last entry in the stream that was compared
	rest       int    // the number of audits until all topics are compared
}

// run makes one audit. It asks for the last entries of the topics that got any since the last audit, and sometimes for
// those of all topics.
func (a *audit) run() {
	stream, err := a.info(a.ctx)
	if final := a.final(err); final != nil { // the connection is closed, or there is no such stream
		for w := range a.all() {
			w.lose(final)
		}
	}
	generation := a.feed.generation.Load()
	if err != nil || generation != a.generation || a.stream.differs(stream) {
		a.rest = 0
	}
	if err != nil {
		return
	}
	a.stream, a.generation = stream, generation
	from := a.upTo + 1
	if a.rest == 0 {
		from = 0
	}
	var old, fresh []*watch
	for w := range a.all() {
		if w.audited {
			old = append(old, w)
		} else {
			fresh = append(fresh, w)
		}
	}
	if from > stream.State.LastSeq {
		old = nil
	}
	if !a.compare(fresh, 0) || !a.compare(old, from) || !stream.sure() {
		return
	}
	for _, w := range fresh {
		w.audited = true
	}
	a.upTo = stream.State.LastSeq
	if a.rest--; a.rest < 0 {
		a.rest = auditAll
	}
}

// differs reports whether the stream may have been replaced by another, or has another leader.
func (i *info) differs(now info) bool {
	leader := func(i info) string {
		if i.Cluster == nil {
			return ""
		}
		return i.Cluster.Leader
	}
	return !i.Created.Equal(now.Created) || now.State.LastSeq < i.State.LastSeq || leader(*i) != leader(now)
}

// all returns the watches.
func (f *feed) all() iter.Seq[*watch] {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Values(maps.Clone(f.watches))
}

// compare compares the last entries of the topics of watches whose number is from or more. It reports whether a
// replica that has all entries has answered.
func (a *audit) compare(watches []*watch, from uint64) bool {
	if len(watches) == 0 {
		return true
	}
	// A replica that has this entry has all. It also says so if no topic has an entry.
	newest, _, err := a.get(a.ctx, query{Seq: a.stream.State.LastSeq})
	if err != nil && a.stream.State.LastSeq > 0 {
		return false
	}
	complete := true
	for len(watches) > 0 {
		q, bytes, n := query{Seq: from}, 0, 0
		subjects := map[string][]*watch{}
		for n < len(watches) && len(subjects) < auditSubjects && bytes < auditBytes {
			w := watches[n]
			subjects[w.subject] = append(subjects[w.subject], w)
			bytes += len(w.subject)
			n++
		}
		watches = watches[n:]
		q.LastForAll = slices.Collect(maps.Keys(subjects))
		if newest.subject != "" {
			q.LastForAll = append(q.LastForAll, newest.subject)
		}
		entries, upTo, err := a.batch(a.ctx, q)
		if err != nil {
			return false
		}
		for _, e := range entries {
			for _, w := range subjects[e.subject] {
				w.compare(e)
			}
			delete(subjects, e.subject)
		}
		if upTo < a.stream.State.LastSeq {
			complete = false
			continue
		}
		for _, without := range subjects {
			for _, w := range without {
				if from == 0 {
					w.compare(stored{})
				}
			}
		}
	}
	return complete
}

// compare reads from the stream if last is not what the stream has.
func (w *watch) compare(last stored) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.attached || last.Position == w.last || number(last.Position) == 0 && (number(w.last) == 0 || w.deleted) {
		return
	}
	w.want = max(w.want, number(last.Position))
	w.fill()
}
