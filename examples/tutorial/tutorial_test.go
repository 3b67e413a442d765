// Package tutorial_test runs the programs of docs/tutorial.md, one in each folder.
package tutorial_test

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/internal/browsertest"
	"github.com/halley-go/halley/internal/probe"
)

var update = flag.Bool("update", false, "take the pictures of the tutorial")

var pictures = filepath.Join("..", "..", "docs", "tutorial")

// A step is a program of the tutorial.
type step struct {
	lines []string // parts of the lines that it prints, in order
	path  string   // of a stream, if it is a server
	sends string   // a part of the stream
	form  bool     // whether it has a form for the limit
	ready string   // an expression that is true when the page has something to show
}

var steps = []step{
	{lines: []string{" °C", " °C", " °C"}},
	{lines: []string{" °C", " °C", " °C", " °C", " °C", "The highest was "}},
	{path: "stream", sends: `{"at":`},
	{path: "stream", sends: `data: {"at":`, ready: `temperature.value !== '–'`},
	{path: "stream", sends: `data: {"at":`, ready: `measured.textContent > 2`},
	{path: "stream", sends: `data: {"at":`, ready: `charts.temperature && charts.temperature.length > 40`},
	{path: "stream", sends: "event: load", ready: `charts.load && charts.load.length > 40`},
	{path: "stream", sends: "event: temperature", ready: `alarms.children.length > 1`},
	{path: "stream", sends: "event: load", form: true, ready: `alarms.children.length > 1`},
	{path: "stream", sends: "event: load", form: true, ready: `alarms.children.length > 1`},
}

// TestSteps builds and runs the programs. The short form does so for the last one only; go vet compiles the others.
func TestSteps(t *testing.T) {
	first := len(steps)
	if probe.Long() || *update {
		first = 1
	}
	folder := t.TempDir()
	args := []string{"build", "-ldflags=-s -w", "-o", folder + string(filepath.Separator)}
	for n := first; n <= len(steps); n++ {
		args = append(args, fmt.Sprintf("./step%02d", n))
	}
	out, err := exec.Command("go", args...).CombinedOutput()
	require.NoError(t, err, string(out))
	for n := first; n <= len(steps); n++ {
		name := fmt.Sprintf("step%02d", n)
		t.Run(name, func(t *testing.T) {
			step := steps[n-1]
			addr, lines, program := start(t, filepath.Join(folder, name))
			printed := "$ go run ./examples/tutorial/" + name + "\n"
			for _, part := range step.lines {
				line := next(t, lines)
				require.Contains(t, line, part)
				printed += line + "\n"
			}
			if step.path != "" {
				require.Contains(t, next(t, lines), addr)
				got := read(t, addr, step.path, step.sends, 3)
				printed = "$ curl http://127.0.0.1:9000/" + step.path + "\n" + got
			}
			page, err := os.ReadFile(filepath.Join(name, "page.html"))
			if err == nil {
				assert.Equal(t, string(page), read(t, addr, "", "</html>", 1))
			}
			picture := filepath.Join(pictures, name+".png")
			if *update {
				take(t, picture, addr, step.ready, printed)
			}
			if step.form {
				assert.Equal(t, http.StatusNoContent, post(t, addr, "limit=55.5", "same-origin"))
				assert.Contains(t, read(t, addr, step.path, "data: 55.5", 1), "event: limit")
				assert.Equal(t, http.StatusBadRequest, post(t, addr, "limit=NaN", "same-origin"))
				assert.Equal(t, http.StatusForbidden, post(t, addr, "limit=10", "cross-site"))
				t.Run("form", func(t *testing.T) { submit(t, addr) })
			}
			if n == len(steps) {
				end(t, program, addr)
			}
			assert.FileExists(t, picture, "take it with go test ./examples/tutorial -update")
		})
	}
}

// start starts a program, which ends with the test. It returns the address for servers and the lines that it prints.
func start(t *testing.T, name string) (addr string, lines <-chan string, program *exec.Cmd) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr = listener.Addr().String()
	require.NoError(t, listener.Close())
	program = exec.Command(name)
	program.Env = append(os.Environ(), "ADDR="+addr)
	program.Stderr = os.Stderr
	out, err := program.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, program.Start())
	read := make(chan string, 1000)
	t.Cleanup(func() {
		_ = program.Process.Kill()
		for range read {
		}
		_ = program.Wait()
	})
	go func() {
		defer close(read)
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			read <- scanner.Text()
		}
	}()
	return addr, read, program
}

// end interrupts the program. Its streams end as complete responses, and the program ends without an error.
func end(t *testing.T, program *exec.Cmd, addr string) {
	if runtime.GOOS == "windows" {
		return // there is no interrupt of a process
	}
	response, err := http.Get("http://" + addr + "/stream")
	require.NoError(t, err)
	defer response.Body.Close()
	require.NoError(t, program.Process.Signal(os.Interrupt))
	_, err = io.Copy(io.Discard, response.Body)
	require.NoError(t, err)
	require.NoError(t, program.Wait())
}

func next(t *testing.T, lines <-chan string) string {
	select {
	case line, ok := <-lines:
		require.True(t, ok, "the program has ended")
		return line
	case <-time.After(30 * time.Second):
		require.Fail(t, "the program prints nothing")
		return ""
	}
}

// post sends a form, as the browser would from a page of that site, and returns the status.
func post(t *testing.T, addr, form, site string) int {
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr+"/limit", strings.NewReader(form))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Sec-Fetch-Site", site)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	return response.StatusCode
}

// submit submits the form of the page, which shows why the server refuses a limit.
func submit(t *testing.T, addr string) {
	ctx := browsertest.Start(t)
	until := func(condition string) {
		_, err := chromedp.Run(ctx, chromedp.Poll[bool](condition, chromedp.WithPollingTimeout(30*time.Second)))
		require.NoError(t, err, condition)
	}
	set := func(limit int) {
		script := fmt.Sprintf("form.noValidate = true; form.limit.value = %d; form.requestSubmit(); true", limit)
		_, err := chromedp.Run(ctx, chromedp.Evaluate[bool](script))
		require.NoError(t, err)
	}
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate("http://"+addr)))
	until("form.limit.value === '55.5'")
	set(101)
	until("problem.textContent.includes('must be a number from 0 to 100')")
	set(40)
	until("problem.textContent === ''")
}

// read returns the beginning of a response, up to the n-th line that contains part.
func read(t *testing.T, addr, path, part string, n int) string {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var response *http.Response
	require.Eventually(t, func() bool { // the program prints its address before it listens
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/"+path, nil)
		require.NoError(t, err)
		response, err = http.DefaultClient.Do(request)
		return err == nil
	}, time.Minute, 10*time.Millisecond)
	defer response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)
	var text strings.Builder
	reader := bufio.NewReader(response.Body)
	for found := 0; found < n; {
		line, err := reader.ReadString('\n')
		text.WriteString(line)
		require.NoError(t, err, "%s does not have %d of %q:\n%s", path, n, part, text.String())
		if strings.Contains(line, part) {
			found++
		}
	}
	return text.String()
}

// take takes a picture of the page, or of printed if there is none.
func take(t *testing.T, picture, addr, ready, printed string) {
	url := "http://" + addr
	if ready == "" {
		terminal := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprintf(w, `<pre style="margin:0;padding:1rem;font:16px/1.5 monospace;background:#1b2030;color:#e8ecf6">%s</pre>`+
				`<style>body{margin:0;background:#1b2030}</style>`, html.EscapeString(printed))
		}))
		defer terminal.Close()
		url, ready = terminal.URL, "true"
	}
	ctx := browsertest.Start(t)
	require.NoError(t, chromedp.Do(ctx, chromedp.EmulateViewport(600, 50), chromedp.Navigate(url)))
	_, err := chromedp.Run(ctx, chromedp.Poll[bool](ready, chromedp.WithPollingTimeout(90*time.Second), chromedp.WithPollingInterval(100*time.Millisecond)))
	require.NoError(t, err)
	image, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(picture, image, 0o644))
}
