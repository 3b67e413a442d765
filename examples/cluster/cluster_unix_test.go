//go:build unix

package main

import (
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/internal/probe"
)

// The program ends its nodes when it ends, also if it is killed, and leaves no files.
func TestEnds(t *testing.T) {
	for name, test := range map[string]struct {
		signal syscall.Signal
		group  bool // the nodes get the signal too, as they do from a terminal
	}{
		"Ctrl-C":     {syscall.SIGINT, true},
		"hung up":    {syscall.SIGHUP, true},
		"terminated": {syscall.SIGTERM, false},
		"killed":     {syscall.SIGKILL, false},
	} {
		t.Run(name, func(t *testing.T) {
			if !probe.Long() && name != "Ctrl-C" && name != "killed" {
				t.Skip("takes long")
			}
			if signal.Ignored(test.signal) {
				t.Skip("the signal is ignored, as under nohup")
			}
			cmd := exec.Command(os.Args[0], "-addr", "127.0.0.1:0")
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			p := startCommand(t, cmd)
			files, err := os.ReadDir(p.temp)
			require.NoError(t, err)
			require.NotEmpty(t, files)
			pid := cmd.Process.Pid
			if test.group {
				pid = -pid
			}
			require.NoError(t, syscall.Kill(pid, test.signal))
			p.wait(t)
			if test.signal == syscall.SIGINT || test.signal == syscall.SIGTERM {
				assert.Zero(t, cmd.ProcessState.ExitCode())
			}
			files, err = os.ReadDir(p.temp)
			require.NoError(t, err)
			assert.Empty(t, files)
		})
	}
}
