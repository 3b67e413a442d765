package client_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/internal/browsertest"
)

func TestTabsInChromium(t *testing.T) {
	browser := browsertest.Start(t)
	for name, test := range map[string]func(*testing.T, context.Context){
		"six tabs with one connection": testTabs,
		"a tab that crashes":           testCrash,
		"a tab that is frozen":         testFrozen,
		"a page that is loaded again":  testReload,
		"a worker and a module":        testWorker,
	} {
		t.Run(name, func(t *testing.T) { test(t, browser) })
	}
}

// tabs opens pages that share a stream. The first one holds the connection. Each of the others has one of its own only
// until it has the messages before those of the first.
func tabs(t *testing.T, browser context.Context, s *stage, hub *enumerator.Hub[any], n int, options string) (pages []*page) {
	for range n {
		p := visit(t, browser, s.url)
		p.connect([]string{"auto"}, options)
		p.until("streams.auto.stream.state === 'open'")
		pages = append(pages, p)
		eventually(t, func() bool { return hub.Runs() == 1 })
	}
	return pages
}

// requireAll waits until each page has the numbers from 0 to n-1, once and in order.
func requireAll(t *testing.T, pages []*page, n int) {
	t.Helper()
	for _, p := range pages {
		p.until(fmt.Sprint("streams.auto.got.length >= ", n))
		require.Equal(t, numbers(n), p.got("auto"))
	}
}

// The tabs close one after the other, while messages are on their way.
func testTabs(t *testing.T, browser context.Context) {
	s, hub := hubStage(t)
	pages := tabs(t, browser, s, hub, 6, "{share: 'news'}")
	n := 0
	for len(pages) > 0 {
		push(t, hub, n, n+50)
		pages[0].close()
		push(t, hub, n+50, n+100)
		n += 100
		pages = pages[1:]
		requireAll(t, pages, n)
	}
	eventually(t, func() bool { return hub.Runs() == 0 })
}

func testCrash(t *testing.T, browser context.Context) {
	s, hub := hubStage(t)
	pages := tabs(t, browser, s, hub, 3, "{share: 'news'}")
	push(t, hub, 0, 100)
	requireAll(t, pages, 100)
	go func() { _ = chromedp.FromContext(pages[0].ctx).Target.Call(pages[0].ctx, "Page.crash", nil, nil) }() // gets no answer
	push(t, hub, 100, 200)
	requireAll(t, pages[1:], 200)
	eventually(t, func() bool { return hub.Runs() == 1 })
	pages[0].close()
}

// A tab that is frozen keeps its lock and its connection, but does not answer. Another tab takes
// the lock.
func testFrozen(t *testing.T, browser context.Context) {
	s, hub := hubStage(t)
	pages := tabs(t, browser, s, hub, 3, "{share: 'news', heartbeat: 500}")
	freeze := func(state string) {
		require.NoError(t, chromedp.FromContext(pages[0].ctx).Target.Call(pages[0].ctx, "Page.setWebLifecycleState", map[string]string{"state": state}, nil))
	}
	push(t, hub, 0, 100)
	requireAll(t, pages, 100)
	freeze("frozen")
	push(t, hub, 100, 200)
	requireAll(t, pages[1:], 200)
	freeze("active")
	push(t, hub, 200, 300)
	requireAll(t, pages, 300)
	for _, p := range pages {
		p.close()
	}
}

// A page that stores its position resumes after it.
func testReload(t *testing.T, browser context.Context) {
	s, hub := hubStage(t)
	p := visit(t, browser, s.url)
	p.connect([]string{"auto"}, "{store: 'news'}")
	eventually(t, func() bool { return hub.Runs() == 1 })
	push(t, hub, 0, 10)
	p.until("streams.auto.got.length === 10")
	require.NoError(t, chromedp.Do(p.ctx, chromedp.Navigate("about:blank")))
	push(t, hub, 10, 20)
	require.NoError(t, chromedp.Do(p.ctx, chromedp.Navigate(s.url)))
	p.connect([]string{"auto"}, "{store: 'news'}")
	p.until("streams.auto.got.length === 10")
	assert.Equal(t, numbers(20)[10:], p.got("auto"))
}

// A worker and the module of a page receive the messages of a stream, without global variables of
// the module.
func testWorker(t *testing.T, browser context.Context) {
	s, hub := hubStage(t)
	s.mux.Handle("GET /halley.mjs", client.Module())
	serve := func(path, contentType, text string) {
		s.mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			fmt.Fprint(w, text)
		})
	}
	serve("/worker.js", "text/javascript", `
		importScripts('halley.js');
		['events', 'ndjson', 'poll'].forEach(name => halley.connect('/stream?transport=' + name, n => postMessage([name, n]), {transport: name}));`)
	serve("/worker.mjs", "text/javascript", `
		import {connect} from './halley.mjs';
		connect('stream', n => postMessage(['module', n]), {share: 'workers'});`)
	serve("/workers", "text/html", `<!DOCTYPE html><link rel="icon" href="data:,"><script type="module">
		import {connect} from './halley.mjs';
		window.got = {events: [], ndjson: [], poll: [], module: [], page: []};
		connect('stream', n => got.page.push(n), {share: 'workers'});
		for (const worker of [new Worker('worker.js'), new Worker('worker.mjs', {type: 'module'})])
			worker.onmessage = e => got[e.data[0]].push(e.data[1]);
	</script>`)
	p := visit(t, browser, s.url+"/workers")
	eventually(t, func() bool {
		asked := strings.Join(s.asked(), " ")
		return hub.Runs() == 4 && strings.Contains(asked, "ndjson") && strings.Contains(asked, "events")
	})
	for start, end := time.Now(), 0; !eval[bool](p, "Object.values(got).every(list => list.length)"); end++ {
		require.Less(t, time.Since(start), 30*time.Second)
		push(t, hub, end, end+1)
	}
	p.until("Object.values(got).every(list => list[list.length - 1] === got.events[got.events.length - 1])")
	assert.Equal(t, "undefined", eval[string](p, "typeof halley"))
	assert.True(t, eval[bool](p, "Object.values(got).every(list => list.every((n, i) => n === list[0] + i))"), "in order")
}
