//go:build !fuzz

package topic_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/comet/client/wsclient"
	"github.com/halley-go/halley/comet/topic"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/enumerator/topics/tables"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/httpadaptertest"
	"github.com/halley-go/halley/internal/browsertest"
	"github.com/halley-go/halley/internal/probe"
)

// request sends a request to h.
func request(h http.Handler, method, url, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, url, strings.NewReader(body))
	if method == http.MethodPut {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestChangesOfATable(t *testing.T) {
	probe.Logs(t)
	store := topics.Memory(100)
	all := tables.New[message](store)
	first, err := all.Table("t").Put(t.Context(), "there", message{N: 1})
	require.NoError(t, err)
	_, err = store.Append(t.Context(), "ended", topics.Record{Kind: topics.Ended})
	require.NoError(t, err)
	allow := func(_ *http.Request, a topic.Access) error {
		if a.Write && a.Topic == "locked" {
			return errors.New("no")
		}
		return nil
	}
	h := topic.Table(all, allow, topic.MaxBytes(100))
	mux := http.NewServeMux()
	mux.Handle("/{topic}/{key}", h)
	mux.Handle("/", h)
	tag, other := `"`+first.String()+`"`, `"`+enumerator.Position{Epoch: first.Epoch, Seq: 99}.String()+`"`
	for _, c := range []struct {
		method, url, body string
		header            []string
		status            int
		text              string
	}{
		{"PUT", "/?topic=t&key=a", `{"name":"kiki"}`, nil, 204, ""},
		{"PUT", "/t/path", `{"name":"kiki"}`, nil, 204, ""},
		{"DELETE", "/t/path", "", nil, 204, ""},
		{"DELETE", "/t/never", "", nil, 204, ""},
		{"PUT", "/t/there", `{}`, []string{"If-None-Match", "*"}, 412, "the row has another position"},
		{"PUT", "/t/there", `{}`, []string{"If-Match", other}, 412, "the row has another position"},
		{"DELETE", "/t/there", "", []string{"If-Match", other}, 412, "the row has another position"},
		{"PUT", "/t/new", `{}`, []string{"If-None-Match", "*"}, 204, ""},
		{"PUT", "/t/there", `{"n":2}`, []string{"If-Match", tag}, 204, ""},
		{"PUT", "/t/there", `{"n":3}`, []string{"If-Match", tag}, 412, "the row has another position"},
		{"PUT", "/t/a", `{}`, []string{"If-Match", "x"}, 400, "If-Match must be"},
		{"PUT", "/?topic=t", `{}`, nil, 400, "the key of a row must have 1 to 512 bytes of UTF-8"},
		{"PUT", "/?topic=t&key=" + strings.Repeat("x", 513), `{}`, nil, 400, "the key of a row must have"},
		{"PUT", "/?topic=t&key=%ff", `{}`, nil, 400, "the key of a row must have"},
		{"PUT", "/?key=a", `{}`, nil, 400, "the query must have a topic"},
		{"PUT", "/?topic=a&topic=b&key=a", `{}`, nil, 400, "the query must have one topic"},
		{"GET", "/?topic=a&topic=b", "", nil, 400, "the query must have one topic"},
		{"PUT", "/t/a", `{"n":"x"}`, nil, 400, "the body does not fit"},
		{"PUT", "/t/a", `{`, nil, 400, "the body is not JSON"},
		{"PUT", "/t/a", `{"name":"` + strings.Repeat("x", 100) + `"}`, nil, 413, "the limit is 100 bytes"},
		{"PUT", "/t/a", `{}`, []string{"Content-Type", "text/plain"}, 415, ""},
		{"PUT", "/locked/a", `{}`, nil, 403, `you may not publish to the topic "locked"`},
		{"DELETE", "/locked/a", "", nil, 403, `you may not publish to the topic "locked"`},
		{"PUT", "/ended/a", `{}`, nil, 410, "the topic has ended"},
		{"POST", "/t/a", `{}`, nil, 405, ""},
	} {
		w := request(mux, c.method, c.url, c.body, c.header...)
		name := fmt.Sprint(c.method, " ", c.url, " ", c.header)
		assert.Equal(t, c.status, w.Code, name)
		assert.Contains(t, w.Body.String(), c.text, name)
		assert.Equal(t, c.status == 204, w.Header().Get("Halley-Position") != "", name)
	}
	v, p, ok, err := all.Table("t").Get(t.Context(), "there")
	require.NoError(t, err)
	assert.True(t, ok && v.N == 2)
	assert.NotEqual(t, first, p)

	all.Close()
	w := request(mux, "PUT", "/t/a", `{}`)
	assert.Equal(t, 503, w.Code)
	assert.NotEmpty(t, w.Header().Get("Retry-After"))
}

func TestRateOfATable(t *testing.T) {
	h := topic.Table(tables.New[int](topics.Memory(100)), anyone, topic.Rate(1, time.Hour, func(*http.Request) string { return "" }))
	assert.Equal(t, 204, request(h, "PUT", "/?topic=t&key=a", "1").Code)
	assert.Equal(t, 429, request(h, "DELETE", "/?topic=t&key=a", "").Code)
}

// Each poll ends with the changes that are there, or with the next one.
func TestPollsOfATable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := topic.Table(tables.New[int](topics.Memory(100)), anyone)
		get := func(after string) (text string) {
			w := request(h, "GET", "/?topic=t&transport=poll&lastEventId="+after, "")
			require.Equal(t, 200, w.Code)
			for line := range strings.Lines(w.Body.String()) {
				var r struct {
					Event, ID string
					Data      json.RawMessage
				}
				if strings.TrimSpace(line) == "" {
					continue // a heartbeat
				}
				require.NoError(t, json.Unmarshal([]byte(line), &r))
				p, err := enumerator.ParsePosition(r.ID)
				require.NoError(t, err)
				text += fmt.Sprintln(r.Event, p.Seq, string(r.Data))
			}
			return text
		}
		put := func(key, value string) string {
			return request(h, "PUT", "/?topic=t&key="+key, value).Header().Get("Halley-Position")
		}
		put("a", "1")
		last := put("b", "2")
		p, err := enumerator.ParsePosition(last)
		require.NoError(t, err)
		at := func(seq uint64) string { return enumerator.Position{Epoch: p.Epoch, Seq: seq}.String() }
		rows := " 1 {\"key\":\"a\",\"value\":1}\n 2 {\"key\":\"b\",\"value\":2}\nready 2 null\n"
		require.Equal(t, "reset 0 null\n"+rows, get(""))
		require.Equal(t, rows, get(at(0)))
		require.Equal(t, "reset 0 null\n"+rows, get(at(99)))
		began := time.Now()
		require.Equal(t, "ready 2 null\n", get(last), "nothing has changed")
		require.Equal(t, 25*time.Second, time.Since(began))
		go func() {
			time.Sleep(time.Second)
			put("c", "3")
		}()
		began = time.Now()
		require.Equal(t, "ready 2 null\n 3 {\"key\":\"c\",\"value\":3}\n", get(last))
		require.Equal(t, time.Second, time.Since(began))
		request(h, "DELETE", "/?topic=t&key=a", "")
		require.Equal(t, " 3 {\"key\":\"c\",\"value\":3}\n 4 {\"key\":\"a\",\"value\":0,\"deleted\":true}\nready 4 null\n", get(last))
	})
}

// A page reads a table over each transport, changes it, and gets the changes of others.
func TestATableInChromium(t *testing.T) {
	probe.Logs(t)
	browser := browsertest.Start(t)
	all := tables.New[any](topics.Memory(3))
	mux := http.NewServeMux()
	mux.Handle("/table", wsclient.Handler(topic.TableSource(all, anyone), topic.Table(all, anyone)))
	mux.Handle("GET /halley.js", client.Script())
	mux.Handle("GET /table.js", client.Table())
	mux.Handle("GET /module.js", client.TableModule())
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, `<!DOCTYPE html><title>a page</title><link rel="icon" href="data:,"><script src="/halley.js"></script><script src="/table.js"></script><script>
			const hostile = '<' + '/script>';
			const until = (table, done) => new Promise(resolve => {
				const look = () => done() && resolve();
				table.addEventListener('change', look);
				table.addEventListener('ready', look);
				look();
			});
			const use = async transport => {
				const table = halley.table('table?topic=' + transport, { transport });
				await until(table, () => table.ready);
				const before = [...table.rows];
				const statuses = [await table.put(hostile, 1), await table.put(hostile, 2, ''), await table.put('x', { y: '\u2028' }, '')].map(r => r.status);
				await until(table, () => table.rows.has(hostile) && table.rows.has('x'));
				statuses.push((await table.put('x', 3, table.position(hostile))).status, (await table.put('x', 4, table.position('x'))).status);
				statuses.push((await table.remove(hostile)).status);
				await until(table, () => table.rows.get('x') === 4 && !table.rows.has(hostile));
				table.close();
				return JSON.stringify([before, statuses, [...table.rows].length, table.stream.transport]);
			};
			const module = async () => {
				const { table } = await import('/module.js');
				const rows = table('/table?topic=' + 'events');
				await until(rows, () => rows.ready);
				return JSON.stringify([...rows.rows.keys()].sort());
			};
		</script>`)
	})
	server := httpadaptertest.NewServer(t, mux)
	page, cancel := chromedp.NewContext(browser)
	defer cancel()
	require.NoError(t, chromedp.Do(page, chromedp.Navigate(server.URL)))
	evaluate := func(code string) string {
		text, err := chromedp.Run(page, chromedp.Evaluate[string](code, chromedp.EvalAwaitPromise))
		require.NoError(t, err)
		return text
	}
	transports := []string{"events", "iframe"}
	if probe.Long() {
		transports = append(transports, "ndjson", "poll", "websocket")
	}
	for _, transport := range transports {
		for i := range 4 { // more than the store keeps of the messages
			_, err := all.Table(transport).Put(t.Context(), fmt.Sprint("row ", i), i)
			require.NoError(t, err)
		}
		want := fmt.Sprintf(`[[["row 0",0],["row 1",1],["row 2",2],["row 3",3]],[204,412,204,412,204,204],5,%q]`, transport)
		assert.Equal(t, want, evaluate("use('"+transport+"')"))
	}
	assert.Equal(t, `["row 0","row 1","row 2","row 3","x"]`, evaluate("module()"))
}

func TestMisuseOfATable(t *testing.T) {
	all := tables.New[int](topics.Memory(1))
	for want, f := range map[string]func(){
		"comet/topic: Table: t must not be nil":           func() { topic.Table[int](nil, anyone) },
		"comet/topic: Table: allow must not be nil":       func() { topic.Table(all, nil) },
		"comet/topic: TableSource: t must not be nil":     func() { topic.TableSource[int](nil, anyone) },
		"comet/topic: TableSource: allow must not be nil": func() { topic.TableSource(all, nil) },
	} {
		assert.PanicsWithValue(t, want, f)
	}
	h := topic.Table(all, anyone, topic.Stream(httpadapter.Limit(1)))
	assert.Equal(t, "GET, HEAD, PUT, DELETE", request(h, "PATCH", "/?topic=t", "").Header().Get("Allow"))
}
