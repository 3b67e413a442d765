package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/halley-go/halley/comet/follow"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/examples/chat"
	"github.com/halley-go/halley/internal/browsertest"
	"github.com/halley-go/halley/internal/probe"
)

// beMain is the environment variable with which the test binary runs as the program.
const beMain = "HALLEY_CLUSTER_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(beMain) != "" {
		main()
	}
	goleak.VerifyTestMain(m)
}

const waitAtMost = time.Minute

// A program is a run of the program, with its nodes.
type program struct {
	cmd   *exec.Cmd
	url   string
	temp  string        // its folder for temporary files
	ended chan struct{} // closed when the program and its nodes have ended
}

// start starts the program, and returns when it serves its page.
func start(t *testing.T, args ...string) *program {
	t.Helper()
	return startCommand(t, exec.Command(os.Args[0], append([]string{"-addr", "127.0.0.1:0"}, args...)...))
}

func startCommand(t *testing.T, cmd *exec.Cmd) *program {
	t.Helper()
	p := &program{cmd: cmd, temp: t.TempDir(), ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), beMain+"=1", "TMPDIR="+p.temp)
	stdout, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	// The nodes inherit stderr, so its end is the end of all of them.
	stderr, all, err := os.Pipe()
	require.NoError(t, err)
	p.cmd.Stderr = all
	require.NoError(t, p.cmd.Start())
	all.Close()
	go func() {
		defer close(p.ended)
		defer stderr.Close()
		_, _ = io.Copy(os.Stderr, stderr)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		p.wait(t)
	})
	out := bufio.NewReader(stdout)
	address := regexp.MustCompile(`http://127\.0\.0\.1:[1-9]\d*/`)
	for p.url == "" {
		line, err := out.ReadString('\n')
		require.NoError(t, err, "the program has ended")
		p.url = address.FindString(line)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return p
}

// wait waits for the end of the program and its nodes.
func (p *program) wait(t *testing.T) {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(waitAtMost):
		require.Fail(t, "the program or one of its nodes is still running")
	}
	_ = p.cmd.Wait()
}

func (p *program) post(t *testing.T, path string, form url.Values) {
	t.Helper()
	res, err := http.PostForm(p.url+path, form)
	require.NoError(t, err)
	res.Body.Close()
	require.Equal(t, http.StatusNoContent, res.StatusCode)
}

// states returns the states of the nodes, when they are as wanted.
func (p *program) states(t *testing.T, wanted func([]state) bool) []state {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitAtMost)
	defer cancel()
	for item, err := range enumerator.All(ctx, follow.Items[[]state](follow.Get(p.url+"nodes/stream"))) {
		require.NoError(t, err)
		if item.IsMessage() && wanted(item.Value) {
			return item.Value
		}
	}
	return nil
}

func areUp(states []state) bool {
	return !slices.ContainsFunc(states, func(s state) bool { return s.State != up })
}

// A reader gets each number once and in order while the node that serves it is killed, three times in the long form.
func TestKilledNodes(t *testing.T) {
	kills := 1
	if probe.Long() {
		kills = 3
	}
	p := start(t, "-every", "10ms")
	ctx, cancel := context.WithTimeout(t.Context(), 2*waitAtMost)
	defer cancel()
	const each = 100
	here, next, got := 0, 0, 0
	for item, err := range enumerator.All(ctx, follow.Items[int](follow.Get(p.url+"numbers/stream"))) {
		require.NoError(t, err)
		switch {
		case item.Event == "node":
			here = item.Value
		case item.Reset || item.Gap.N > 0:
			require.Fail(t, "numbers are missing", "%+v", item)
		case item.IsMessage():
			if got > 0 {
				require.Equal(t, next, item.Value)
			}
			next = item.Value + 1
			got++
			if got%each == 0 && got <= kills*each {
				before := p.states(t, areUp)
				p.post(t, fmt.Sprintf("nodes/%d/kill", here), nil)
				p.states(t, func(now []state) bool { return areUp(now) && now[here-1].PID != before[here-1].PID })
			}
		}
		if got == (kills+1)*each {
			break
		}
	}
	assert.Equal(t, (kills+1)*each, got)
}

// The page gets 1,000 numbers, each once and in order, while its node is killed in the middle. A second tab gets them too.
// The chat also goes on.
func TestPage(t *testing.T) {
	browser := browsertest.Start(t)
	p := start(t, "-every", "10ms")
	one, two := openTab(t, browser, p.url), openTab(t, browser, p.url)
	const watched = `
		var all = [], events = [], first = here, pid = states[here-1].pid;
		var counted = halley.connect('numbers/stream', function(n) { all.push(n); });
		['reset', 'gap', 'error'].forEach(function(type) { [counted, numbers, messages].forEach(function(stream) {
			stream.addEventListener(type, function(e) { events.push(type); });
		}); });`
	for _, tab := range []tab{one, two} {
		tab.until("here > 0 && received > 10 && states.every(function(n) { return n.state === 'up'; })")
		_, err := chromedp.Run(tab.ctx, chromedp.Evaluate[chromedp.Void](watched))
		require.NoError(t, err)
	}
	say := func(tab tab, text string) {
		require.NoError(t, chromedp.Do(tab.ctx,
			chromedp.SetValue(chromedp.CSS("[name=name]"), "kiki"),
			chromedp.SetValue(chromedp.CSS("[name=text]"), text),
			chromedp.Click(chromedp.CSS("form button")),
		))
	}
	heard := func(n int) string { return fmt.Sprintf("list.children.length >= %d", n) }
	say(two, "before")
	one.until(heard(1))
	one.until("all.length >= 500")
	require.NoError(t, chromedp.Do(one.ctx, chromedp.Click(chromedp.CSS(".here button"))))
	say(one, "in the middle")
	for _, tab := range []tab{one, two} {
		tab.until("here > 0 && here !== first")
		tab.until(heard(2))
		tab.until("all.length >= 1000")
		tab.until("states[first-1].state === 'up' && states[first-1].pid !== pid")

		tab.check("events", []string{})
		tab.check("all.length >= 1000 && all.every(function(n, i) { return n === all[0] + i; })", true)
		tab.check("received > 1000 && [lost, repeated]", []int{0, 0})
		tab.check("[$('lost').textContent, $('repeated').textContent]", []string{"0", "0"})
		tab.check("[...list.children].map(li => li.lastChild.textContent.trim())", []string{"before", "in the middle"})
		tab.check("$('problem').textContent", "")
	}
}

// A tab is a tab of a browser.
type tab struct {
	*testing.T
	ctx context.Context
}

func openTab(t *testing.T, browser context.Context, url string) tab {
	ctx, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(url)))
	return tab{t, ctx}
}

// until waits for a condition in the page.
func (tab tab) until(condition string) {
	tab.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, waitAtMost)
	defer cancel()
	_, err := chromedp.Run(ctx, chromedp.Poll[bool](condition, chromedp.WithPollingInterval(5*time.Millisecond), chromedp.WithPollingTimeout(0)))
	if err != nil {
		state, _ := chromedp.Run(tab.ctx, chromedp.Evaluate[json.RawMessage]("({here, states, received, numbers: numbers.state, messages: messages.state})"))
		require.NoError(tab, err, "%s\n%s", condition, state)
	}
}

// check checks the value of a script.
func (tab tab) check(script string, want any) {
	tab.Helper()
	got, err := chromedp.Run(tab.ctx, chromedp.Evaluate[json.RawMessage](script))
	require.NoError(tab, err, script)
	wanted, err := json.Marshal(want)
	require.NoError(tab, err)
	assert.JSONEq(tab, string(wanted), string(got), script)
}

// The messages of the chat are there after a restart.
func TestDataOnDisk(t *testing.T) {
	dir := t.TempDir()
	for n := range 2 {
		p := start(t, "-data", dir)
		p.post(t, "chat/messages", url.Values{"name": {"kiki"}, "text": {fmt.Sprint("message ", n)}})
		ctx, cancel := context.WithTimeout(t.Context(), waitAtMost)
		var texts []string
		for item, err := range enumerator.All(ctx, follow.Items[json.RawMessage](follow.Get(p.url+"chat/stream"))) {
			require.NoError(t, err)
			var m chat.Message
			if item.IsMessage() && item.Event == "" {
				require.NoError(t, json.Unmarshal(item.Value, &m))
				texts = append(texts, m.Text)
			}
			if m.Text == fmt.Sprint("message ", n) {
				break
			}
		}
		cancel()
		assert.Equal(t, []string{"message 0", "message 1"}[:n+1], texts)
		res, err := http.Get(p.url)
		require.NoError(t, err)
		page, err := io.ReadAll(res.Body)
		res.Body.Close()
		require.NoError(t, err)
		assert.True(t, strings.Contains(string(page), "A chat room"))
		require.NoError(t, p.cmd.Process.Signal(os.Interrupt))
		p.wait(t)
		assert.Zero(t, p.cmd.ProcessState.ExitCode())
	}
	http.DefaultClient.CloseIdleConnections()
}
