package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/examples/tokens/model"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/internal/browsertest"
)

func TestBrowser(t *testing.T) {
	browser := browsertest.Start(t)

	for _, path := range []string{"comet/manual", "comet/helper"} {
		t.Run(path, func(t *testing.T) {
			tab := open(t, browser, serve(t), path)
			tab.until(t, "location.pathname === '/"+path+"' && !!document.getElementById('state') && document.getElementById('state').textContent === 'The stream has ended.'")
			shown := func(id string) string {
				text, err := chromedp.Run(tab.ctx, chromedp.Evaluate[string]("[...document.querySelectorAll('#"+id+" li')].map(li => li.textContent).join(' ')"))
				require.NoError(t, err)
				return text
			}
			assert.Equal(t, "kiki foo bar", shown("log"))
			assert.Regexp(t, `<script>console\.log\('kiki'\);?</script> <script>console\.log\('foo'\);?</script> <script>console\.log\('bar'\);?</script>$`, shown("raw"))
			tab.checkConsole(t, "log: kiki", "log: foo", "log: bar")
		})
	}

	t.Run("comet/iframe", func(t *testing.T) {
		tab := open(t, browser, serve(t), "comet/iframe")
		require.NoError(t, chromedp.Do(tab.ctx, chromedp.WaitVisible(chromedp.CSS("#messages li:nth-child(3)"))))
		messages, err := chromedp.Run(tab.ctx, chromedp.Evaluate[[]string](`[...document.querySelectorAll('#messages li')].map(li => li.textContent)`))
		require.NoError(t, err)
		require.Equal(t, []string{"kiki", "foo", "bar"}, messages)
		require.Eventually(t, func() bool {
			return tab.text(t, "state") == "The stream has ended."
		}, waitAtMost, 10*time.Millisecond)
		tab.checkConsole(t)
	})

	t.Run("comet/clock", func(t *testing.T) {
		server := serve(t)
		one, two := open(t, browser, server, "comet/clock"), open(t, browser, server, "comet/clock")
		for _, tab := range []*tab{one, two} {
			require.NoError(t, chromedp.Do(tab.ctx, chromedp.WaitVisible(chromedp.CSS("#clock"))))
			times := map[string]bool{}
			require.Eventually(t, func() bool {
				if now := tab.text(t, "clock"); !strings.Contains(now, "-") {
					times[now] = true
				}
				return len(times) >= 5
			}, waitAtMost, 20*time.Millisecond)
			for now := range times {
				require.Regexp(t, `^\d\d:\d\d:\d\d\.\d$`, now)
			}
			scripts, err := chromedp.Run(tab.ctx, chromedp.Evaluate[int](`frames[0].document.scripts.length`))
			require.NoError(t, err)
			require.Zero(t, scripts, "scripts remove themselves")
			tab.checkConsole(t)
		}
		one.close()
		before := two.text(t, "clock")
		require.Eventually(t, func() bool { return two.text(t, "clock") != before }, waitAtMost, 10*time.Millisecond)

		ctx, cancel := context.WithTimeout(t.Context(), waitAtMost)
		defer cancel()
		_ = httpadapter.Shutdown(ctx, server.Config) // it also waits for connections that the browser has opened in advance
		require.Eventually(t, func() bool {
			return strings.HasPrefix(two.text(t, "state"), "The stream has ended.")
		}, waitAtMost, 10*time.Millisecond)
	})

	t.Run("rx", func(t *testing.T) {
		server := serve(t)
		tab := open(t, browser, server, "upload")
		tab.until(t, "location.pathname === '/upload'")
		_, err := chromedp.Run(tab.ctx, chromedp.Evaluate[chromedp.Void]("location.href = 'rx'"))
		require.NoError(t, err)
		tab.until(t, "location.pathname === '/rx' && !!document.getElementById('chart')")
		require.NoError(t, chromedp.Do(tab.ctx, chromedp.WaitVisible(chromedp.CSS("#chart"))))
		for _, line := range []string{"trade", "settled", "average"} {
			require.Eventually(t, func() bool { return tab.text(t, line) != "–" }, waitAtMost, 20*time.Millisecond)
			require.Regexp(t, `^\d+\.\d\d$`, tab.text(t, line))
		}
		drawn, err := chromedp.Run(tab.ctx, chromedp.Evaluate[bool](`(() => {
			const chart = document.getElementById('chart');
			return chart.getContext('2d').getImageData(0, 0, chart.width, chart.height).data.some(byte => byte);
		})()`))
		require.NoError(t, err)
		require.True(t, drawn)
		tab.checkConsole(t)
		server.checkOpen(t, 1)
		tab.close()
		server.checkOpen(t, 0)
	})
}

func TestUploadInABrowser(t *testing.T) {
	browser := browsertest.Start(t)
	server := serve(t)
	tab := open(t, browser, server, "upload")
	require.NoError(t, chromedp.Do(tab.ctx, chromedp.WaitVisible(chromedp.CSS("#drop"))))
	state := func(want string) {
		t.Helper()
		require.Eventually(t, func() bool { return tab.text(t, "state") == want }, waitAtMost, 20*time.Millisecond, want)
	}
	for _, size := range []int{5_000_000, 1, 0} {
		_, err := chromedp.Run(tab.ctx, chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`{
			document.getElementById('state').textContent = '';
			const files = new DataTransfer();
			files.items.add(new File([new Uint8Array(%d)], 'zeros.bin'));
			const input = document.getElementById('file');
			input.files = files.files;
			input.dispatchEvent(new Event('change'));
		}`, size)))
		require.NoError(t, err)
		state("Received")
		sum := sha256.Sum256(make([]byte, size))
		require.Equal(t, "SHA-256 "+hex.EncodeToString(sum[:]), tab.text(t, "sum"))
		require.Equal(t, "zeros.bin", tab.text(t, "name"))
		full, err := chromedp.Run(tab.ctx, chromedp.Evaluate[float64](`document.getElementById('bar').value`))
		require.NoError(t, err)
		require.EqualValues(t, 1, full)
	}
	server.checkOpen(t, 0)

	// Cancelled while the server waits for the rest.
	_, err := chromedp.Run(tab.ctx, chromedp.Evaluate[chromedp.Void](`upload(new File([new Uint8Array(300e6)], 'large.bin'))`))
	require.NoError(t, err)
	state("Uploading")
	require.NoError(t, chromedp.Do(tab.ctx, chromedp.Click(chromedp.CSS("#cancel"))))
	state("Cancelled")
	server.checkOpen(t, 0)
	tab.checkConsole(t)

	// Refused, because this client has as many streams as the limit allows.
	for range 20 {
		get(t, server.addr, "/upload/stream?id=another")
	}
	_, err = chromedp.Run(tab.ctx, chromedp.Evaluate[chromedp.Void](`upload(new File(['foo'], 'foo.txt'))`))
	require.NoError(t, err)
	state("The upload has failed.")
}

// The chart draws over each transport, and resumes when the transport changes.
func TestChart(t *testing.T) {
	browser := browsertest.Start(t)
	server := serve(t)
	tab := open(t, browser, server, "chart")
	require.NoError(t, chromedp.Do(tab.ctx, chromedp.WaitVisible(chromedp.CSS("#chart"))))
	drawn := `(() => {
		const canvas = document.getElementById('chart'), link = getComputedStyle(document.querySelector('nav a')).color;
		const copy = document.createElement('canvas'), [r, g, b] = link.match(/\d+/g).map(Number);
		[copy.width, copy.height] = [canvas.width, canvas.height];
		const c = copy.getContext('2d', {willReadFrequently: true});
		c.drawImage(canvas, 0, 0);
		const data = c.getImageData(0, 0, copy.width, copy.height).data;
		for (let i = 0; i < data.length; i += 4) if (data[i+3] === 255 && data[i] === r && data[i+1] === g && data[i+2] === b) return true;
		return false;
	})()`
	points := 0
	for _, transport := range []string{"events", "iframe", "ndjson"} {
		require.NoError(t, chromedp.Do(tab.ctx, chromedp.Click(chromedp.CSS("[value="+transport+"]"))))
		tab.until(t, "stream.transport === '"+transport+"' && stream.state === 'open'")
		tab.until(t, fmt.Sprintf("points.length >= %d", points+2))
		tab.until(t, drawn)
		assert.Regexp(t, `^\d+%$`, tab.text(t, "now"))
		tab.until(t, "points.every((p, i) => !i || points[i-1].at < p.at)")
		if transport == "iframe" || runtime.GOOS != "linux" {
			server.checkOpen(t, 1)
		} else {
			server.checkOpen(t, 0) // Fanout has taken over the stream
		}
		points += 2
	}
	tab.checkConsole(t)
	tab.close()
	server.checkOpen(t, 0)
}

// A button brings a thousand clients, and another one removes them.
func TestCrowd(t *testing.T) {
	browser := browsertest.Start(t)
	server := serve(t)
	tab := open(t, browser, server, "crowd")
	click := func(id string) {
		require.NoError(t, chromedp.Do(tab.ctx, chromedp.WaitEnabled(chromedp.CSS(id)), chromedp.Click(chromedp.CSS(id))))
	}
	click("#add")
	tab.until(t, "figures.clients === 1000 && figures.wanted === 1000 && figures.received > 1000")
	assert.Equal(t, "1,000", tab.text(t, "clients"))
	if runtime.GOOS == "linux" {
		tab.until(t, "figures.memory > 0 && figures.memory < 8000 && figures.time > 0") // net/http takes 28 KiB
		tab.until(t, "document.getElementById('memory').textContent.endsWith('bytes') && document.getElementById('time').textContent.endsWith('µs')")
	}
	assert.Equal(t, "0", tab.text(t, "lost"))
	click("#remove")
	tab.until(t, "figures.clients === 0 && figures.wanted === 0")
	tab.checkConsole(t)
	click("#add") // they leave with the page
	tab.close()
	server.checkOpen(t, 0)
}

// Tabs of both chats talk in one room. Two tabs join late, and one loses its connection. Then two go to another room.
func TestChat(t *testing.T) {
	browser := browsertest.Start(t)
	server := serve(t)
	join := func(path string) *tab {
		tab := open(t, browser, server, path)
		require.NoError(t, chromedp.Do(tab.ctx, chromedp.WaitVisible(chromedp.CSS("form"))))
		tab.until(t, "document.getElementById('state').textContent === 'open'")
		return tab
	}
	say := func(tab *tab, name, text string) {
		require.NoError(t, chromedp.Do(tab.ctx,
			chromedp.SetValue(chromedp.CSS("[name=name]"), name),
			chromedp.SetValue(chromedp.CSS("[name=text]"), text),
			chromedp.Click(chromedp.CSS("#post button")),
		))
		tab.until(t, "document.querySelector('[name=text]').value === ''")
	}
	var want []string
	run := rand.Text() // marks the messages of this run: the room may hold messages of another run
	checkHeard := func(tabs ...*tab) {
		t.Helper()
		for _, tab := range tabs {
			messages := `[...document.querySelectorAll('#messages li')].map(li => li.textContent.replace(/^[^ ]*(.[AP]M)? /, '')).filter(text => text.includes('` + run + `'))`
			tab.until(t, fmt.Sprintf("%s.length >= %d", messages, len(want)))
			heard, err := chromedp.Run(tab.ctx, chromedp.Evaluate[[]string](messages))
			require.NoError(t, err)
			assert.Equal(t, want, heard)
		}
	}
	hostile := `</script><img src=x onerror="document.title = 'broken'">` + run

	overComet, overSocket := join("chat"), join("wschat")
	say(overComet, "kiki", "foo & bar "+run)
	say(overSocket, "<b>two</b>", hostile)
	want = []string{"kiki foo & bar " + run, "<b>two</b> " + hostile}
	checkHeard(overComet, overSocket)

	lateComet, lateSocket := join("chat"), join("wschat")
	checkHeard(lateComet, lateSocket)
	_, err := chromedp.Run(overSocket.ctx, chromedp.Evaluate[chromedp.Void]("failures = 0; socket.close()"))
	require.NoError(t, err)
	say(lateComet, "<i>three</i>", run+" late")
	say(lateSocket, "four", run+" later")
	want = append(want, "<i>three</i> "+run+" late", "four "+run+" later")
	checkHeard(overComet, overSocket, lateComet, lateSocket)

	overSocket.until(t, "socket.readyState === WebSocket.OPEN")
	_, err = chromedp.Run(overSocket.ctx, chromedp.Evaluate[chromedp.Void](`socket.send('{"name":"","text":"foo"}')`))
	require.NoError(t, err)
	overSocket.until(t, "document.getElementById('problem').textContent.includes('1 to 30 characters')")

	// Two of the tabs go to another room.
	room := "<b>den</b> & " + run[:10]
	for _, tab := range []*tab{lateComet, lateSocket} {
		require.NoError(t, chromedp.Do(tab.ctx,
			chromedp.SetValue(chromedp.CSS("[name=room]"), " "+room),
			chromedp.Click(chromedp.CSS(".rooms button")),
			chromedp.WaitVisible(chromedp.CSS("#messages")),
		))
		tab.until(t, "window.room === '"+room+"' && !!document.getElementById('state') && document.getElementById('state').textContent === 'open'")
	}
	say(lateSocket, "five", run+" elsewhere")
	tabs := []*tab{overComet, overSocket, lateComet, lateSocket}
	for _, tab := range tabs {
		tab.until(t, "[...document.querySelectorAll('#rooms a')].map(a => a.textContent).sort().join() === '"+room+" 2,lobby 2'")
	}
	checkHeard(overComet, overSocket)
	want = []string{"five " + run + " elsewhere"}
	checkHeard(lateComet, lateSocket)

	for _, tab := range tabs {
		tab.checkConsole(t)
		tab.until(t, "document.title.includes(' · A chat')")
	}
	open := 2 // Fanout has taken over the streams of the others
	if runtime.GOOS != "linux" {
		open = len(tabs) + 1 // two tabs share the list of the rooms
	}
	server.checkOpen(t, int64(open))
	for _, tab := range tabs {
		tab.close()
	}
	server.checkOpen(t, 0)
}

// Tabs edit one list. One is reloaded, one writes a row that the other has changed, and one is another visitor.
func TestTable(t *testing.T) {
	browser := browsertest.Start(t)
	server := serve(t)
	run := func(tab *tab, script string) {
		t.Helper()
		_, err := chromedp.Run(tab.ctx, chromedp.Evaluate[chromedp.Void]("{"+script+"}"))
		require.NoError(t, err)
	}
	const ready = "!!window.visitors && document.getElementById('rows').dataset.ready === '' && visitors.ready"
	one, two := open(t, browser, server, "table"), open(t, browser, server, "table")
	one.until(t, ready)
	two.until(t, ready)
	others := []*tab{open(t, browser, server, "table"), open(t, browser, server, "table")}
	for _, tab := range others { // the tabs share their connections, of which a browser opens six
		tab.until(t, ready)
	}
	list := `[...document.getElementById('rows').rows].map(row => [...row.querySelectorAll('input')].map(field => field.value).join(' ')).join(', ')`
	shows := func(want string, tabs ...*tab) {
		t.Helper()
		for _, tab := range tabs {
			tab.until(t, fmt.Sprintf("%s === %q", list, want))
		}
	}
	for i, item := range []string{"<b>bread</b>", "wine"} {
		require.NoError(t, chromedp.Do([]*tab{one, two}[i].ctx,
			chromedp.SetValue(chromedp.CSS("#add [name=text]"), item),
			chromedp.Click(chromedp.CSS("#add button")),
		))
		one.until(t, fmt.Sprintf("document.getElementById('rows').rows.length === %d", i+1))
	}
	shows("<b>bread</b> 1, wine 1", one, two)
	edit := func(tab *tab, row int, field, value string) {
		t.Helper()
		run(tab, fmt.Sprintf(`const field = document.getElementById('rows').rows[%d].querySelector('[name=%s]'); field.value = %q;
			field.dispatchEvent(new Event('change', {bubbles: true}))`, row, field, value))
	}
	edit(two, 0, "amount", "2")
	shows("<b>bread</b> 2, wine 1", one, two)
	edit(one, 0, "item", "rolls")
	shows("rolls 2, wine 1", one, two)
	shows("rolls 2, wine 1", others...)
	for _, tab := range others {
		tab.close()
	}

	run(one, "table.close()") // it does not hear of the next change
	edit(two, 1, "item", "water")
	shows("rolls 2, water 1", two)
	edit(one, 1, "item", "juice")
	one.until(t, "document.getElementById('problem').textContent === 'Somebody else has just changed this row.'")
	require.NoError(t, chromedp.Do(one.ctx, chromedp.Reload()))
	one.until(t, ready)
	shows("rolls 2, water 1", one, two)
	run(two, "document.querySelector('#rows button').click()")
	shows("water 1", one, two)

	here := "[...document.querySelectorAll('#here a')].map(a => a.textContent).join()"
	is := func(tab *tab, names string) {
		t.Helper()
		tab.until(t, fmt.Sprintf("%s === %q", here, names))
	}
	name := func(tab *tab, name string) {
		run(tab, fmt.Sprintf("me.value = %q; me.dispatchEvent(new Event('change'))", name))
	}
	name(one, "kiki")
	is(one, "kiki")
	run(two, "id = 'zz'") // as in another browser
	name(two, "<i>foo</i>")
	is(one, "kiki,<i>foo</i>")
	is(two, "kiki,<i>foo</i>")
	two.checkConsole(t)
	two.close()
	is(one, "kiki")
	one.close()
	server.checkOpen(t, 0)
}

// An answer arrives complete although the page is reloaded and loses its connections. A tab that comes late gets the same.
// An answer arrives complete although the page is reloaded and loses its connections. A tab that comes late gets the same,
// also when the answer has ended before. Each tab can stop an answer.
func TestTokens(t *testing.T) {
	t.Parallel()
	browser := browsertest.Start(t)
	server := serve(t)
	page := open(t, browser, server, "tokens")
	require.NoError(t, chromedp.Do(page.ctx, chromedp.WaitVisible(chromedp.CSS("form"))))
	page.until(t, "getComputedStyle(document.getElementById('answer'), '::before').content.includes('Ask a question')")
	ask := func(question string) (address string) {
		t.Helper()
		require.NoError(t, chromedp.Do(page.ctx,
			chromedp.SetValue(chromedp.CSS("[name=question]"), question),
			chromedp.Click(chromedp.CSS("form button")),
		))
		page.until(t, "document.querySelector('[name=question]').value === ''")
		address, err := chromedp.Run(page.ctx, chromedp.Evaluate[string]("location.href"))
		require.NoError(t, err)
		return address
	}
	length := "document.getElementById('answer').textContent.length"
	reload := func() {
		t.Helper()
		_, err := chromedp.Run(page.ctx, chromedp.Evaluate[chromedp.Void]("window.old = true; location.reload()"))
		require.NoError(t, err)
		page.until(t, "!window.old && document.readyState === 'complete'")
	}
	another := func(address string) *tab {
		t.Helper()
		tab := open(t, browser, server, "tokens")
		tab.until(t, "location.pathname === '/tokens' && document.readyState === 'complete'") // otherwise Navigate would abort this
		require.NoError(t, chromedp.Do(tab.ctx, chromedp.Navigate(address)))
		return tab
	}
	ended := "document.getElementById('state').textContent === 'The answer has ended.'"

	question := "</div><img src=x onerror=\"document.title = 'broken'\"> why?"
	address := ask(question)
	answer := strings.Join(model.Answer(question), "")
	for n := range 4 {
		page.until(t, fmt.Sprintf("%s > %d", length, 100*(n+1)))
		before := len([]rune(page.text(t, "answer")))
		if n%2 == 0 {
			server.CloseClientConnections()
		} else {
			reload()
			page.until(t, fmt.Sprintf("%s >= %d", length, before))
		}
	}
	late := another(address)
	for _, tab := range []*tab{page, late} {
		tab.until(t, ended)
		assert.Equal(t, answer, tab.text(t, "answer"))
		tab.until(t, "document.title.startsWith('Tokens')")
	}
	server.checkOpen(t, 0)

	reload()
	afterwards := another(address)
	for _, tab := range []*tab{page, afterwards} {
		tab.until(t, ended)
		assert.Equal(t, answer, tab.text(t, "answer"))
		tab.until(t, "document.getElementById('stop').disabled")
	}
	server.checkOpen(t, 0)

	address = ask("how?")
	other := another(address)
	for _, tab := range []*tab{page, other} {
		tab.until(t, length+" > 20 && !document.getElementById('stop').disabled")
	}
	require.NoError(t, chromedp.Do(other.ctx, chromedp.Click(chromedp.CSS("#stop"))))
	reload()
	for _, tab := range []*tab{page, other} {
		tab.until(t, ended)
		tab.until(t, "document.getElementById('problem').textContent === 'The answer was stopped.'")
	}
	stopped := page.text(t, "answer")
	assert.Equal(t, stopped, other.text(t, "answer"))
	whole := strings.Join(model.Answer("how?"), "")
	assert.Less(t, len(stopped), len(whole))
	assert.True(t, strings.HasPrefix(whole, stopped), stopped)

	_, err := chromedp.Run(late.ctx, chromedp.Evaluate[chromedp.Void]("location.hash = 'unknown'"))
	require.NoError(t, err)
	late.until(t, "document.getElementById('problem').textContent.includes('Ask again')")
	assert.Empty(t, late.text(t, "answer"))
	server.checkOpen(t, 0)
}

// Two tabs show the same job, also after a reload and after a cut. When the job is over they do not connect again.
func TestJob(t *testing.T) {
	t.Parallel()
	browser := browsertest.Start(t)
	server := serve(t)
	one := open(t, browser, server, "job")
	require.NoError(t, chromedp.Do(one.ctx, chromedp.WaitVisible(chromedp.CSS("form"))))
	assert.Contains(t, one.text(t, "job"), "No job yet")
	start := func(pictures string) {
		require.NoError(t, chromedp.Do(one.ctx,
			chromedp.SetValue(chromedp.CSS("[name=pictures]"), pictures),
			chromedp.Click(chromedp.CSS("form button")),
		))
		one.until(t, "!!stream && document.getElementById('job').textContent.includes(' of "+pictures+" ')")
	}
	start("30")
	two := open(t, browser, server, "job")
	two.until(t, "location.pathname === '/job' && document.readyState === 'complete'")
	follow := func() {
		address, err := chromedp.Run(one.ctx, chromedp.Evaluate[string]("location.href"))
		require.NoError(t, err)
		require.NoError(t, chromedp.Do(two.ctx, chromedp.Navigate(address)))
	}
	follow()
	bar := "document.getElementById('bar').value"
	two.until(t, bar+" > 0.1")
	_, err := chromedp.Run(one.ctx, chromedp.Evaluate[chromedp.Void]("window.old = true; location.reload()"))
	require.NoError(t, err)
	one.until(t, "!window.old && document.readyState === 'complete' && "+bar+" > 0.1")
	server.CloseClientConnections()
	for _, tab := range []*tab{one, two} {
		tab.until(t, "stream.state === 'ended'")
		assert.Equal(t, "Done: 30 of 30 pictures.", tab.text(t, "job"))
		tab.until(t, bar+" === 1 && document.getElementById('cancel').disabled")
	}
	server.checkOpen(t, 0)

	start("500")
	follow()
	two.until(t, "!!stream && stream.state === 'open' && !document.getElementById('cancel').disabled")
	require.NoError(t, chromedp.Do(two.ctx, chromedp.Click(chromedp.CSS("#cancel"))))
	for _, tab := range []*tab{one, two} {
		tab.until(t, "stream.state === 'ended'")
		assert.Regexp(t, `^Cancelled after \d+ of 500 pictures\.$`, tab.text(t, "job"))
		tab.until(t, "document.getElementById('cancel').disabled")
	}
	assert.Equal(t, one.text(t, "job"), two.text(t, "job"))
	server.checkOpen(t, 0)

	_, err = chromedp.Run(two.ctx, chromedp.Evaluate[chromedp.Void]("location.hash = 'unknown'"))
	require.NoError(t, err)
	two.until(t, "document.getElementById('job').textContent.includes('Start another') && document.getElementById('cancel').disabled")
}

// Tabs share one connection. When the tab that has it is closed, another takes over, and loses and repeats nothing.
func TestDashboard(t *testing.T) {
	t.Parallel()
	browser := browsertest.Start(t)
	server := serve(t)
	join := func() *tab {
		tab := open(t, browser, server, "dashboard")
		require.NoError(t, chromedp.Do(tab.ctx, chromedp.WaitVisible(chromedp.CSS("#log"))))
		tab.until(t, "points.load.length > 4 && points.temperature.length > 4")
		return tab
	}
	tells := func(tab *tab, text string) {
		t.Helper()
		tab.until(t, "stream.state === 'open' && document.getElementById('tab').textContent === '"+text+"'")
	}
	const has, other = "This tab has the connection.", "Another tab has the connection."
	one := join()
	tells(one, has)
	two, three := join(), join()
	tells(two, other)
	tells(three, other)
	server.checkOpen(t, 1)

	one.close()
	tells(two, has)
	tells(three, other)
	server.checkOpen(t, 1)
	two.checkConsole(t)
	three.checkConsole(t)
	server.CloseClientConnections()
	tells(two, has)
	late := join()
	tells(late, other)
	server.checkOpen(t, 1)

	// A tab that has joined late got the same from the server. The others may have older lines too.
	times := func(tab *tab) string {
		shown, err := chromedp.Run(tab.ctx, chromedp.Evaluate[string](`JSON.stringify([points.load.slice(-200).map(p => p.at), [...log.children].slice(-10).map(li => li.textContent)])`))
		require.NoError(t, err)
		return shown
	}
	for _, tab := range []*tab{two, three} {
		require.Eventually(t, func() bool { return times(tab) == times(late) }, waitAtMost, time.Millisecond)
		tab.until(t, "points.load.every((p, i) => !i || points.load[i-1].at < p.at)")
		tab.until(t, "document.querySelector('polyline').points.length === points.load.length")
	}
	for _, tab := range []*tab{two, three, late} {
		tab.close()
	}
	server.checkOpen(t, 0)
}

// The streams of a killed browser end.
func TestKilledBrowser(t *testing.T) {
	browser := browsertest.Start(t)
	server := serve(t)
	open(t, browser, server, "dashboard")
	server.checkOpen(t, 1)
	require.NoError(t, chromedp.FromContext(browser).Browser.Process().Kill())
	server.checkOpen(t, 0)
}

// A tab is an open page with the messages of its console.
type tab struct {
	ctx   context.Context
	close func()

	mu      sync.Mutex
	console []string
}

// open opens the example by its link in the index.
func open(t *testing.T, browser context.Context, server *testServer, path string) *tab {
	ctx, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	tab := &tab{ctx: ctx, close: cancel}
	messages := chromedp.Console(ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			tab.mu.Lock()
			tab.console = append(tab.console, m.String())
			tab.mu.Unlock()
		}
	}()
	// Do not wait until the example has loaded: the clock never finishes loading.
	require.NoError(t, chromedp.Do(ctx,
		chromedp.Navigate(server.URL+"/"),
		chromedp.Click(chromedp.CSS(`a[href="`+path+`"]`)),
	))
	return tab
}

// checkConsole waits until the console has shown as many messages as want has, and checks that
// it has shown exactly these.
func (tab *tab) checkConsole(t *testing.T, want ...string) {
	shown := func() []string {
		tab.mu.Lock()
		defer tab.mu.Unlock()
		return slices.Clone(tab.console)
	}
	assert.Eventually(t, func() bool { return len(shown()) >= len(want) }, waitAtMost, 10*time.Millisecond)
	// Log a last message: it arrives after all messages of the page.
	_, err := chromedp.Run(tab.ctx, chromedp.Evaluate[chromedp.Void](`console.log('end of test')`))
	require.NoError(t, err)
	want = append(want, "log: end of test")
	assert.Eventually(t, func() bool { return slices.Contains(shown(), want[len(want)-1]) }, waitAtMost, 10*time.Millisecond)
	require.Equal(t, want, shown())
}

// until waits for a condition in the page, which may still be on its way.
func (tab *tab) until(t *testing.T, condition string) {
	t.Helper()
	require.Eventually(t, func() bool {
		holds, err := chromedp.Run(tab.ctx, chromedp.Evaluate[bool](condition)) // an error if the page before goes just then
		return err == nil && holds
	}, waitAtMost, 5*time.Millisecond, condition)
}

func (tab *tab) text(t *testing.T, id string) string {
	text, err := chromedp.Run(tab.ctx, chromedp.Evaluate[string](`document.getElementById('`+id+`').textContent`))
	require.NoError(t, err)
	return text
}
