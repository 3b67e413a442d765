//go:build !fuzz

package jetstream_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/enumerator/topics/jetstream"
	"github.com/halley-go/halley/enumerator/topics/jetstream/embedded"
)

// programDir is the environment variable that makes this binary the program of the restart tests.
const programDir = "HALLEY_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if dir := os.Getenv(programDir); dir != "" {
		if err := program(dir); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	if addresses := os.Getenv(memberNode); addresses != "" {
		fmt.Println(becomeMember(strings.Split(addresses, ",")))
		os.Exit(1)
	}
	if addresses := os.Getenv(answerNode); addresses != "" {
		fmt.Println(becomeModel(strings.Split(addresses, ",")))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// program publishes to a topic until it is told to stop, and prints the Position of each entry.
func program(dir string) error {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	nc, stop, err := embedded.Start(dir)
	if err != nil {
		return err
	}
	defer stop()
	s, err := jetstream.Open(ctx, nc, "test", jetstream.Keep(1_000_000))
	if err != nil {
		return err
	}
	for n := 1; ctx.Err() == nil; n++ {
		p, err := s.Append(ctx, "a", topics.Record{Key: fmt.Sprint(n), Meta: fmt.Append(nil, "\n", n), Data: fmt.Append(nil, n)})
		if err == nil {
			fmt.Println(p)
		}
	}
	return nil
}

// A program with a server in it is killed or stopped, and started again: history and the places of clients are still there.
func TestRestart(t *testing.T) {
	t.Parallel()
	for name, sig := range map[string]os.Signal{"killed": syscall.SIGKILL, "stopped": syscall.SIGTERM} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			var stored []enumerator.Position
			for range 3 {
				c := exec.Command(os.Args[0])
				c.Env = append(os.Environ(), programDir+"="+dir)
				c.Stderr = os.Stderr
				out, err := c.StdoutPipe()
				require.NoError(t, err)
				require.NoError(t, c.Start())
				lines := bufio.NewScanner(out)
				for n := 0; lines.Scan(); n++ {
					p, err := enumerator.ParsePosition(lines.Text())
					require.NoError(t, err, lines.Text())
					if n >= len(stored) { // before that, the keys of the program that ran before
						stored = append(stored, p)
					}
					assert.Equal(t, stored[n], p)
					if n == len(stored)-1 && n%100 == 99 {
						require.NoError(t, c.Process.Signal(sig))
					}
				}
				err = c.Wait()
				if sig == syscall.SIGTERM {
					require.NoError(t, err)
				}
			}
			began := time.Now()
			s := open(t, start(t, dir), "test", jetstream.Keep(1_000_000))
			t.Log(len(stored), "entries are there again after", time.Since(began))
			got := readAll(t, s, "a")
			require.GreaterOrEqual(t, len(got), len(stored))
			for i, p := range stored {
				require.Equal(t, p, got[i].Position)
				require.Equal(t, fmt.Sprint(i+1), string(got[i].Data))
				require.Equal(t, fmt.Sprint("\n", i+1), string(got[i].Meta))
			}
			es, ok, err := s.Read(timeout(t), "a", topics.Place{After: stored[50]}, 10)
			require.NoError(t, err)
			require.True(t, ok)
			require.Equal(t, stored[51:61], positions(es))
		})
	}
}

func TestADirectoryThatIsInUse(t *testing.T) {
	dir := t.TempDir()
	_, stop, err := embedded.Start(dir)
	require.NoError(t, err)
	_, _, err = embedded.Start(dir)
	require.ErrorContains(t, err, dir+" is in use")
	stop()
	stop()
	start(t, dir)
}
