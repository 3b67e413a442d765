//go:build !fuzz

package jetstream_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/enumerator/topics/jetstream"
	"github.com/halley-go/halley/enumerator/topics/jetstream/embedded"
	"github.com/halley-go/halley/enumerator/topics/presence"
)

// memberNode and answerNode are environment variables that make this binary the last node of a cluster, with a member or
// with an answer. Their values are the addresses of the nodes.
const (
	memberNode = "HALLEY_TEST_MEMBER"
	answerNode = "HALLEY_TEST_ANSWER"
)

func startNode(dir string, addresses []string, i int) (*nats.Conn, func(), error) {
	others := slices.Delete(slices.Clone(addresses), i, i+1)
	return embedded.Start(dir, embedded.Cluster(fmt.Sprint("node", i), addresses[i], others...))
}

// becomeLast becomes the last node, prints the folder of its files, and opens the store.
func becomeLast(addresses []string) (topics.Store, error) {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		return nil, err
	}
	nc, _, err := startNode(dir, addresses, 2)
	if err != nil {
		return nil, err
	}
	fmt.Println(dir)
	return jetstream.Open(context.Background(), nc, "test", jetstream.Replicas(3))
}

// startWithLast starts a cluster of three nodes. The last one is a process of its own. The variable tells this process its
// task, and kill kills it.
func startWithLast(t *testing.T, variable string) (conns []*nats.Conn, kill func()) {
	addresses := freeAddresses(t, 3)
	for i := range 2 {
		nc, stop, err := startNode(t.TempDir(), addresses, i)
		require.NoError(t, err)
		t.Cleanup(stop)
		conns = append(conns, nc)
	}
	program, err := os.Executable()
	require.NoError(t, err)
	node := exec.Command(program)
	node.Env = append(os.Environ(), variable+"="+strings.Join(addresses, ","))
	out, err := node.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, node.Start())
	kill = func() {
		_ = node.Process.Kill()
		_ = node.Wait()
	}
	t.Cleanup(kill)
	dir, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(strings.TrimSpace(dir)) })
	return conns, kill
}

// becomeMember joins a room, and stays until the process is killed.
func becomeMember(addresses []string) error {
	s, err := becomeLast(addresses)
	if err != nil {
		return err
	}
	if err := presence.New[string](s, presence.Beat(time.Second)).Join(context.Background(), "room", "kiki", ""); err != nil {
		return err
	}
	select {}
}

// One of three nodes is killed. Its member is gone soon, and the member of another node stays.
func TestPresenceOfANodeThatIsKilled(t *testing.T) {
	conns, kill := startWithLast(t, memberNode)
	ctx := timeout(t)
	here := presence.New[string](open(t, conns[0], "test", jetstream.Replicas(3)), presence.Beat(time.Second))
	there := presence.New[string](open(t, conns[1], "test", jetstream.Replicas(3)), presence.Beat(time.Second))
	defer here.Close()
	defer there.Close()
	require.NoError(t, there.Join(ctx, "room", "foo", ""))
	members := map[string]bool{}
	var killed time.Time
	for item, err := range enumerator.All(ctx, here.Members("room")) {
		require.NoError(t, err)
		switch {
		case item.Reset:
			clear(members)
		case item.IsMessage():
			members[item.Value.Key] = !item.Value.Deleted
		}
		if killed.IsZero() && members["kiki"] && members["foo"] {
			kill()
			killed = time.Now()
		}
		if !killed.IsZero() && !item.Reset && !members["kiki"] {
			break
		}
	}
	t.Logf("the member was gone %v after its node was killed", time.Since(killed))
	require.True(t, members["foo"])
}
