package jetstream

import (
	"context"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/internal/check"
)

// batchSize is the greatest number of entries that one query asks for.
const batchSize = 256

// Read implements [topics.Store].
func (s *store) Read(ctx context.Context, name string, from topics.Place, limit int) (entries []topics.Entry, ok bool, err error) {
	check.Positive("enumerator/topics/jetstream: Read: limit", limit)
	token, err := token(name)
	if err != nil {
		return nil, false, err
	}
	r := reading{s, s.entrySubject(token), min(limit, batchSize)}
	switch {
	case from.State:
		return r.state(ctx, token, from)
	case from.After != enumerator.Position{}:
		return r.after(ctx, from.After)
	case from.Last > 0:
		entries, err = r.last(ctx, from.Last)
	case !from.Since.IsZero():
		since := from.Since.UTC()
		entries, _, err = r.forward(ctx, query{StartTime: &since})
	default:
		entries, _, err = r.forward(ctx, query{Seq: 1})
	}
	return entries, err == nil, err
}

// reading is a call of Read.
type reading struct {
	*store
	subject string
	limit   int // at most batchSize
}

// forward returns the entries from a place on. If it returns no entries, the leader has confirmed that there are
// none. If q begins at the beginning, unbroken reports whether no entry of the topic was ever dropped.
func (r *reading) forward(ctx context.Context, q query) (entries []topics.Entry, unbroken bool, err error) {
	q.NextFor, q.Batch = r.subject, r.limit+1
	for unbroken = !r.bounded; ; {
		es, _, err := r.batch(ctx, q)
		if err != nil {
			return nil, false, err
		}
		if len(es) == 0 {
			return nil, unbroken, r.isEnd(ctx, q)
		}
		if last := es[len(es)-1]; len(es)+last.pending > r.keep {
			unbroken = false
			if last.pending > 0 {
				if last, _, err = r.get(ctx, query{LastFor: r.subject}); err != nil {
					return nil, false, err
				}
			}
			if last.Kind != topics.Ended {
				es = es[1:] // it is only there for its Position
			}
		}
		if entries = plain(es[:min(len(es), r.limit)]); len(entries) > 0 {
			return entries, unbroken && es[0].Kind != topics.Deleted, nil
		}
		unbroken = false // there is only a deletion
		q.StartTime, q.Seq = nil, number(es[0].Position)+1
	}
}

// isEnd returns nil if the leader has no entry from q on. Otherwise the replica that has answered is behind.
func (r *reading) isEnd(ctx context.Context, q query) error {
	last, found, err := r.get(ctx, query{LastFor: q.NextFor})
	switch {
	case err != nil:
		return err
	case found && q.StartTime == nil && last.seq >= q.Seq, found && q.StartTime != nil && !last.Time.Before(*q.StartTime):
		return errBehind
	}
	return nil
}

// after returns the entries after p, or from the beginning if ok is false.
func (r *reading) after(ctx context.Context, p enumerator.Position) (entries []topics.Entry, ok bool, err error) {
	switch {
	case p.Epoch != r.epoch:
		return r.gone(ctx)
	case number(p) == 0:
		return r.forward(ctx, query{Seq: 1})
	}
	es, _, err := r.batch(ctx, query{Seq: number(p), NextFor: r.subject, Batch: r.limit + 1})
	before := p
	before.Seq++
	switch {
	case err != nil:
		return nil, false, err
	case len(es) > 0 && es[0].Position == p:
		if es = es[1:]; len(es) == 0 {
			return nil, true, r.isEnd(ctx, query{Seq: number(p) + 1, NextFor: r.subject})
		}
		return plain(es), true, nil
	case len(es) > 0 && es[0].Position == before && es[0].Kind != topics.Deleted: // a place before an entry, which is there
		return plain(es[:min(len(es), r.limit)]), true, nil
	}
	at, found, err := r.get(ctx, query{Seq: number(p)})
	switch {
	case err != nil:
		return nil, false, err
	case found && at.Position == p && at.subject == r.subject:
		return nil, false, errBehind
	case found && at.Position == p:
		return r.afterOther(ctx, p, es)
	}
	i, err := r.info(ctx)
	switch {
	case err != nil:
		return nil, false, err
	case number(p) > i.State.LastSeq && !i.sure():
		return nil, false, errBehind
	}
	return r.gone(ctx)
}

// afterOther returns the entries after p, which is the Position of an entry of another topic. es are the entries after it that
// a replica has.
func (r *reading) afterOther(ctx context.Context, p enumerator.Position, es []stored) (entries []topics.Entry, ok bool, err error) {
	// Entries are dropped in their order. So no entry is missing if an entry from before p is still there.
	first, found, err := r.get(ctx, query{Seq: 1, NextFor: r.subject})
	switch {
	case err != nil:
		return nil, false, err
	case found && number(first.Position) < number(p):
		if len(es) == 0 {
			return nil, true, r.isEnd(ctx, query{Seq: number(p) + 1, NextFor: r.subject})
		}
		return plain(es[:min(len(es), r.limit)]), true, nil
	}
	return r.forward(ctx, query{Seq: 1}) // all entries are after p
}

// gone returns the entries from the beginning, because the place of a reader is gone.
func (r *reading) gone(ctx context.Context) ([]topics.Entry, bool, error) {
	entries, _, err := r.forward(ctx, query{Seq: 1})
	return entries, false, err
}

// last returns the last n messages and the end of the topic. If they are more than limit, it returns the first limit
// of them.
func (r *reading) last(ctx context.Context, n int) ([]topics.Entry, error) {
	newest, found, err := r.get(ctx, query{LastFor: r.subject})
	if err != nil || !found {
		return nil, err
	}
	n = min(n, r.keep)
	seq, err := r.before(ctx, n, number(newest.Position))
	if err != nil {
		return nil, err
	}
	var tail []topics.Entry
	messages := 0
	for seq <= number(newest.Position) {
		es, _, err := r.batch(ctx, query{Seq: seq, NextFor: r.subject, Batch: batchSize})
		if err != nil {
			return nil, err
		}
		if len(es) == 0 {
			return nil, errBehind
		}
		seq = number(es[len(es)-1].Position) + 1
		for _, e := range plain(es) {
			tail = append(tail, e)
			if e.Kind != topics.Ended {
				messages++
			}
			if messages > n {
				tail, messages = tail[1:], messages-1
			}
		}
	}
	return tail[:min(len(tail), r.limit)], nil
}

// before returns the number of a place before the last n messages. The place is at most a batch before them if it
// finds such a place soon.
func (r *reading) before(ctx context.Context, n int, newest uint64) (uint64, error) {
	n++ // the last entry may be an end
	low, high := uint64(1), newest
	for tries, probe := 0, low; tries < 20 && high-low > batchSize; tries++ {
		es, _, err := r.batch(ctx, query{Seq: probe, NextFor: r.subject, Batch: 1})
		if err != nil {
			return 0, err
		}
		more := 0 // the number of entries from probe on, minus n
		if len(es) > 0 {
			more = es[0].pending + 1 - n
		}
		if more < 0 {
			high = probe
		} else if low = max(low, number(es[0].Position)); more <= batchSize {
			break
		}
		probe = low + (high-low)/2
	}
	return low, nil
}

func plain(es []stored) []topics.Entry {
	entries := make([]topics.Entry, 0, len(es))
	for _, e := range es {
		if e.Kind != topics.Deleted {
			entries = append(entries, e.Entry)
		}
	}
	return entries
}
