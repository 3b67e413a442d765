package jetstream

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	api "github.com/nats-io/nats.go/jetstream"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/internal/check"
)

// An Option is an option of [Open].
type Option func(*api.StreamConfig)

// Keep sets the number of last messages that the stream keeps of each topic. The default is 100. Keep panics if n is
// not positive.
func Keep(n int) Option {
	check.Positive("enumerator/topics/jetstream: Keep: n", n)
	return func(c *api.StreamConfig) { c.MaxMsgsPerSubject = int64(n) + 1 } // one more, for its Position
}

// MaxAge drops entries that are older than d, except for ends of topics. By default, entries of any age are kept. A
// client whose last entry has expired gets a Reset, even while it waits for the next entry. So prefer Keep. MaxAge panics if d is less than
// [topics.Window], the time for which the stream remembers keys.
func MaxAge(d time.Duration) Option {
	if d < topics.Window {
		panic(fmt.Sprintf("enumerator/topics/jetstream: MaxAge: d must be at least %v, not %v", topics.Window, d))
	}
	return func(c *api.StreamConfig) { c.MaxAge = d }
}

// MaxBytes limits the size of the stream on one server. The stream drops its oldest entries first, whatever
// their topic. A topic whose end was dropped takes new messages. By default, the size has no limit. MaxBytes panics if
// n is not positive.
func MaxBytes(n int64) Option {
	check.Positive("enumerator/topics/jetstream: MaxBytes: n", n)
	return func(c *api.StreamConfig) { c.MaxBytes = n }
}

// Replicas sets the number of servers of a cluster that keep the entries. The default is 1. With 3 servers, one of
// them may fail. Replicas panics if n is not positive.
func Replicas(n int) Option {
	check.Positive("enumerator/topics/jetstream: Replicas: n", n)
	return func(c *api.StreamConfig) { c.Replicas = n }
}

// Open returns the Store whose entries are in the stream with this name. It creates the stream if it does not exist. If
// the settings of a stream that exists differ from the options, Open returns an error that names these settings. Open
// changes only one setting: it allows atomic publishing, which streams of an earlier version of this package do not
// allow. While servers do not answer or the cluster is too small for the replicas, Open tries again until ctx ends.
//
// The Store uses nc until nc is closed, and need not be closed itself. It runs two goroutines while topics are watched, and
// one for each topic that is catching up.
//
// A mirror of the stream must not answer direct requests (mirror_direct), because it may be behind.
func Open(ctx context.Context, nc *nats.Conn, stream string, opts ...Option) (topics.Store, error) {
	prefix := "halley." + stream + "."
	config := api.StreamConfig{
		Name:              stream,
		Description:       "topics of Halley",
		Subjects:          []string{prefix + "entry.*", prefix + "end.>"},
		RePublish:         &api.RePublish{Source: prefix + "entry.>", Destination: prefix + "stored.>"},
		MaxMsgsPerSubject: 101,
		MaxMsgs:           -1,
		MaxBytes:          -1,
		MaxMsgSize:        -1,
		MaxConsumers:      -1,
		Duplicates:        topics.Window,
		Replicas:          1,
		AllowDirect:       true,
		AllowRollup:       true,
		AllowMsgTTL:       true,

		AllowAtomicPublish: true,
	}
	for _, opt := range opts {
		opt(&config)
	}
	s := &store{
		nc: nc, prefix: prefix, stream: stream, epoch: hash(stream),
		replicas: config.Replicas, keep: int(config.MaxMsgsPerSubject) - 1, bounded: config.MaxAge > 0 || config.MaxBytes > 0,
		batches: make(chan struct{}, 1),
	}
	if config.Replicas > 1 {
		s.batches = make(chan struct{}, 16)
	}
	if err := s.open(ctx, config); err != nil {
		return nil, fmt.Errorf("jetstream: Open: stream %q: %w", stream, err)
	}
	return s, nil
}

func (s *store) open(ctx context.Context, config api.StreamConfig) error {
	js, err := api.New(s.nc)
	if err != nil {
		return err
	}
	create := func() (api.Stream, error) {
		ctx, cancel := context.WithTimeout(ctx, attempt)
		defer cancel()
		stream, err := js.CreateStream(ctx, config)
		if errors.Is(err, api.ErrStreamNameAlreadyInUse) {
			stream, err = js.Stream(ctx, config.Name)
		}
		if err != nil {
			return nil, err
		}
		if have := stream.CachedInfo().Config; !have.AllowAtomicPublish && mismatch(have, config) == nil {
			have.AllowAtomicPublish = true
			return js.UpdateStream(ctx, have)
		}
		return stream, nil
	}
	for pause := newPause(); ; {
		stream, err := create()
		if err == nil {
			return mismatch(stream.CachedInfo().Config, config)
		}
		if final := s.final(err); final != nil {
			return final
		}
		if !pause.wait(ctx) {
			return errors.Join(context.Cause(ctx), err)
		}
	}
}

// mismatch returns an error that names the settings of have that differ from config.
func mismatch(have, config api.StreamConfig) error {
	var wrong []string
	differ := func(name string, have, want any) {
		if !reflect.DeepEqual(have, want) {
			wrong = append(wrong, fmt.Sprintf("%s is %v, not %v", name, have, want))
		}
	}
	republish := func(c api.StreamConfig) api.RePublish {
		if c.RePublish == nil {
			return api.RePublish{}
		}
		return *c.RePublish
	}
	differ("Subjects", have.Subjects, config.Subjects)
	differ("RePublish", republish(have), republish(config))
	differ("MaxMsgsPerSubject (Keep and one more)", have.MaxMsgsPerSubject, config.MaxMsgsPerSubject)
	differ("MaxAge", have.MaxAge, config.MaxAge)
	differ("MaxBytes", have.MaxBytes, config.MaxBytes)
	differ("MaxMsgs", have.MaxMsgs, config.MaxMsgs)
	differ("Replicas", have.Replicas, config.Replicas)
	differ("Duplicates", have.Duplicates, config.Duplicates)
	differ("Retention", have.Retention, config.Retention)
	differ("Discard", have.Discard, config.Discard)
	differ("AllowDirect", have.AllowDirect, config.AllowDirect)
	differ("AllowRollup", have.AllowRollup, config.AllowRollup)
	differ("AllowMsgTTL", have.AllowMsgTTL, config.AllowMsgTTL)
	differ("NoAck", have.NoAck, config.NoAck)
	differ("Sealed", have.Sealed, config.Sealed)
	if len(wrong) == 0 {
		return nil
	}
	return fmt.Errorf("it has other settings: %s", strings.Join(wrong, "; "))
}

// store is a [topics.Store].
type store struct {
	nc       *nats.Conn
	stream   string
	prefix   string // of all subjects
	epoch    uint64
	keep     int
	replicas int
	bounded  bool          // whether entries are dropped for other reasons than Keep
	batches  chan struct{} // one for each batch that is being published

	mu   sync.Mutex
	feed *feed // nil while nothing is watched
}

func hash(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s))
	return h.Sum64()
}

// position returns the Position of the entry with this number in the stream and this message id.
func (s *store) position(seq uint64, id string) enumerator.Position {
	if seq == 0 {
		return enumerator.Position{Epoch: s.epoch}
	}
	return enumerator.Position{Epoch: s.epoch, Seq: seq<<16 | hash(id)>>48}
}

// number returns the number in the stream of the entry with Position p.
func number(p enumerator.Position) uint64 { return p.Seq >> 16 }

// token returns name as a token of a subject. Letters, digits, hyphens and underscores do not change.
func token(name string) (string, error) {
	if name == "" || len(name) > topics.MaxName {
		return "", fmt.Errorf("%w, not %d", topics.ErrName, len(name))
	}
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	b.Grow(len(name))
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String(), nil
}

// attempt is the time that one request may take before it is tried again.
const attempt = 2 * time.Second

// pause is the wait before the next attempt. It doubles from 20 to 320 milliseconds.
type pause time.Duration

func newPause() pause { return pause(20 * time.Millisecond) }

// wait waits for the pause. It returns false if ctx ends first.
func (p *pause) wait(ctx context.Context) bool {
	t := time.NewTimer(time.Duration(*p))
	defer t.Stop()
	*p = min(2**p, pause(320*time.Millisecond))
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// final returns the error to report if another attempt would be useless, and nil otherwise.
func (s *store) final(err error) error {
	var apiErr *api.APIError
	switch {
	case s.nc.IsClosed():
		return errors.Join(topics.ErrClosed, err)
	case errors.Is(err, api.ErrStreamNameRequired), errors.Is(err, api.ErrInvalidStreamName):
		return err
	case errors.As(err, &apiErr):
		if code := apiErr.ErrorCode; code == noReplicas || code != noPeers && 400 <= apiErr.Code && apiErr.Code < 500 {
			return err
		}
	}
	return nil
}
