package embedded

import (
	"slices"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

const (
	patience = 10 * time.Second // for a replica to catch up
	effort   = 5 * time.Second  // for the attempts to help it
)

// helpReplicas helps replicas that do not catch up with the streams that srv leads. It returns when done is closed.
//
// A server that led a stream without the others has entries in its Raft log that they do not have. It drops the last
// of them whenever it asks the new leader for the entries that follow. The answer can make it send its next request
// to a subject at which nothing listens, and it sends another one after 2 s. So it can take hours until it has dropped
// them all. A leader without these entries in its own log, however, answers with a snapshot, which replaces the log.
// So helpReplicas makes the leader take a snapshot and drop the entries before it.
//
// The server does this by itself when its log has grown, but not while it answers a request, which here is nearly
// always. Then it waits for minutes.
func helpReplicas(srv *server.Server, done <-chan struct{}) {
	behind := map[string]time.Time{} // the streams that a replica is behind with, and since when
	for wait(time.Second, done) {
		names := streamsBehind(srv)
		for name := range behind {
			if !slices.Contains(names, name) {
				delete(behind, name)
			}
		}
		for _, name := range names {
			since, ok := behind[name]
			if !ok {
				behind[name] = time.Now()
			} else if time.Since(since) > patience {
				snapshot(srv, name, done)
				delete(behind, name)
			}
		}
	}
}

// streamsBehind returns the names of the streams that srv leads and a replica is behind with.
func streamsBehind(srv *server.Server) (names []string) {
	account, err := srv.JszAccount(&server.JSzOptions{Account: server.DEFAULT_GLOBAL_ACCOUNT, Streams: true, StreamLeaderOnly: true})
	if err != nil {
		return nil // there are no streams yet
	}
	for _, stream := range account.Streams {
		if stream.Cluster != nil && slices.ContainsFunc(stream.Cluster.Replicas, func(r *server.PeerInfo) bool { return !r.Current && !r.Offline }) {
			names = append(names, stream.Name)
		}
	}
	return names
}

// snapshot takes a snapshot of a stream, between two answers to a replica.
func snapshot(srv *server.Server, name string, done <-chan struct{}) {
	srv.Noticef("A replica of stream %q does not catch up: the leader takes a snapshot for it", name)
	var err error
	for start := time.Now(); time.Since(start) < effort && wait(10*time.Millisecond, done); {
		if err = srv.JetStreamSnapshotStream(server.DEFAULT_GLOBAL_ACCOUNT, name); err == nil {
			return
		}
	}
	srv.Warnf("The leader of stream %q has not taken a snapshot: %v", name, err)
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
