//go:build !fuzz

package jetstream

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
)

// connect returns a connection to a server without JetStream, whose part a test plays.
func connect(t *testing.T) *nats.Conn {
	srv, err := server.NewServer(&server.Options{DontListen: true, NoSigs: true, NoLog: true})
	require.NoError(t, err)
	srv.Start()
	nc, err := nats.Connect("", nats.InProcessServer(srv))
	require.NoError(t, err)
	t.Cleanup(func() {
		nc.Close()
		srv.Shutdown()
		srv.WaitForShutdown()
	})
	return nc
}

// The replica that answers does not have the last entry of the leader yet.
func TestALastEntryThatAReplicaDoesNotHave(t *testing.T) {
	t.Parallel()
	nc := connect(t)
	_, err := nc.Subscribe("$JS.API.DIRECT.GET.test.halley.test.entry.news", func(m *nats.Msg) {
		_ = m.RespondMsg(&nats.Msg{Header: nats.Header{
			"Nats-Subject": {"halley.test.entry.news"}, "Nats-Sequence": {"5000"}, "Nats-Time-Stamp": {time.Now().UTC().Format(time.RFC3339Nano)},
		}})
	})
	require.NoError(t, err)
	_, err = nc.Subscribe("$JS.API.DIRECT.GET.test", func(m *nats.Msg) {
		_ = m.RespondMsg(&nats.Msg{Header: nats.Header{"Status": {"404"}}})
	})
	require.NoError(t, err)
	s := &store{nc: nc, prefix: "halley.test.", stream: "test", epoch: hash("test"), replicas: 1, keep: 100}
	for _, n := range []int{1, 2, 100, 1000} {
		_, _, err = s.Read(t.Context(), "news", topics.Place{Last: n}, 10)
		require.ErrorIs(t, err, errBehind, n)
	}
}

// The answer to the first attempt is lost. The stream refuses the second one, because it may have stored the first, and
// then does not answer.
func TestAnAppendInDoubt(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]topics.Record{
		"a message":              {Key: "k"},
		"a message to a topic":   {Key: "k", Conditional: true},
		"a message after others": {Key: "k", Conditional: true, Last: enumerator.Position{Epoch: hash("test"), Seq: 7 << 16}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nc := connect(t)
			attempts := 0
			_, err := nc.Subscribe("halley.test.entry.news", func(m *nats.Msg) {
				if m.Header.Get(nats.ExpectedLastMsgIdHdr) != "" { // it asks whether the key is known
					return
				}
				if attempts++; attempts > 1 {
					_ = m.Respond(fmt.Appendf(nil, `{"error":{"code":400,"err_code":%d}}`, wrongLast))
				}
			})
			require.NoError(t, err)
			_, err = nc.Subscribe("$JS.API.DIRECT.GET.test.>", func(m *nats.Msg) { // there is no entry and no mark
				_ = m.RespondMsg(&nats.Msg{Header: nats.Header{"Status": {"404"}}})
			})
			require.NoError(t, err)

			s := &store{nc: nc, prefix: "halley.test.", stream: "test", epoch: hash("test"), replicas: 1, keep: 100}
			ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
			defer cancel()
			_, err = s.Append(ctx, "news", r)
			require.ErrorIs(t, err, topics.ErrUnknown)
			require.NotErrorIs(t, err, topics.ErrConflict)
		})
	}
}

// A batch that may have been stored is not repeated when the stream can have forgotten it, also if it waits for its turn.
// Here it waits for ever after the first attempt.
func TestABatchInDoubtThatWaitsForItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{nc: &nats.Conn{}, batches: make(chan struct{}, 1)} // each attempt fails at once
		time.AfterFunc(10*time.Millisecond, func() { s.batches <- struct{}{} })
		begin := time.Now()
		_, err := s.publish(t.Context(), func() {}, nats.NewMsg("entry"), nats.NewMsg("copy"))
		require.ErrorIs(t, err, topics.ErrUnknown)
		require.Less(t, time.Since(begin), topics.Window)
	})
}
