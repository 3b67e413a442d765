//go:build !fuzz

package client_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/internal/browsertest"
)

// A worker and the module of a page receive the messages of a stream. The module sets no global variables.
func TestWorkerInChromium(t *testing.T) {
	browser := browsertest.Start(t)
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
