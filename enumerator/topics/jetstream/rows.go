package jetstream

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"time"

	mathrand "math/rand/v2"

	"github.com/nats-io/nats.go"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
)

// An entry with a Row is stored twice, by one atomic publish: on the subject of its topic, like each message, and
// directly after that on a subject of its row. The copy replaces the previous copy, so the subjects of the rows hold
// the state. The copies of removals expire.

const (
	rowHeader  = "Halley-Row"  // the token of the row
	copyHeader = "Halley-Copy" // the message id of the entry, in its copy

	batchID       = "Nats-Batch-Id"
	batchSequence = "Nats-Batch-Sequence"
	batchCommit   = "Nats-Batch-Commit"
)

// rowSubject returns the subject of the copies of a row. No topic has the token "=".
func (s *store) rowSubject(token, row string) string {
	return s.prefix + "end.=." + token + "." + row
}

func rowOf(h nats.Header) string {
	row, _ := url.PathUnescape(h.Get(rowHeader)) // only putRow writes it
	return row
}

// putRow stores an entry with a Row.
func (a *appending) putRow(ctx context.Context) (enumerator.Position, error) {
	none := enumerator.Position{}
	entry := &nats.Msg{Subject: a.entrySubject(a.token), Data: a.Data, Header: nats.Header{
		nats.MsgIdHdr: {a.id}, rowHeader: {a.row}, lastSequence: {"0"},
	}}
	last := &nats.Msg{Subject: a.rowSubject(a.token, a.row), Data: a.Data, Header: nats.Header{
		copyHeader: {a.id}, rowHeader: {a.row}, rollup: {"sub"}, ttl: {never},
	}}
	for _, m := range []*nats.Msg{entry, last} {
		setMeta(m.Header, a.Meta)
		if a.Kind == topics.Removed {
			m.Header.Set(kindHeader, removed)
		}
	}
	if a.Kind == topics.Removed {
		last.Header.Set(ttl, deletedTTL.String())
	}
	if a.Conditional {
		seq, err := a.expectedRow(ctx)
		switch {
		case errors.Is(err, topics.ErrConflict):
			if err := a.refused(ctx); err != errRefused {
				return none, err // an end or a deletion of the topic comes before the condition
			}
			return none, err
		case err != nil:
			return none, err
		}
		last.Header.Set(lastSequence, strconv.FormatUint(seq, 10))
	}
	prepare := func() { entry.Header.Set(lastSequenceSubject, a.markSubject(a.token, mathrand.Uint())) }
	seq, err := a.publish(ctx, prepare, entry, last)
	switch {
	case isCode(err, duplicateInRow):
		return none, errRefused
	case isCode(err, wrongLast): // there is a mark, or the row has another entry, which the next attempt finds
		return none, a.refused(ctx)
	case err != nil:
		return none, err
	}
	return a.position(seq-1, a.id), nil
}

// expectedRow returns the number that the last copy of the row must have for the condition to hold.
func (a *appending) expectedRow(ctx context.Context) (uint64, error) {
	last, found, err := a.get(ctx, query{LastFor: a.rowSubject(a.token, a.row)})
	var p enumerator.Position
	if found && last.Kind != topics.Removed {
		p = last.Position
	}
	switch {
	case err != nil:
		return 0, err
	case p != a.Last:
		return 0, topics.ErrConflict
	}
	return last.seq, nil
}

// state implements Read for a Place whose State is true.
func (r *reading) state(ctx context.Context, token string, from topics.Place) (entries []topics.Entry, ok bool, err error) {
	// A deletion drops the copies in a second step. If some are still there, the first entry of the topic is the
	// deletion, or there is a mark. A reader of the next batch has only copies after the deletion.
	var deletion uint64
	first, _, err := r.batch(ctx, query{Seq: 1, NextFor: r.subject, Batch: 1})
	if err != nil {
		return nil, false, err
	}
	if len(first) > 0 && first[0].Kind == topics.Deleted {
		deletion = first[0].seq
	}
	if from.Began == (enumerator.Position{}) {
		mark, found, err := r.get(ctx, query{LastFor: r.markSubject(token, 0)})
		if err != nil {
			return nil, false, err
		}
		if found && mark.Kind == topics.Deleted {
			deletion = max(deletion, mark.seq+1)
		}
	}
	rows := reading{r.store, r.rowSubject(token, "*"), r.limit}
	known := from.Began
	switch {
	case from.After == enumerator.Position{}:
		ok = true
	case from.After.Epoch != r.epoch:
	case number(from.After) == 0:
		ok = true
	case known != enumerator.Position{}:
		ok = known.Epoch == r.epoch && number(known) >= deletion
	default:
		entries, ok, err = r.rowsAfter(ctx, from.After)
		if err != nil || ok {
			return entries, ok, err
		}
		// The topic does not have the entry, but a row may have it. A removal that came after it may have expired.
		e, found, err := r.get(ctx, query{Seq: number(from.After) + 1})
		if err != nil {
			return nil, false, err
		}
		ok = found && e.Position == from.After && e.seq > deletion && time.Since(e.Time) < deletedTTL/2
	}
	if !ok {
		from.After = enumerator.Position{}
	}
	entries, err = rows.copies(ctx, from.After, deletion)
	return entries, ok && err == nil, err
}

// rowsAfter returns the entries with rows after p, if the topic has all entries after p.
func (r *reading) rowsAfter(ctx context.Context, p enumerator.Position) ([]topics.Entry, bool, error) {
	for {
		entries, ok, err := r.after(ctx, p)
		if err != nil || !ok || len(entries) == 0 {
			return nil, ok, err
		}
		p = entries[len(entries)-1].Position
		if entries = slices.DeleteFunc(entries, func(e topics.Entry) bool { return e.Row == "" }); len(entries) > 0 {
			return entries, true, nil
		}
	}
}

// copies returns the copies after p and after the deletion. If p is zero, it omits those of removals.
func (r *reading) copies(ctx context.Context, p enumerator.Position, deletion uint64) ([]topics.Entry, error) {
	q := query{Seq: max(number(p)+1, deletion) + 1, NextFor: r.subject, Batch: r.limit}
	for {
		es, _, err := r.batch(ctx, q)
		switch {
		case err != nil:
			return nil, err
		case len(es) == 0:
			return nil, r.isEnd(ctx, q)
		}
		entries := plain(es)
		if p.Epoch == 0 {
			entries = slices.DeleteFunc(entries, func(e topics.Entry) bool { return e.Kind == topics.Removed })
		}
		if len(entries) > 0 {
			return entries, nil
		}
		q.Seq = es[len(es)-1].seq + 1
	}
}
