package embedded_test

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/halley-go/halley/enumerator/topics/jetstream/embedded"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStartFails(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	used := l.Addr().String()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for name, start := range map[string]func() error{
		"a port in use":                func() error { return fails(t.TempDir(), embedded.Clients(used)) },
		"a port of nodes in use":       func() error { return fails(t.TempDir(), embedded.Cluster("a", used, "127.0.0.1:1")) },
		"an address without a port":    func() error { return fails(t.TempDir(), embedded.Clients("127.0.0.1")) },
		"a route without a port":       func() error { return fails(t.TempDir(), embedded.Cluster("a", "127.0.0.1:0", "127.0.0.1")) },
		"a file":                       func() error { return fails(file) },
		"a directory that is a file's": func() error { return fails(filepath.Join(file, "dir")) },
	} {
		err := start()
		require.ErrorContains(t, err, "embedded: Start: ", name)
		t.Log(err)
	}
}

func fails(dir string, opts ...embedded.Option) error {
	_, stop, err := embedded.Start(dir, opts...)
	if err == nil {
		stop()
	}
	return err
}

// A cluster deletes the streams of a single server, because it does not know them.
func TestADirectoryOfAnotherServer(t *testing.T) {
	single, first := t.TempDir(), t.TempDir()
	cluster := func(name string) embedded.Option { return embedded.Cluster(name, "127.0.0.1:0", "127.0.0.1:1") }
	require.NoError(t, fails(single))
	require.NoError(t, fails(single))
	require.ErrorContains(t, fails(single, cluster("a")), single+" belongs to a single server, and this is the node a of a cluster")
	require.NoError(t, fails(single), "its streams are as they were")
	require.NoError(t, fails(first, cluster("a")))
	require.NoError(t, fails(first, cluster("a")))
	require.ErrorContains(t, fails(first, cluster("b")), "belongs to the node a of a cluster, and this is the node b of a cluster")
	require.ErrorContains(t, fails(first), "belongs to the node a of a cluster, and this is a single server")
}

// A directory can be used again after a Start that has failed.
func TestAStartThatFailedKeepsNothing(t *testing.T) {
	dir := t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.Error(t, fails(dir, embedded.Clients(l.Addr().String())))
	l.Close()
	require.NoError(t, fails(dir, embedded.Clients(l.Addr().String())))
}

// A server alone listens on no port. It writes nothing to the standard error.
func TestAServerIsSilent(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	stderr := os.Stderr
	os.Stderr = w
	nc, stop, err := embedded.Start(t.TempDir())
	os.Stderr = stderr
	require.NoError(t, err)
	require.Equal(t, "pipe", nc.ConnectedAddr())
	stop()
	w.Close()
	text := make([]byte, 100)
	n, _ := r.Read(text)
	require.Zero(t, n, string(text))
	r.Close()
}
