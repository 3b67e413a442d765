package jetstream

import (
	"maps"
	"slices"
	"time"
)

const (
	// auditEvery is the time between two audits. An audit finds entries that were not republished because a server
	// died.
	auditEvery = 2 * time.Second

	// auditAll is the number of audits after which all topics are compared, including those without new entries.
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

// run makes one audit. It compares the entries that the stream got since the last audit, and sometimes the last entries of
// all topics.
func (a *audit) run() {
	stream, err := a.info(a.ctx)
	if final := a.final(err); final != nil { // the connection is closed, or there is no such stream
		for _, w := range a.all() {
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
	fresh := a.unaudited()
	upTo, ok := stream.State.LastSeq, true
	switch {
	case a.rest == 0:
		ok = a.compareLast(a.all(), 0)
	case !a.compareLast(fresh, 0):
		ok = false
	case upTo-a.upTo < uint64(a.count()):
		upTo, ok = a.compareNews()
	default:
		ok = a.compareLast(a.all(), a.upTo+1)
	}
	if !ok || !stream.sure() {
		return
	}
	a.audited(len(fresh))
	a.upTo = upTo
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
func (f *feed) all() []*watch {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Collect(maps.Values(f.watches))
}

func (f *feed) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.watches)
}

// of returns the watches of the topic whose entries have this subject.
func (f *feed) of(subject string) []*watch {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.topics[subject]
}

// unaudited returns the watches that no audit has compared. When they began, they may have asked a leader that had
// been replaced and did not know it.
func (f *feed) unaudited() []*watch {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fresh
}

// audited removes the first n watches of unaudited.
func (f *feed) audited(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fresh = slices.Clone(f.fresh[n:])
}

// compareNews compares the entries after upTo, which are few. It returns the number of the last of them.
func (a *audit) compareNews() (upTo uint64, ok bool) {
	for upTo = a.upTo; upTo < a.stream.State.LastSeq; {
		entries, _, err := a.batch(a.ctx, query{Seq: upTo + 1, NextFor: a.prefix + ">", Batch: batchSize})
		if err != nil {
			return 0, false
		}
		if len(entries) == 0 {
			break
		}
		for _, e := range entries {
			upTo = e.seq
			for _, w := range a.of(e.subject) {
				w.compare(e, false)
			}
		}
	}
	return upTo, true
}

// compareLast compares the last entries of the topics of watches, if their numbers are not less than from. It
// reports whether a replica that has all entries has answered.
func (a *audit) compareLast(watches []*watch, from uint64) bool {
	if len(watches) == 0 {
		return true
	}
	// A replica that has this entry has all entries. It answers with this entry even if no topic has an entry.
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
				w.compare(e, true)
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
					w.compare(stored{}, true)
				}
			}
		}
	}
	return complete
}

// compare starts to read from the stream if the watch missed e. If e is the last entry of the topic, it also does so
// if the watch got another entry last.
func (w *watch) compare(e stored, isLast bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	missed := e.Position.Seq > w.last.Seq
	other := isLast && e.Position != w.last
	gone := number(e.Position) == 0 && (number(w.last) == 0 || w.deleted) // there was nothing, or a deletion that has expired
	if w.attached && (missed || other) && !gone {
		w.want = max(w.want, number(e.Position))
		w.fill()
	}
}
