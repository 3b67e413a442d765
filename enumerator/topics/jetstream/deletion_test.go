//go:build !fuzz

package jetstream

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/enumerator/topics/jetstream/embedded"
)

// crash deletes a topic like a program that dies before it has purged the rows.
func crash(t *testing.T, s *store, name string) {
	t.Helper()
	token, err := token(name)
	require.NoError(t, err)
	dying := &store{nc: s.nc, stream: "none", prefix: s.prefix, epoch: s.epoch, keep: s.keep, replicas: s.replicas, batches: s.batches} // its requests fail
	a := appending{store: dying, Record: topics.Record{Kind: topics.Deleted}, token: token, id: messageID(token, "")}
	_, err = a.entry(t.Context())
	require.ErrorIs(t, err, topics.ErrUnknown)
}

// A program dies while it deletes a topic. No row of the topic comes back, even after the stream has dropped the deletion.
// Rows that are put later stay.
func TestADeletionThatIsNotFinished(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	nc, stop, err := embedded.Start(t.TempDir(), embedded.SyncLater())
	require.NoError(t, err)
	defer stop()
	opened, err := Open(ctx, nc, "test", Keep(2))
	require.NoError(t, err)
	s := opened.(*store)

	appendTo := func(r topics.Record) func(name string) error {
		return func(name string) error {
			_, err := s.Append(ctx, name, r)
			return err
		}
	}
	last := map[string]enumerator.Position{}
	for action, next := range map[string]struct {
		f    func(name string) error
		want []string // the rows then
		err  error
	}{
		"nothing":      {func(string) error { return nil }, nil, nil},
		"a row":        {appendTo(topics.Record{Row: "z", Data: []byte("3")}), []string{"z=3"}, nil},
		"the same row": {appendTo(topics.Record{Row: "x", Data: []byte("3")}), []string{"x=3"}, nil},
		"a new row":    {appendTo(topics.Record{Row: "x", Data: []byte("3"), Conditional: true}), []string{"x=3"}, nil},
		"a row that is gone": {func(name string) error {
			return appendTo(topics.Record{Row: "x", Data: []byte("3"), Conditional: true, Last: last[name]})(name)
		}, nil, topics.ErrConflict},
		"a removal":        {appendTo(topics.Record{Kind: topics.Removed, Row: "y"}), nil, nil},
		"a message":        {appendTo(topics.Record{Data: []byte("3")}), nil, nil},
		"a first message":  {appendTo(topics.Record{Data: []byte("3"), Conditional: true}), nil, nil},
		"an end":           {appendTo(topics.Record{Kind: topics.Ended}), nil, nil},
		"another deletion": {appendTo(topics.Record{Kind: topics.Deleted}), nil, nil},
	} {
		for _, ended := range []bool{false, true} {
			name := fmt.Sprint(action, ended)
			t.Run(name, func(t *testing.T) {
				read := func() (rows []string) {
					entries, _, err := s.Read(ctx, name, topics.Place{State: true}, 10)
					require.NoError(t, err)
					for _, e := range entries {
						rows = append(rows, e.Row+"="+string(e.Data))
					}
					return rows
				}
				last[name], err = s.Append(ctx, name, topics.Record{Row: "x", Data: []byte("1")})
				require.NoError(t, err)
				require.NoError(t, appendTo(topics.Record{Row: "y", Data: []byte("2")})(name))
				if ended {
					require.NoError(t, appendTo(topics.Record{Kind: topics.Ended})(name))
				}
				crash(t, s, name)
				require.Empty(t, read())
				require.ErrorIs(t, next.f(name), next.err)
				require.Equal(t, next.want, read())
				if action == "an end" {
					return
				}
				for range 5 { // the topic no longer has the deletion
					_, err := s.Append(ctx, name, topics.Record{Data: []byte("a message")})
					require.NoError(t, err)
				}
				require.Equal(t, next.want, read())
			})
		}
	}
}
