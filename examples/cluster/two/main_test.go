package main

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/halley-go/halley/comet/follow"
	"github.com/halley-go/halley/enumerator"
)

// beMain is the environment variable with which the test binary runs as the program.
const beMain = "HALLEY_TWO_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(beMain) != "" {
		main()
	}
	goleak.VerifyTestMain(m)
}

var address = regexp.MustCompile(`http://127\.0\.0\.1:[1-9]\d*/`)

// start starts a process of the program, and returns its URL when it serves.
func start(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command(os.Args[0], append([]string{"-addr", "127.0.0.1:0"}, args...)...)
	cmd.Env = append(os.Environ(), beMain+"=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err, "the program has ended")
	return address.FindString(line)
}

// A message that is published at one process reaches the readers of both, and a reader can resume at the other process.
func TestTwoProcesses(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := listener.Addr().String()
	require.NoError(t, listener.Close())
	urls := []string{start(t, "-nats", server, "-data", t.TempDir()), start(t, "-nats", server)}
	defer http.DefaultClient.CloseIdleConnections()

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	publish := func(url, text string) {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"rooms/lobby", strings.NewReader(`"`+text+`"`))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, http.StatusNoContent, res.StatusCode)
	}
	// read returns the texts after the place, up to last, and calls begun when the stream has begun.
	read := func(url, after, last string, begun func()) (texts []string, place string) {
		for item, err := range enumerator.All(ctx, follow.Items[string](follow.Get(url+"rooms/lobby"), follow.After(after))) {
			require.NoError(t, err)
			require.NoError(t, item.Lost())
			if begun != nil {
				begun()
				begun = nil
			}
			if item.IsMessage() {
				texts = append(texts, item.Value)
			}
			if place = item.ID(); item.Value == last {
				return texts, place
			}
		}
		return texts, place
	}
	publish(urls[0], "one")
	texts, place := read(urls[1], "", "two", func() { publish(urls[0], "two") }) // while the other process reads
	assert.Equal(t, []string{"one", "two"}, texts)
	publish(urls[1], "three")
	texts, _ = read(urls[0], place, "three", nil)
	assert.Equal(t, []string{"three"}, texts)
}
