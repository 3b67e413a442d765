package interop_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/internal/probe"
)

func TestNode(t *testing.T) {
	for name, reader := range map[string]reader{
		"eventsource":              {bareID: true, cutAnywhere: true},
		"eventsource-client":       {cutAnywhere: true},
		"fetch-event-source":       {bareID: true},
		"reconnecting-eventsource": {bareID: true, cutAnywhere: true},
	} {
		reader.start = node(name)
		t.Run(name, func(t *testing.T) { exactlyOnce(t, reader) })
	}
	// A client that does not heed a bare id can ask for the events of our script, which tell it the id with data.
	t.Run("eventsource-client like the script", func(t *testing.T) {
		start := func(t *testing.T, url string) func() []string {
			return node("eventsource-client")(t, url+"?transport=events")
		}
		exactlyOnce(t, reader{start: start, bareID: true, cutAnywhere: true})
	})
}

// node returns the start of the driver with that name.
func node(name string) starter {
	return func(t *testing.T, url string) func() []string { return start(t, name, url) }
}

// start starts the driver with that name, and returns a function that returns the lines that it has written.
func start(t *testing.T, name string, args ...string) (lines func() []string) {
	var out output
	cmd := driver(t, name, args...)
	cmd.Stdout = &out
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Wait() }) // it was killed when the test ended
	return out.lines
}

// driver returns the command of the driver with that name, which ends with the test.
func driver(t *testing.T, name string, args ...string) *exec.Cmd {
	needModules(t)
	cmd := exec.CommandContext(t.Context(), "node", append([]string{"--import", "./drivers/start.mjs", "drivers/" + name + ".mjs"}, args...)...)
	cmd.Stderr = t.Output()
	_, err := cmd.StdinPipe()
	require.NoError(t, err)
	return cmd
}

// needModules installs the packages of package.json if they are missing. Where that is not possible, it skips the
// test, or fails it if CI is true.
func needModules(t *testing.T) {
	t.Helper()
	switch err := modules(); {
	case err != nil && probe.Long():
		t.Fatalf("%v, and CI must not skip this test", err)
	case err != nil:
		t.Skip(err)
	}
}

var modules = sync.OnceValue(func() error {
	if err := exec.Command("node", "-e", "process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)").Run(); err != nil {
		return fmt.Errorf("the clients of npm need node 20 or newer: %w", err)
	}
	if _, err := os.Stat("node_modules/.package-lock.json"); err == nil {
		return nil
	}
	// package.json has an older vite for vitest: the newest one has an optional dependency that not all registries serve.
	out, err := exec.Command("npm", "ci", "--ignore-scripts").CombinedOutput()
	if err != nil {
		return fmt.Errorf("npm ci has failed: %w: %s", err, out)
	}
	return nil
})

// output is what a driver has written so far.
type output struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.all.Write(b)
}

func (o *output) lines() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.FieldsFunc(o.all.String(), func(r rune) bool { return r == '\n' })
}
