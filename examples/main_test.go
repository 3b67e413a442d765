package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// beMain makes the test binary the program.
const beMain = "HALLEY_EXAMPLES_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(beMain) != "" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

var address = regexp.MustCompile(`http://(127\.0\.0\.1:[1-9]\d*)/`)

func TestEndsOnSignal(t *testing.T) {
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			program := exec.Command(os.Args[0], "-addr", "127.0.0.1:0")
			program.Env = append(os.Environ(), beMain+"=1")
			var stderr strings.Builder
			program.Stderr = &stderr
			stdout, err := program.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, program.Start())
			ended := make(chan error, 1)
			t.Cleanup(func() {
				program.Process.Kill()
				<-ended
			})
			out := bufio.NewReader(stdout)
			line, err := out.ReadString('\n')
			go func() {
				io.Copy(io.Discard, out)
				ended <- program.Wait()
				close(ended)
			}()
			require.NoError(t, err, "it ended before it listened: %s", &stderr)
			found := address.FindStringSubmatch(line)
			require.NotNil(t, found, "the address to open, in %q", line)

			// Two streams, and a connection that asks for nothing, as browsers
			// open in advance.
			for range 2 {
				stream := get(t, found[1], "/comet/clock/stream")
				for range 3 {
					_, err := stream.chunk()
					require.NoError(t, err)
				}
			}
			idle, err := net.Dial("tcp", found[1])
			require.NoError(t, err)
			defer idle.Close()

			require.NoError(t, program.Process.Signal(signal))
			select {
			case err := <-ended:
				require.NoError(t, err, "%s", &stderr)
				require.Empty(t, stderr.String())
			case <-time.After(waitAtMost):
				require.Fail(t, "it is still running")
			}
		})
	}
}

// The streams end because the program ends, not because its patience does.
func TestEndsStreams(t *testing.T) {
	defer func(before time.Duration) { patience = before }(patience)
	patience = time.Minute
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, "127.0.0.1:0", in) }()
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	stream := get(t, address.FindStringSubmatch(line)[1], "/comet/clock/stream")
	for range 3 {
		_, err := stream.chunk()
		require.NoError(t, err)
	}
	cancel()
	select {
	case err := <-ended:
		require.NoError(t, err)
	case <-time.After(waitAtMost):
		require.Fail(t, "it is still running")
	}
	for err == nil {
		_, err = stream.chunk()
	}
	require.Equal(t, io.EOF, err, "a complete response")
}

// So do the WebSockets, in good order.
func TestEndsSockets(t *testing.T) {
	defer func(before time.Duration) { patience = before }(patience)
	patience = time.Minute
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, "127.0.0.1:0", in) }()
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	bounded, done := context.WithTimeout(t.Context(), waitAtMost)
	defer done()
	conn, _, err := websocket.Dial(bounded, "ws://"+address.FindStringSubmatch(line)[1]+"/wschat/socket", nil)
	require.NoError(t, err)
	defer conn.CloseNow()
	cancel()
	for err == nil {
		_, _, err = conn.Read(bounded) // what was said before
	}
	require.Equal(t, websocket.StatusGoingAway, websocket.CloseStatus(err))
	select {
	case err := <-ended:
		require.NoError(t, err)
	case <-bounded.Done():
		require.Fail(t, "it is still running")
	}
}

func TestAddressInUse(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	err = run(t.Context(), listener.Addr().String(), io.Discard)
	require.ErrorContains(t, err, listener.Addr().String()+" is in use")
	require.ErrorContains(t, err, "-addr")
}

func TestBadAddress(t *testing.T) {
	require.Error(t, run(t.Context(), "127.0.0.1", io.Discard))
	require.Error(t, run(t.Context(), "127.0.0.1:99999", io.Discard))
}
