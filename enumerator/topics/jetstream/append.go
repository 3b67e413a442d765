package jetstream

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	mathrand "math/rand/v2"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	api "github.com/nats-io/nats.go/jetstream"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
)

// A topic ends in two steps, so that nothing follows its end even if several programs publish at the same time.
//
// First a mark is stored on a subject of its own. Each message is published under the condition that there is no
// mark, so the stream refuses messages that it gets later. Messages that it accepted before may be stored after the
// mark. They are stored before the end, because the end is published when the mark has been acknowledged. If the
// program dies in between, the next program whose message is refused publishes the end.
//
// A topic is deleted in two steps too. First, one atomic publish stores the deletion and a mark, which replaces the mark
// of an end. Then the rows are purged, and after them the mark. While the mark is there, readers ignore the rows, and the
// stream refuses messages and rows that have no condition on the topic. If the program dies in between, the next program
// whose message is refused purges the rows.
//
// A replicated stream refuses a message while another one with a condition on the same subject is on its way to the
// other replicas. So each message names the mark by another pattern: the subject of the mark ends with tokens, and
// each pattern has wildcards in place of some of them.

// markTokens is the number of tokens at the end of the subject of a mark. There are 2^markTokens patterns.
const markTokens = 10

const (
	lastSequence        = "Nats-Expected-Last-Subject-Sequence"
	lastSequenceSubject = "Nats-Expected-Last-Subject-Sequence-Subject"
	rollup              = "Nats-Rollup"
	ttl                 = "Nats-TTL"
	never               = "never"

	// deletedTTL is the time for which a deletion is kept.
	deletedTTL = 24 * time.Hour
)

func (s *store) entrySubject(token string) string { return s.prefix + "entry." + token }

func (s *store) markSubject(token string, pattern uint) string {
	var tokens [2 * markTokens]byte
	for i := range markTokens {
		tokens[2*i], tokens[2*i+1] = '.', "0*"[pattern>>i&1]
	}
	return s.prefix + "end." + token + string(tokens[:])
}

// Append implements [topics.Store]. It tries again until ctx ends if the servers do not answer.
func (s *store) Append(ctx context.Context, name string, r topics.Record) (enumerator.Position, error) {
	none := enumerator.Position{}
	a := appending{store: s, Record: r}
	var err error
	if a.token, err = token(name); err != nil {
		return none, err
	}
	if r.Kind == topics.Removed || r.Row != "" && r.Kind == topics.Message {
		if a.row, err = token(r.Row); err != nil {
			return none, err
		}
	}
	if err := context.Cause(ctx); err != nil {
		return none, err
	}
	a.id = messageID(a.token, r.Key)
	for pause := newPause(); ; {
		var p enumerator.Position
		switch {
		case r.Kind == topics.Ended:
			p, err = a.end(ctx)
		case a.row != "":
			p, err = a.putRow(ctx)
		default:
			p, err = a.entry(ctx)
		}
		if err == nil || !errors.Is(err, errRefused) && !errors.Is(err, topics.ErrEnded) && !errors.Is(err, topics.ErrConflict) {
			return p, err
		}
		// The stream may have refused to store it a second time.
		p, found, findErr := a.find(ctx)
		switch {
		case found:
			return p, nil
		case findErr != nil:
			return none, fmt.Errorf("%w: %w", topics.ErrUnknown, findErr) // err would be taken for the outcome
		case !errors.Is(err, errRefused):
			return none, err
		case !pause.wait(ctx):
			return none, fmt.Errorf("%w: %w", err, context.Cause(ctx))
		}
	}
}

// errRefused says that a condition did not hold when the stream checked it.
var errRefused = errors.New("jetstream: the topic changes all the time")

// errDeleted is errRefused for a topic whose deletion was finished meanwhile.
var errDeleted = fmt.Errorf("%w: it was deleted", errRefused)

// messageID returns the message id of a Record with this key, or a new id if key is empty. Ids are remembered for all
// topics of a stream together.
func messageID(token, key string) string {
	if key == "" {
		return rand.Text()
	}
	sum := sha256.Sum256([]byte(token + "/" + key))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// appending is a call of Append.
type appending struct {
	*store
	token string
	row   string // the token of the row, if it has one
	topics.Record
	id string // the message id
}

// entry stores a message or a deletion.
func (a *appending) entry(ctx context.Context) (enumerator.Position, error) {
	h := nats.Header{nats.MsgIdHdr: {a.id}}
	setMeta(h, a.Meta)
	if a.Kind == topics.Deleted {
		h.Set(kindHeader, deleted)
		h.Set(rollup, "sub")
		h.Set(ttl, deletedTTL.String())
	}
	prepare := func() {}
	switch {
	case a.Conditional:
		last, err := a.expected(ctx)
		if err != nil {
			return enumerator.Position{}, err
		}
		h.Set(lastSequence, strconv.FormatUint(last, 10))
	case a.Kind == topics.Message:
		h[lastSequence] = []string{"0"}
		prepare = func() { h[lastSequenceSubject] = []string{a.markSubject(a.token, mathrand.Uint())} }
	}
	messages := []*nats.Msg{{Subject: a.entrySubject(a.token), Header: h, Data: a.Data}}
	if a.Kind == topics.Deleted {
		mark := &nats.Msg{Subject: a.markSubject(a.token, 0), Header: nats.Header{kindHeader: {deleted}, rollup: {"sub"}, ttl: {never}}}
		messages = []*nats.Msg{mark, messages[0]}
	}
	seq, err := a.publish(ctx, prepare, messages...)
	switch {
	case isCode(err, duplicateInRow):
		return enumerator.Position{}, a.refused(ctx)
	case isCode(err, wrongLast) && !a.Conditional:
		return enumerator.Position{}, a.refused(ctx)
	case isCode(err, wrongLast) && number(a.Last) == 0: // it may have been deleted once more
		return enumerator.Position{}, errRefused
	case isCode(err, wrongLast):
		if _, err := a.expected(ctx); errors.Is(err, topics.ErrEnded) {
			return enumerator.Position{}, err
		}
		return enumerator.Position{}, topics.ErrConflict
	case err != nil:
		return enumerator.Position{}, err
	}
	if a.Kind == topics.Deleted {
		if err := a.finishDeletion(ctx, seq); err != nil {
			return enumerator.Position{}, fmt.Errorf("%w: %w", topics.ErrUnknown, err)
		}
	}
	return a.position(seq, a.id), nil
}

// finishDeletion purges the rows and the mark that are older than the deletion with number seq.
func (a *appending) finishDeletion(ctx context.Context, seq uint64) error {
	if err := a.purge(ctx, a.rowSubject(a.token, "*"), seq); err != nil {
		return err
	}
	a.purgeMark(ctx, seq)
	return nil
}

// refused returns the error of a message that the stream has refused because there is a mark. It is errDeleted if the mark
// was that of a deletion.
func (a *appending) refused(ctx context.Context) error {
	switch _, ended, err := a.finishEnd(ctx); {
	case errors.Is(err, errDeleted):
		return err
	case err != nil:
		return fmt.Errorf("%w: %w", topics.ErrUnknown, err)
	case ended:
		return topics.ErrEnded
	}
	return errRefused
}

// expected returns the number that the last entry of the topic must have for the condition to hold.
func (a *appending) expected(ctx context.Context) (uint64, error) {
	last, found, err := a.get(ctx, query{LastFor: a.entrySubject(a.token)})
	empty := !found || last.Kind == topics.Deleted
	switch {
	case err != nil:
		return 0, err
	case last.Kind == topics.Ended && a.Kind != topics.Deleted:
		return 0, topics.ErrEnded
	case a.Last == enumerator.Position{} && empty, found && a.Last == last.Position, !found && a.Last == a.position(0, ""):
		return number(last.Position), nil
	case a.Last.Epoch == a.epoch && number(a.Last) > number(last.Position): // the stream decides, if this server is behind
		return number(a.Last), nil
	}
	return 0, topics.ErrConflict
}

// end ends the topic.
func (a *appending) end(ctx context.Context) (enumerator.Position, error) {
	none := enumerator.Position{}
	if a.Conditional {
		return none, errors.New("jetstream: the end of a topic cannot have a condition")
	}
	if p, found, err := a.find(ctx); err != nil || found {
		return p, err
	}
	mark := &nats.Msg{Subject: a.markSubject(a.token, 0), Data: []byte(a.id), Header: nats.Header{
		nats.MsgIdHdr: {rand.Text()}, lastSequence: {"0"}, ttl: {never},
	}}
	setMeta(mark.Header, a.Meta)
	if _, err := a.publish(ctx, func() {}, mark); err != nil && !isCode(err, wrongLast) { // wrongLast: the mark is there already
		return none, err
	}
	switch e, found, err := a.finishEnd(ctx); {
	case errors.Is(err, errDeleted):
		return none, err
	case err != nil: // the next program that publishes finishes it
		return none, fmt.Errorf("%w: %w", topics.ErrUnknown, err)
	case !found: // another program has deleted the topic
		return none, errRefused
	case e.id == a.id:
		return e.Position, nil
	}
	return none, topics.ErrEnded
}

// finishEnd publishes the end if there is a mark and no end yet, and returns the end. found is false if the
// mark is gone, or was left over by a deletion. If the mark is that of a deletion, finishEnd finishes the deletion, and the
// error is errDeleted.
func (a *appending) finishEnd(ctx context.Context) (end stored, found bool, err error) {
	for pause := newPause(); ; {
		mark, found, err := a.get(ctx, query{LastFor: a.markSubject(a.token, 0)})
		if err != nil || !found {
			return stored{}, false, err
		}
		if mark.Kind == topics.Deleted {
			return stored{}, false, cmp.Or(a.finishDeletion(ctx, mark.seq+1), errDeleted)
		}
		last, found, err := a.get(ctx, query{LastFor: a.entrySubject(a.token)})
		switch {
		case err != nil:
			return stored{}, false, err
		case found && last.Kind == topics.Ended:
			return last, true, nil
		case found && last.Kind == topics.Deleted && number(last.Position) > number(mark.Position):
			a.purgeMark(ctx, number(last.Position))
			return stored{}, false, nil
		}
		id := string(mark.Data)
		end := &nats.Msg{Subject: a.entrySubject(a.token), Header: nats.Header{
			nats.MsgIdHdr: {id}, kindHeader: {ended}, ttl: {never},
			lastSequence: {strconv.FormatUint(number(last.Position), 10)},
		}}
		setMeta(end.Header, mark.Meta)
		seq, err := a.publish(ctx, func() {}, end)
		if err == nil {
			return stored{Entry: topics.Entry{Position: a.position(seq, id)}, id: id}, true, nil
		}
		if !isCode(err, wrongLast) {
			return stored{}, false, err
		}
		if !pause.wait(ctx) {
			return stored{}, false, context.Cause(ctx)
		}
	}
}

// purgeMark removes the mark of an end or a deletion if it is older than the entry with number seq. If the request fails,
// the next program that publishes to the topic removes the mark.
func (a *appending) purgeMark(ctx context.Context, seq uint64) {
	_ = a.purge(ctx, a.markSubject(a.token, 0), seq)
}

// purge removes the entries of a subject before the one with number seq.
func (s *store) purge(ctx context.Context, subject string, seq uint64) error {
	var answer struct{}
	return s.request(ctx, "STREAM.PURGE", struct {
		Filter string `json:"filter"`
		Seq    uint64 `json:"seq"`
	}{subject, seq}, &answer)
}

// find looks for the entry of an earlier attempt or an earlier Append with the same key. It publishes again under a condition
// that never holds: the stream answers with the number of the entry, if it remembers the message id.
func (a *appending) find(ctx context.Context) (p enumerator.Position, found bool, err error) {
	h := nats.Header{nats.MsgIdHdr: {a.id}}
	if a.replicas == 1 {
		h.Set(nats.ExpectedLastMsgIdHdr, "-") // only this condition is checked after the message id
	} else {
		h.Set(lastSequence, strconv.FormatInt(math.MaxInt64>>16, 10)) // this one is not replicated
	}
	seq, err := a.publish(ctx, func() {}, &nats.Msg{Subject: a.entrySubject(a.token), Header: h})
	switch {
	case err == nil:
		return a.position(seq, a.id), true, nil
	case isCode(err, wrongLast), isCode(err, wrongLastID):
		return p, false, nil
	}
	return p, false, err
}

// publish publishes messages as one batch. It repeats this until the stream has acknowledged them, and returns the
// number of the last one. prepare is called before each attempt. An error that says that a condition does not hold can
// also mean that an earlier attempt was stored.
func (s *store) publish(ctx context.Context, prepare func(), messages ...*nats.Msg) (uint64, error) {
	try := s.tryPublish
	if len(messages) > 1 {
		try = s.tryBatch
	}
	var doubt time.Time // the beginning of the first attempt that may have been stored
	trying := ctx       // ends before the stream can forget that attempt, also while a batch waits for its turn
	for pause := newPause(); ; {
		prepare()
		began := time.Now()
		seq, err := try(trying, messages)
		var apiErr *api.APIError
		switch {
		case err == nil:
			return seq, nil
		case errors.As(err, &apiErr):
			switch apiErr.ErrorCode {
			case wrongLast, wrongLastID, duplicateInRow:
				return 0, err
			case wrongLastOrBusy, duplicateBusy, incompleteRow, tooManyRows:
			case tooLarge, headerTooLarge:
				return 0, fmt.Errorf("%w: %w", topics.ErrTooLarge, err)
			default:
				if doubt.IsZero() {
					return 0, fmt.Errorf("jetstream: not stored: %w", err)
				}
			}
		case errors.Is(err, nats.ErrMaxPayload):
			return 0, fmt.Errorf("%w: %w", topics.ErrTooLarge, err)
		case errors.Is(err, nats.ErrNoResponders), err == errWaiting: // the stream has no leader, or the batch was not sent
		case doubt.IsZero():
			doubt = began
			var cancel context.CancelFunc
			trying, cancel = context.WithDeadline(ctx, began.Add(topics.Window-attempt))
			defer cancel()
		}
		switch over := s.nc.IsClosed() || !pause.wait(ctx); {
		case !doubt.IsZero() && (over || time.Since(doubt) > topics.Window-attempt):
			return 0, fmt.Errorf("%w: %w", topics.ErrUnknown, s.failed(ctx, err))
		case over:
			return 0, s.failed(ctx, err)
		}
	}
}

// errWaiting is the error of a batch that was not sent, because its context ended before its turn.
var errWaiting = errors.New("jetstream: other batches were under way")

// tryBatch is tryPublish for several messages. It waits for its turn, so that the batches of this store never fill the
// queue of the stream.
//
// A server handles the messages in this queue one after the other. It sends the acknowledgements when it has handled all
// messages that it has taken from the queue. A single server writes files for each batch, even if it has stored the batch
// before. So batches that are in the queue for longer than an attempt are repeated in vain, and the queue grows. A batch
// whose context ends is still in the queue. So the next batch waits for the acknowledgement of that batch.
func (s *store) tryBatch(ctx context.Context, messages []*nats.Msg) (uint64, error) {
	select {
	case s.batches <- struct{}{}:
	case <-ctx.Done():
		return 0, errWaiting
	}
	type result struct {
		seq uint64
		err error
	}
	done := make(chan result, 1)
	go func() {
		seq, err := s.tryPublish(context.WithoutCancel(ctx), messages)
		<-s.batches
		done <- result{seq, err}
	}()
	select {
	case r := <-done:
		return r.seq, r.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func (s *store) tryPublish(ctx context.Context, messages []*nats.Msg) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, attempt)
	defer cancel()
	last := len(messages) - 1
	if last > 0 {
		id := rand.Text()
		for i, m := range messages {
			m.Header.Set(batchID, id)
			m.Header.Set(batchSequence, strconv.Itoa(i+1))
		}
		messages[last].Header.Set(batchCommit, "1")
		for _, m := range messages[:last] {
			if err := s.nc.PublishMsg(m); err != nil {
				return 0, err
			}
		}
	}
	answer, err := s.nc.RequestMsgWithContext(ctx, messages[last])
	if err != nil {
		return 0, err
	}
	var ack struct {
		Seq   uint64
		Error *api.APIError
	}
	switch err := json.Unmarshal(answer.Data, &ack); {
	case err != nil:
		return 0, err
	case ack.Error != nil:
		return 0, ack.Error
	case ack.Seq == 0:
		return 0, errors.New("jetstream: an acknowledgement without a number")
	}
	return ack.Seq, nil
}
