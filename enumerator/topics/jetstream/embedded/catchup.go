package embedded

import (
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

const (
	patience = 10              // seconds without progress, after which a replica is helped
	effort   = 5 * time.Second // for the attempts to take a snapshot
)

// helpReplicas helps replicas that do not catch up with the streams that srv leads. It returns when done is closed.
//
// A server that led a stream while the others could not hear it has entries in its Raft log that they do not have. It
// asks the new leader for the entries after its last one, learns that its last one is wrong, drops it, and asks again.
// While it handles the rest of the answer, it can send its next request to a wrong subject, and then it waits for 2 s
// (processAppendEntry of nats-server 2.15.2 sends it to the reply subject of an entry, which is for reports of
// progress). So it needs minutes to drop all wrong entries. But if the log of the leader does not reach back far
// enough, the leader answers with a snapshot, which replaces the log of the server. So helpReplicas makes the leader
// replace its own log by a snapshot.
//
// NATS does this by itself from time to time, but not while it answers a request. Here it nearly always answers one.
func helpReplicas(srv *server.Server, done <-chan struct{}) {
	type delay struct {
		lag     uint64
		seconds int // for which lag has not become smaller
	}
	delays := map[string]delay{} // by stream
	for wait(time.Second, done) {
		before := delays
		delays = map[string]delay{}
		for name, lag := range lags(srv) {
			d := before[name]
			if lag < d.lag {
				d.seconds = 0
			}
			d.lag = lag
			if d.seconds++; d.seconds == patience {
				takeSnapshot(srv, name, done)
				d.seconds = 0
			}
			delays[name] = d
		}
	}
}

// lags returns the lag of each stream that srv leads and that has a replica which is behind: the number of entries that
// the slowest replica lacks.
func lags(srv *server.Server) map[string]uint64 {
	account, err := srv.JszAccount(&server.JSzOptions{Account: server.DEFAULT_GLOBAL_ACCOUNT, Streams: true, StreamLeaderOnly: true})
	if err != nil {
		return nil // there are no streams yet
	}
	lags := map[string]uint64{}
	for _, s := range account.Streams {
		for _, replica := range s.Cluster.Replicas {
			if replica.Lag > 0 && !replica.Offline {
				lags[s.Name] = max(lags[s.Name], replica.Lag)
			}
		}
	}
	return lags
}

// takeSnapshot replaces the Raft log of a stream by a snapshot, between two answers to a replica. The snapshot has the
// effects of all entries that it replaces. It may also have the effects of later ones, which a replica then applies
// again, as after a restart.
func takeSnapshot(srv *server.Server, name string, done <-chan struct{}) {
	srv.Noticef("A replica of stream %q does not catch up, so the leader takes a snapshot for it", name)
	for start := time.Now(); time.Since(start) < effort && wait(10*time.Millisecond, done); {
		if srv.JetStreamSnapshotStream(server.DEFAULT_GLOBAL_ACCOUNT, name) == nil {
			return
		}
	}
}

// wait waits for d. It returns false if done is closed first.
func wait(d time.Duration, done <-chan struct{}) bool {
	select {
	case <-done:
		return false
	case <-time.After(d):
		return true
	}
}
