package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/internal/browsertest"
	"github.com/halley-go/halley/internal/probe"
)

// axe is a program that finds faults in pages for people with a screen reader, a keyboard or little sight. The tests of
// package interop install it.
const axe = "../interop/node_modules/axe-core/axe.min.js"

// find runs axe, and returns a line for each element with a fault.
const find = `axe.run(document, {iframes: false, resultTypes: ['violations']}).then(r => r.violations.flatMap(v =>
	v.nodes.map(n => v.id + ': ' + n.target + ': ' + n.html.slice(0, 200) + ': ' + n.failureSummary)))`

// small is a list of the controls that are too low for a finger. The file input is in a label, which is the control.
const small = `[...document.querySelectorAll('nav a, button, select, summary, label.choose, fieldset label, input:not([type=radio], .unseen)')].
	filter(e => e.checkVisibility() && e.getBoundingClientRect().height < 44).map(e => e.outerHTML.slice(0, 200))`

// Axe finds no fault on any page, no page is wider than the screen, and a finger can press each control.
func TestAccessibility(t *testing.T) {
	script, err := os.ReadFile(axe)
	if err != nil && !probe.Long() {
		t.Skipf("%v; install it with npm ci in the folder interop", err)
	}
	require.NoError(t, err)
	targets := []string{"/", "/docs/", "/nothing", "/rx"}
	for _, e := range examples(ended) {
		targets = append(targets, "/"+e.Path, "/source/"+e.Path)
	}
	var guides []string
	for _, name := range guideNames() {
		guides = append(guides, "/docs/"+name)
	}
	targets = append(targets, guides...)
	if !probe.Long() {
		targets = []string{"/", "/nothing", "/chat", "/source/chat", "/docs/"}
	}
	for _, c := range []struct {
		scheme        string
		width, height int64
	}{
		{"light", 1280, 800},
		{"dark", 390, 844},
	} {
		t.Run(c.scheme, func(t *testing.T) {
			server := serve(t)
			for part := range slices.Chunk(targets, 10) { // a browser may run for two minutes
				ctx, cancel := chromedp.NewContext(browsertest.Start(t))
				defer cancel()
				tab := &tab{ctx: ctx}
				require.NoError(t, chromedp.Do(ctx,
					chromedp.EmulateViewport(c.width, c.height),
					chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
						_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
							Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: c.scheme}},
						})
						if err != nil || c.width >= 800 {
							return err
						}
						_, err = cdp.Call(ctx, target, emulation.SetTouchEmulationEnabled, emulation.SetTouchEmulationEnabledParams{Enabled: true})
						return err
					}),
					chromedp.Navigate(server.URL+"/icon.svg"),
				))
				for _, target := range part {
					// Do not wait until the page has loaded: the clock never finishes loading.
					_, err := chromedp.Run(ctx, chromedp.Evaluate[chromedp.Void]("location.href = '"+target+"'"))
					require.NoError(t, err)
					tab.until(t, fmt.Sprintf("location.pathname === decodeURI('%s') && document.readyState !== 'loading' && !!document.querySelector('h1')"+
						" && [...document.querySelectorAll('link[rel=stylesheet]')].every(link => link.sheet)", target))
					// All guides have the same elements in the same colors, and axe takes long to read one.
					if c.scheme == "light" || target == "/docs/http" || !slices.Contains(guides, target) {
						_, err = chromedp.Run(ctx, chromedp.Evaluate[chromedp.Void](string(script)))
						require.NoError(t, err)
						faults, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](find, chromedp.EvalAwaitPromise))
						require.NoError(t, err, target)
						assert.Empty(t, faults, target)
					}
					holds, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("matchMedia('(prefers-color-scheme: "+c.scheme+")').matches"))
					require.NoError(t, err)
					require.True(t, holds, c.scheme)
					width, err := chromedp.Run(ctx, chromedp.Evaluate[int64]("document.documentElement.scrollWidth"))
					require.NoError(t, err)
					assert.LessOrEqual(t, width, c.width, target)
					if c.width < 800 {
						low, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](small))
						require.NoError(t, err)
						assert.Empty(t, low, target)
					}
				}
				cancel()
			}
		})
	}
}
