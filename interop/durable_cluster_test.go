//go:build unix

package interop_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator/topics/jetstream"
	"github.com/halley-go/halley/enumerator/topics/jetstream/embedded"
	"github.com/halley-go/halley/internal/browsertest"
	"github.com/halley-go/halley/internal/probe"
)

// nodeSettings is the environment variable that makes this binary a node. It holds the settings in JSON.
const nodeSettings = "HALLEY_TEST_NODE"

type settings struct {
	Name, Dir, Serve, Listen string
	Routes                   []string
}

func TestMain(m *testing.M) {
	text := os.Getenv(nodeSettings)
	if text == "" {
		os.Exit(m.Run())
	}
	var s settings
	err := json.Unmarshal([]byte(text), &s)
	if err == nil {
		err = s.run()
	}
	fmt.Println(err)
	os.Exit(1)
}

// run serves streams in a cluster. It ends when its parent does, or is killed.
func (s settings) run() error {
	nc, stop, err := embedded.Start(s.Dir, embedded.Cluster(s.Name, s.Listen, s.Routes...), embedded.SyncLater())
	if err != nil {
		return err
	}
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}()
	store, err := jetstream.Open(context.Background(), nc, "streams", jetstream.Replicas(nodes), jetstream.Keep(100_000))
	if err != nil {
		return err
	}
	fmt.Println("up")
	return http.ListenAndServe(s.Serve, streams(store))
}

const nodes = 3

// A machine is a process that can be killed and started again.
type machine struct {
	settings
	url *url.URL
	up  atomic.Bool
	cmd *exec.Cmd
	end chan struct{}
}

// start starts the process. It is up when it serves streams.
func (n *machine) start(t *testing.T) {
	text, err := json.Marshal(n.settings)
	require.NoError(t, err)
	n.cmd, n.end = exec.Command(os.Args[0]), make(chan struct{})
	n.cmd.Env = append(os.Environ(), nodeSettings+"="+string(text))
	_, err = n.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := n.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, n.cmd.Start())
	go func() {
		defer close(n.end)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			n.up.Store(lines.Text() == "up")
		}
		n.up.Store(false)
		_ = n.cmd.Wait()
	}()
}

// kill kills the process, as kill -9 does.
func (n *machine) kill() {
	_ = n.cmd.Process.Kill()
	<-n.end
}

// freeAddresses returns addresses at which nobody listens. No system takes their ports for outgoing connections, which
// could get the port of a node while it is down.
func freeAddresses(t *testing.T, n int) (addresses []string) {
	for tries := 0; len(addresses) < n; tries++ {
		l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", 10_000+rand.N(20_000)))
		if err == nil {
			defer l.Close()
			addresses = append(addresses, l.Addr().String())
		}
		require.Less(t, tries, 1000)
	}
	return addresses
}

// startNodes starts a cluster, and waits until it is up.
func startNodes(t *testing.T) (all []*machine) {
	addresses := freeAddresses(t, 2*nodes)
	serve, listen := addresses[:nodes], addresses[nodes:]
	dir := t.TempDir()
	for i := range nodes {
		name := fmt.Sprint("n", i+1)
		all = append(all, &machine{url: &url.URL{Scheme: "http", Host: serve[i]}, settings: settings{
			Name: name, Dir: filepath.Join(dir, name), Serve: serve[i], Listen: listen[i], Routes: slices.Delete(slices.Clone(listen), i, i+1),
		}})
	}
	for _, n := range all {
		n.start(t)
		t.Cleanup(n.kill)
	}
	s := &stage{T: t}
	for _, n := range all {
		s.eventually(n.up.Load)
	}
	return all
}

// balancer hands each request to a node that is up.
func balancer(all []*machine) http.Handler {
	var next atomic.Int64
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			n := all[next.Add(1)%nodes]
			for range all {
				if n.up.Load() {
					break
				}
				n = all[next.Add(1)%nodes]
			}
			r.SetURL(n.url)
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
}

// The client gets each message once, and its producer appends each once, while nodes of a cluster are killed.
func TestDurableClientOfACluster(t *testing.T) {
	needModules(t)
	t.Parallel()
	browser := browsertest.Start(t)
	all := startNodes(t)
	var enough atomic.Bool
	mux := http.NewServeMux()
	files := http.FileServer(http.Dir("."))
	for _, folder := range []string{"/pages/", "/drivers/", "/node_modules/"} {
		mux.Handle("GET "+folder, files)
	}
	mux.HandleFunc("GET /enough", func(w http.ResponseWriter, r *http.Request) {
		if !enough.Load() {
			w.WriteHeader(http.StatusNotFound)
		}
	})
	mux.Handle("/streams/", balancer(all))
	server := httptest.NewServer(mux) // httpadaptertest.NewServer would cut each answer that takes longer than its Timeout
	t.Cleanup(server.Close)
	s := &stage{T: t}
	var sent, got []func() []string
	for i, client := range []durableClient{inNode, inChromium(browser)} {
		for _, live := range []string{"long-poll", "sse"} {
			stream := fmt.Sprint(server.URL, "/streams/", live, i)
			sent = append(sent, client(t, server.URL, "write", stream, "2000", server.URL+"/enough"))
			s.exists(server.Client(), stream)
			got = append(got, client(t, server.URL, "read", stream, live))
		}
	}
	kills := 1
	if probe.Long() {
		kills = nodes
	}
	progress := func() { // of each reader
		s.Helper()
		for _, lines := range got {
			for range 10 {
				s.progress(lines)
			}
		}
	}
	for i := range kills {
		progress()
		all[i].kill()
		progress()
		all[i].start(t)
		s.eventually(all[i].up.Load)
	}
	enough.Store(true)
	for i := range got {
		s.compare(sent[i], got[i])
	}
}
