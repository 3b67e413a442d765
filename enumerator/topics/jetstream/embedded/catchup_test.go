package embedded_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"io/fs"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator/topics/jetstream/embedded"
)

// A leader that has entries which the others do not have drops one of them for each entry or heartbeat of the new
// leader. By itself, it would need a minute or more to catch up.
func TestALeaderThatWasAloneCatchesUp(t *testing.T) {
	const entries = 60
	nodes := newNodes(t, 3)
	for _, n := range nodes {
		n.start(t)
	}
	create := func() (jetstream.Stream, error) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		return nodes[0].js(t).CreateOrUpdateStream(ctx, jetstream.StreamConfig{Name: "test", Subjects: []string{"test"}, Replicas: 3})
	}
	var stream jetstream.Stream
	require.Eventually(t, func() (ok bool) {
		var err error
		stream, err = create()
		return err == nil
	}, 30*time.Second, 10*time.Millisecond, "no leader")
	publish := func(n *node) {
		require.Eventually(t, func() bool {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := n.js(t).Publish(ctx, "test", nil)
			return err == nil
		}, 30*time.Second, 10*time.Millisecond, "nothing can be published")
	}
	publish(nodes[0])

	i := slices.IndexFunc(nodes, func(n *node) bool { return n.name == stream.CachedInfo().Cluster.Leader })
	alone, others := nodes[i], slices.Delete(slices.Clone(nodes), i, i+1)
	for _, n := range others {
		n.stop()
	}
	message := make([]byte, 300<<10) // so large that each is an entry of its own, and random because entries are compressed
	rand.Read(message)
	for range entries {
		require.NoError(t, alone.nc.Publish("test", message))
	}
	require.Eventually(t, func() bool { return sizeOf(alone.dir) > entries*len(message) }, 30*time.Second, 10*time.Millisecond, "its log is short")
	alone.stop()

	for _, n := range others {
		n.start(t)
	}
	for range 2 * entries {
		publish(others[0])
	}
	alone.start(t)
	require.Eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		info, err := others[0].js(t).Stream(ctx, "test")
		return err == nil && !slices.ContainsFunc(info.CachedInfo().Cluster.Replicas, func(r *jetstream.PeerInfo) bool { return !r.Current })
	}, time.Minute, 10*time.Millisecond, "it does not catch up")
	assert.True(t, others[0].log.has("does not catch up") || others[1].log.has("does not catch up"), "it has caught up by itself")
}

// sizeOf returns the size of the files in dir.
func sizeOf(dir string) (n int) {
	_ = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if info, err := entry.Info(); err == nil {
			n += int(info.Size())
		}
		return nil
	})
	return n
}

// A node is a server that can be started again.
type node struct {
	name, listen string
	routes       []string
	dir          string
	log          lines
	nc           *nats.Conn
	stop         func()
}

func newNodes(t *testing.T, n int) (nodes []*node) {
	var addresses []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer l.Close()
		addresses = append(addresses, l.Addr().String())
	}
	dir := t.TempDir()
	for i, address := range addresses {
		name := fmt.Sprint("node", i)
		nodes = append(nodes, &node{name: name, listen: address, routes: addresses, dir: filepath.Join(dir, name)})
	}
	return nodes
}

func (n *node) start(t *testing.T) {
	nc, stop, err := embedded.Start(n.dir, embedded.Cluster(n.name, n.listen, n.routes...), embedded.Logger(&n.log))
	require.NoError(t, err)
	t.Cleanup(stop)
	n.nc, n.stop = nc, stop
}

func (n *node) js(t *testing.T) jetstream.JetStream {
	js, err := jetstream.New(n.nc)
	require.NoError(t, err)
	return js
}

// lines is the log of a server.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) printf(format string, v ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintf(&l.text, format+"\n", v...)
}

func (l *lines) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), text)
}

func (l *lines) Noticef(format string, v ...any) { l.printf(format, v...) }
func (l *lines) Warnf(format string, v ...any)   { l.printf(format, v...) }
func (l *lines) Errorf(format string, v ...any)  { l.printf(format, v...) }
func (l *lines) Fatalf(format string, v ...any)  { l.printf(format, v...) }
func (l *lines) Debugf(string, ...any)           {}
func (l *lines) Tracef(string, ...any)           {}
