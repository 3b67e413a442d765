package interop_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/comet/eventsource"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/internal/browsertest"
)

func TestChromium(t *testing.T) {
	needModules(t)
	browser := browsertest.Start(t)
	t.Run("pages", func(t *testing.T) { // ends when all of them have ended
		for name, reader := range map[string]reader{
			"eventsource": {bareID: true, cutAnywhere: true},
			"sse.js":      {bareID: true, cutAnywhere: true},
		} {
			reader.start = page(browser, name, `got`)
			t.Run(name, func(t *testing.T) { exactlyOnce(t, reader) })
		}
		for name, library := range map[string]library{
			"htmx":     {htmx, reader{bareID: true, cutAnywhere: true}},
			"turbo":    {turbo, reader{bareID: true, cutAnywhere: true}},
			"datastar": {datastar, reader{bareID: true}},
		} {
			library.start = page(browser, name, `[...document.querySelectorAll('#list li')].map(li => 'message ' + li.textContent)`)
			t.Run(name, func(t *testing.T) { upToDate(t, library) })
		}
	})
}

// page returns the start of a page. got is an expression of the events that it has got.
func page(browser context.Context, name, got string) starter {
	return func(t *testing.T, url string) func() []string {
		return openPage(t, browser, strings.TrimSuffix(url, "stream")+"pages/"+name+".html", got)
	}
}

// openPage opens a page, and returns a function that returns the value of the expression got in the page.
func openPage(t *testing.T, browser context.Context, url, got string) func() []string {
	tab, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	require.NoError(t, chromedp.Do(tab, chromedp.Navigate(url)))
	return func() []string {
		lines, err := chromedp.Run(tab, chromedp.Evaluate[[]string](got))
		if err != nil {
			return nil // the page is being replaced
		}
		return lines
	}
}

// A library shows the elements of a stream in the page. event is the encoder for it.
type library struct {
	event func(enumerator.Item[int]) (eventsource.Event, error)
	reader
}

// upToDate tests that a page shows each message once and in order, also after a server has started again and the
// stream cannot be resumed.
func upToDate(t *testing.T, library library) {
	t.Parallel()
	s := newStage(t, func(source source) http.Handler {
		return httpadapter.Handler(func(r *http.Request) (enumerator.Enumerator[[]byte], error) {
			items, err := source(r, comet.Cursor(r.Header, r.URL.Query()))
			return enumerator.Through(items, eventsource.Messages(library.event)), err
		}, httpadapter.EventStream(), heartbeat)
	})
	got := library.start(t, s.url)
	s.disturb(library.reader, got)

	s.away(func() {
		s.restart(5)
		s.push(2)
	})
	s.expect(got, messages(0, s.pushed))
	s.push(2)
	s.expect(got, messages(0, s.pushed))
}

var (
	htmx = eventsource.WithNotices(func(n int) (eventsource.Event, error) {
		return eventsource.Event{Data: fmt.Sprintf("<li>%d</li>", n)}, nil
	}, eventsource.HTMX)

	turbo = eventsource.WithNotices(func(n int) (eventsource.Event, error) {
		const html = `<turbo-stream action="append" target="list"><template><li>%d</li></template></turbo-stream>`
		return eventsource.Event{Data: fmt.Sprintf(html, n)}, nil
	}, eventsource.Turbo)

	// npm has only a beta of Datastar 1. It has other names for its events.
	datastar = eventsource.WithNotices(func(n int) (eventsource.Event, error) {
		const data = "selector #list\nmergeMode append\nfragments <li>%d</li>"
		return eventsource.Event{Name: "datastar-merge-fragments", Data: fmt.Sprintf(data, n)}, nil
	}, eventsource.Refresh(eventsource.Event{Name: "datastar-execute-script", Data: "script location.reload()"}))
)
