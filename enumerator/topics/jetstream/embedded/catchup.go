package embedded

import (
	"slices"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

const (
	patience = 10              // seconds until a replica that does not catch up is helped
	effort   = 5 * time.Second // for the attempts to take a snapshot
)

// helpReplicas helps replicas that do not catch up with the streams that srv leads. It returns when done is closed.
//
// A server that led a stream without the others has entries in its Raft log that they do not have. Each time it asks
// the new leader for the entries after its last one, it finds that it must drop its last one. The answer can also make
// it ask for more at a subject at which nobody listens, and then it asks again after 2 s only. So it can take minutes
// until it has dropped all of them. A leader without the entries that it is asked for answers with a snapshot, which
// replaces the whole log. So helpReplicas makes the leader replace the entries of its log by a snapshot.
//
// The leader does this by itself from time to time, but not while it answers a request, and here it nearly always does.
func helpReplicas(srv *server.Server, done <-chan struct{}) {
	behind := map[string]int{} // for how many seconds a replica has been behind with a stream
	for wait(time.Second, done) {
		before := behind
		behind = map[string]int{}
		for _, name := range streamsBehind(srv) {
			if behind[name] = before[name] + 1; behind[name] == patience {
				takeSnapshot(srv, name, done)
				behind[name] = 0
			}
		}
	}
}

// streamsBehind returns the names of the streams that srv leads and that a replica is behind with.
func streamsBehind(srv *server.Server) (names []string) {
	account, err := srv.JszAccount(&server.JSzOptions{Account: server.DEFAULT_GLOBAL_ACCOUNT, Streams: true, StreamLeaderOnly: true})
	if err != nil {
		return nil // there are no streams yet
	}
	isBehind := func(r *server.PeerInfo) bool { return !r.Current && !r.Offline }
	for _, s := range account.Streams {
		if s.Cluster != nil && slices.ContainsFunc(s.Cluster.Replicas, isBehind) {
			names = append(names, s.Name)
		}
	}
	return names
}

// takeSnapshot replaces the entries of the Raft log of a stream by a snapshot, between two answers to a replica.
func takeSnapshot(srv *server.Server, name string, done <-chan struct{}) {
	srv.Noticef("A replica of stream %q does not catch up, so the leader takes a snapshot for it", name)
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
