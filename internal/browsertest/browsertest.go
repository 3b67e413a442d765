// Package browsertest starts browsers for tests.
package browsertest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/internal/probe"
)

// Start starts Chromium, which ends with the test, and returns its context. If no browser
// is found, Start skips the test, or fails it if CI is true. The environment variable
// HALLEY_CHROMIUM can name a browser.
func Start(t *testing.T) context.Context {
	program := find(t, "HALLEY_CHROMIUM", "chromium", "chromium-browser", "google-chrome")
	temp := folder(t)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program),
		chromedp.Env("TMPDIR="+temp),
		chromedp.NoSandbox,
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
	)...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	require.NoError(t, chromedp.Do(ctx))
	return ctx
}

// StartFirefox starts Firefox with a page, in which scripts may open and close tabs. Firefox ends with the test. If it is
// not found, StartFirefox skips the test, or fails it if CI is true. The environment variable HALLEY_FIREFOX can name a browser.
func StartFirefox(t *testing.T, url string) {
	program := find(t, "HALLEY_FIREFOX", "firefox-esr", "firefox")
	profile := folder(t)
	require.NoError(t, os.WriteFile(filepath.Join(profile, "user.js"), []byte(preferences), 0o600))
	ctx, cancel := context.WithCancel(context.Background())
	firefox := exec.CommandContext(ctx, program, "--headless", "--no-remote", "--profile", profile, url)
	firefox.Env = append(os.Environ(), "HOME="+profile, "TMPDIR="+profile)
	require.NoError(t, firefox.Start())
	t.Cleanup(func() {
		cancel()
		_ = firefox.Wait()
	})
}

// preferences lets pages open tabs, lets WebSockets connect again at once, and keeps Firefox from asking its user and its
// maker anything.
const preferences = `
user_pref("dom.disable_open_during_load", false);
user_pref("browser.aboutwelcome.enabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.safebrowsing.malware.enabled", false);
user_pref("browser.safebrowsing.phishing.enabled", false);
user_pref("browser.search.update", false);
user_pref("app.normandy.enabled", false);
user_pref("app.update.disabledForTesting", true);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("extensions.update.enabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("network.proxy.type", 0);
user_pref("network.websocket.delay-failed-reconnects", false);
user_pref("services.settings.server", "data:,#remote-settings-dummy/v1");
`

// find returns the path of the first program that exists. The environment variable env can name another one.
func find(t *testing.T, env string, names ...string) string {
	if name := os.Getenv(env); name != "" {
		names = []string{name}
	}
	for _, name := range names {
		if program, err := exec.LookPath(name); err == nil {
			return program
		}
	}
	if probe.Long() {
		t.Fatalf("no browser: found none of %s, and CI must not skip this test", strings.Join(names, ", "))
	}
	t.Skipf("no browser: found none of %s; %s can name one", strings.Join(names, ", "), env)
	return ""
}

// folder returns a folder for the files of a browser, which may write them until a moment after its end.
func folder(t *testing.T) string {
	temp, err := os.MkdirTemp("", "halley-browser-")
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.Eventually(t, func() bool { return os.RemoveAll(temp) == nil }, 30*time.Second, 10*time.Millisecond)
	})
	return temp
}
