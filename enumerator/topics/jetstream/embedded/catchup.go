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

// takeSnapshot replaces the Raft log of a stream by a snapshot, between two answers to a replica. The snapshot has the
// effects of all entries that it replaces. It may also have the effects of later ones, which a replica then applies
// again, as after a restart.
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
