package jetstream

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	api "github.com/nats-io/nats.go/jetstream"

	"github.com/halley-go/halley/enumerator/topics"
)

// The numbers of errors of the server.
const (
	noMessage       = api.JSErrCodeMessageNotFound
	noPeers         = 10005 // the cluster is too small for the replicas, perhaps because servers are missing
	wrongLast       = api.JSErrCodeStreamWrongLastSequence
	wrongLastID     = 10070
	wrongLastOrBusy = api.JSErrCodeStreamWrongLastSequenceConstant
	duplicateBusy   = 10158
	duplicateInRow  = 10201 // the batch of a row has a message id that is known
	incompleteRow   = 10176 // the first message of the batch is missing
	tooManyRows     = 10210 // too many batches at once
	noReplicas      = 10074 // the server is not in a cluster
	tooLarge        = api.JSErrCodeStreamMessageExceedsMaximum
	headerTooLarge  = 10097
)

// errBehind is the error of a read from a server that does not have all entries yet.
var errBehind = errors.New("jetstream: the server is behind; read again")

// query is a request for entries, in the words of the server.
type query struct {
	Seq        uint64     `json:"seq,omitempty"`
	LastFor    string     `json:"last_by_subj,omitempty"`
	NextFor    string     `json:"next_by_subj,omitempty"`
	Batch      int        `json:"batch,omitempty"`
	StartTime  *time.Time `json:"start_time,omitempty"`
	LastForAll []string   `json:"multi_last,omitempty"`
}

// stored is an entry as it is in the stream.
type stored struct {
	topics.Entry
	subject string
	seq     uint64 // the number in the stream
	id      string // the message id
	pending int    // the number of answers to the query that come after it
}

const (
	kindHeader = "Halley-Kind"
	ended      = "ended"
	deleted    = "deleted"
	removed    = "removed"

	metaHeader = "Halley-Meta" // in base64, because a header is a line of text
)

func setMeta(h nats.Header, meta []byte) {
	if len(meta) > 0 {
		h.Set(metaHeader, base64.RawStdEncoding.EncodeToString(meta))
	}
}

func (s *store) stored(subject string, seq uint64, at time.Time, h nats.Header, data []byte) stored {
	e := stored{subject: subject, seq: seq, id: h.Get(nats.MsgIdHdr)}
	e.Position, e.Time, e.Data = s.position(seq, e.id), at, data
	if e.Row = rowOf(h); e.id == "" && e.Row != "" { // a copy
		e.id = h.Get(copyHeader)
		e.Position = s.position(seq-1, e.id)
	}
	e.Meta, _ = base64.RawStdEncoding.DecodeString(h.Get(metaHeader)) // only setMeta writes it
	switch h.Get(kindHeader) {
	case ended:
		e.Kind = topics.Ended
	case deleted:
		e.Kind = topics.Deleted
	case removed:
		e.Kind = topics.Removed
	}
	return e
}

// received returns the entry in m, which was republished or is an answer to a query.
func (s *store) received(m *nats.Msg) (stored, error) {
	seq, err := strconv.ParseUint(m.Header.Get("Nats-Sequence"), 10, 64)
	if err != nil {
		return stored{}, fmt.Errorf("jetstream: a message on %s without a number: %w", m.Subject, err)
	}
	at, err := time.Parse(time.RFC3339Nano, m.Header.Get("Nats-Time-Stamp"))
	if err != nil {
		return stored{}, fmt.Errorf("jetstream: a message on %s without a time: %w", m.Subject, err)
	}
	e := s.stored(m.Header.Get("Nats-Subject"), seq, at, m.Header, m.Data)
	e.pending, _ = strconv.Atoi(m.Header.Get("Nats-Num-Pending"))
	return e, nil
}

// lastNumber returns the number of the entry before the one in m.
func lastNumber(m *nats.Msg) uint64 {
	n, _ := strconv.ParseUint(m.Header.Get("Nats-Last-Sequence"), 10, 64)
	return n
}

// request sends v to a subject of the API of JetStream, and decodes the answer to answer.
func (s *store) request(ctx context.Context, subject string, v, answer any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, attempt)
	defer cancel()
	m, err := s.nc.RequestWithContext(ctx, "$JS.API."+subject+"."+s.stream, body)
	if err != nil {
		return s.failed(ctx, err)
	}
	failure := struct{ Error *api.APIError }{}
	if err := json.Unmarshal(m.Data, &failure); err != nil {
		return err
	}
	if failure.Error != nil {
		return failure.Error
	}
	return json.Unmarshal(m.Data, answer)
}

// failed returns the error of a call that failed with err.
func (s *store) failed(ctx context.Context, err error) error {
	switch {
	case s.nc.IsClosed():
		return fmt.Errorf("%w: %w", topics.ErrClosed, err)
	case ctx.Err() != nil:
		return fmt.Errorf("jetstream: no answer: %w", context.Cause(ctx))
	}
	return fmt.Errorf("jetstream: %w", err)
}

// get asks the leader of the stream for one entry. It returns found false if the stream has no entry that fits q.
func (s *store) get(ctx context.Context, q query) (e stored, found bool, err error) {
	if s.replicas == 1 {
		return s.direct(ctx, q)
	}
	var answer struct {
		Message struct {
			Subject string
			Seq     uint64
			Header  []byte `json:"hdrs"`
			Data    []byte
			Time    time.Time
		}
	}
	err = s.request(ctx, "STREAM.MSG.GET", q, &answer)
	if isCode(err, noMessage) {
		return stored{}, false, nil
	}
	if err != nil {
		return stored{}, false, err
	}
	m := answer.Message
	var h nats.Header
	if len(m.Header) > 0 {
		if h, err = nats.DecodeHeadersMsg(m.Header); err != nil {
			return stored{}, false, fmt.Errorf("jetstream: %w", err)
		}
	}
	return s.stored(m.Subject, m.Seq, m.Time, h, m.Data), true, nil
}

// direct asks any replica of the stream for one entry. This takes a quarter of the time of a request to the leader.
func (s *store) direct(ctx context.Context, q query) (e stored, found bool, err error) {
	subject, body := "$JS.API.DIRECT.GET."+s.stream, []byte(nil)
	if q.LastFor != "" && !strings.Contains(q.LastFor, "*") {
		subject += "." + q.LastFor
	} else if body, err = json.Marshal(q); err != nil {
		return stored{}, false, err
	}
	ctx, cancel := context.WithTimeout(ctx, attempt)
	defer cancel()
	m, err := s.nc.RequestWithContext(ctx, subject, body)
	if err != nil {
		return stored{}, false, s.failed(ctx, err)
	}
	switch m.Header.Get("Status") {
	case "":
		e, err = s.received(m)
		return e, err == nil, err
	case "404":
		return stored{}, false, nil
	}
	return stored{}, false, refused(m)
}

// refused returns the error that m has in place of an entry.
func refused(m *nats.Msg) error {
	return fmt.Errorf("jetstream: %s %s", m.Header.Get("Status"), m.Header.Get("Description"))
}

func isCode(err error, code api.ErrorCode) bool {
	var apiErr *api.APIError
	return errors.As(err, &apiErr) && apiErr.ErrorCode == code
}

// batch asks any replica of the stream for several entries. upTo is the number of the last entry that this replica has,
// if q asks for the last entries of several subjects and some have entries.
func (s *store) batch(ctx context.Context, q query) (entries []stored, upTo uint64, err error) {
	body, err := json.Marshal(q)
	if err != nil {
		return nil, 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, attempt)
	defer cancel()
	answers := make(chan *nats.Msg, max(q.Batch, len(q.LastForAll))+1) // nothing blocks or is dropped
	inbox := s.nc.NewInbox()
	sub, err := s.nc.ChanSubscribe(inbox, answers)
	if err != nil {
		return nil, 0, s.failed(ctx, err)
	}
	defer sub.Unsubscribe()
	if err := s.nc.PublishRequest("$JS.API.DIRECT.GET."+s.stream, inbox, body); err != nil {
		return nil, 0, s.failed(ctx, err)
	}
	var last uint64
	for {
		var m *nats.Msg
		select {
		case m = <-answers:
		case <-ctx.Done():
			return nil, 0, s.failed(ctx, ctx.Err())
		}
		status := m.Header.Get("Status")
		if (status == "" || status == "204") && lastNumber(m) != last {
			return nil, 0, errors.New("jetstream: an answer was lost")
		}
		switch status {
		case "":
			e, err := s.received(m)
			if err != nil {
				return nil, 0, err
			}
			entries, last = append(entries, e), e.seq
		case "204": // the end of the batch
			upTo, _ = strconv.ParseUint(m.Header.Get("Nats-UpTo-Sequence"), 10, 64)
			return entries, upTo, nil
		case "404":
			return nil, 0, nil
		case "503":
			return nil, 0, fmt.Errorf("jetstream: no replica of the stream answers: %w", nats.ErrNoResponders)
		default:
			return nil, 0, refused(m)
		}
	}
}

// info is the state of the stream as its leader reports it.
type info struct {
	Created time.Time
	State   struct {
		LastSeq uint64 `json:"last_seq"`
	}
	Cluster *struct {
		Leader   string
		Replicas []struct{ Active time.Duration }
	}
}

// sure reports whether the leader that answered cannot have been replaced before: most replicas were active within
// less time than an election needs.
func (i *info) sure() bool {
	if i.Cluster == nil {
		return true
	}
	const election = 4 * time.Second
	heard := 1
	for _, r := range i.Cluster.Replicas {
		if 0 < r.Active && r.Active < election-attempt { // 0: the replica was not active yet
			heard++
		}
	}
	return heard > (len(i.Cluster.Replicas)+1)/2
}

func (s *store) info(ctx context.Context) (i info, err error) {
	err = s.request(ctx, "STREAM.INFO", struct{}{}, &i)
	return i, err
}
