// Package browsertest starts a browser for tests.
package browsertest

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/internal/probe"
)

// Start starts a browser that ends with the test, and returns its context. If no browser
// is found, Start skips the test, or fails it if CI is true. The environment variable
// HALLEY_CHROMIUM can name a browser.
func Start(t *testing.T) context.Context {
	names := []string{"chromium", "chromium-browser", "google-chrome"}
	if name := os.Getenv("HALLEY_CHROMIUM"); name != "" {
		names = []string{name}
	}
	var program string
	for _, name := range names {
		if found, err := exec.LookPath(name); err == nil {
			program = found
			break
		}
	}
	if program == "" {
		if probe.Long() {
			t.Fatalf("no browser: found none of %s, and CI must not skip this test", strings.Join(names, ", "))
		}
		t.Skipf("no browser: found none of %s; HALLEY_CHROMIUM can name one", strings.Join(names, ", "))
	}
	// A browser leaves files behind, and may write them until a moment after its end.
	temp, err := os.MkdirTemp("", "halley-browser-")
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.Eventually(t, func() bool { return os.RemoveAll(temp) == nil }, 30*time.Second, 10*time.Millisecond)
	})
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
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
