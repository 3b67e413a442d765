package answers_test

import (
	"context"
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

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet/answers"
	"github.com/halley-go/halley/comet/topic"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/parse"
	"github.com/halley-go/halley/internal/probe"
)

// A question is the body of a POST.
type question struct {
	ID    string   `json:"id"`
	Texts []string `json:"texts"`
}

// begin starts an answer of the texts, each after a second. It refuses a question without texts.
func begin(_ *http.Request, q question) (id string, source enumerator.Enumerator[string], err error) {
	if len(q.Texts) == 0 {
		return "", source, &httpadapter.StatusError{Status: http.StatusBadRequest, Text: "a question has texts"}
	}
	return q.ID, slowly(time.Second, q.Texts...), nil
}

func everyone(*http.Request, topic.Access) error { return nil }

// A caller calls a handler in this goroutine.
type caller struct {
	*testing.T
	http.Handler
}

func serve(t *testing.T, a *answers.Answers[string], opts ...answers.HandlerOption) caller {
	mux := http.NewServeMux()
	h := answers.Handler(a, everyone, parse.JSON[question](1000), begin, opts...)
	mux.Handle("/answers", h)
	mux.Handle("/answers/{id}", h)
	return caller{t, mux}
}

func (c caller) call(ctx context.Context, method, path, body string, header ...string) (w *httptest.ResponseRecorder) {
	r := httptest.NewRequestWithContext(ctx, method, path, strings.NewReader(body))
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w = httptest.NewRecorder()
	defer func() { _ = recover() }() // when ctx ends, the handler panics to cut the connection
	c.ServeHTTP(w, r)
	return w
}

// ask starts an answer, and returns its id.
func (c caller) ask(id string, texts ...string) string {
	c.Helper()
	body, err := json.Marshal(question{id, texts})
	require.NoError(c, err)
	w := c.call(c.Context(), http.MethodPost, "/answers", string(body))
	require.Equal(c, http.StatusCreated, w.Code, w.Body)
	return w.Body.String()
}

// A record is a line of NDJSON.
type record struct {
	ID, Event string
	Data      any
}

func (c caller) records(body io.Reader) (all []record) {
	c.Helper()
	for lines := json.NewDecoder(body); ; {
		var r record
		err := lines.Decode(&r)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return all
		}
		require.NoError(c, err)
		all = append(all, r)
	}
}

// A client that is cut off again and again gets everything once, over each transport.
func TestReadInParts(t *testing.T) {
	probe.Logs(t) // the cuts
	texts := []string{"one", "two", "three", "four", "five", "six"}
	for _, transport := range []string{"ndjson", "poll"} {
		for _, path := range []string{"/answers/%s?", "/answers?id=%s&"} {
			synctest.Test(t, func(t *testing.T) {
				a, _ := open(t, topics.Memory(100))
				c := serve(t, a)
				id := c.ask("", texts...)
				assert.Len(t, id, 26)
				for range 2 { // while it is generated, and when it has ended
					var got []string
					last, ended := "", false
					for n := 0; !ended && n < 100; n++ {
						ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
						w := c.call(ctx, http.MethodGet, fmt.Sprintf(path, id)+"transport="+transport+"&lastEventId="+last, "")
						cancel()
						require.Equal(t, http.StatusOK, w.Code)
						for _, r := range c.records(w.Body) {
							if r.ID != "" {
								last = r.ID
							}
							switch r.Event {
							case "":
								got = append(got, r.Data.(string))
							case "end":
								ended = true
							default:
								assert.Contains(t, []string{"bookmark", "heartbeat"}, r.Event)
							}
						}
					}
					assert.True(t, ended)
					assert.Equal(t, texts, got)
				}
			})
		}
	}
}

func TestEventsForAnybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := open(t, topics.Memory(100))
		c := serve(t, a)
		id := c.ask("mine", "one", "two")
		assert.Equal(t, "mine", id)
		w := c.call(t.Context(), http.MethodGet, "/answers/mine", "")
		assert.Equal(t, "text/event-stream", w.Header().Get("Content-Type"))
		assert.Regexp(t, `(?s)^id: \S+\n\n.*data: "one"\nid: \S+\n\ndata: "two"\nid: \S+\n\nevent: end\ndata: null\n`, w.Body.String())
		again := c.call(t.Context(), http.MethodGet, "/answers/mine", "", "Last-Event-ID", "unknown")
		assert.Contains(t, again.Body.String(), "event: reset\n")
		assert.Contains(t, again.Body.String(), `data: "one"`)
	})
}

func TestDelete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := open(t, topics.Memory(100))
		c := serve(t, a)
		id := c.ask("", "one", "two", "three")
		time.Sleep(1500 * time.Millisecond)
		for range 2 {
			assert.Equal(t, http.StatusNoContent, c.call(t.Context(), http.MethodDelete, "/answers/"+id, "").Code)
		}
		assert.Equal(t, []string{"one", "(stopped)"}, read(t, a, id))
	})
}

func TestStatuses(t *testing.T) {
	probe.Logs(t)
	store := &fickle{Store: topics.Memory(100)}
	a, _ := open(t, store, answers.MaxRunning(1))
	c := serve(t, a)
	source, _ := silence()
	require.NoError(t, a.Start(t.Context(), "busy", source))
	long := strings.Repeat("x", answers.MaxID+1)
	for name, tt := range map[string]struct {
		method, path, body string
		status             int
		text               string
	}{
		"no id":             {"GET", "/answers", "", 400, "1 to"},
		"a long id":         {"GET", "/answers/" + long, "", 400, "1 to"},
		"a control":         {"GET", "/answers/a%00", "", 400, "control"},
		"not UTF-8":         {"DELETE", "/answers/a%ff", "", 400, "UTF-8"},
		"delete without id": {"DELETE", "/answers", "", 400, "1 to"},
		"unknown":           {"GET", "/answers/x", "", 404, "no answer"},
		"unknown poll":      {"GET", "/answers/x?transport=poll", "", 404, "no answer"},
		"unknown head":      {"HEAD", "/answers/x", "", 404, ""},
		"delete unknown":    {"DELETE", "/answers/x", "", 404, "no answer"},
		"transport":         {"GET", "/answers/busy?transport=x", "", 400, "transport"},
		"method":            {"PUT", "/answers/busy", "", 405, ""},
		"not JSON":          {"POST", "/answers", "x", 400, ""},
		"a large body":      {"POST", "/answers", `"` + long + long + `"`, 413, ""},
		"an error of start": {"POST", "/answers", `{}`, 400, "a question has texts"},
		"a long new id":     {"POST", "/answers", `{"texts":["x"],"id":"` + long + `"}`, 400, "1 to"},
		"busy":              {"POST", "/answers", `{"texts":["x"]}`, 503, "under way"},
	} {
		w := c.call(t.Context(), tt.method, tt.path, tt.body)
		assert.Equal(t, tt.status, w.Code, name)
		assert.Contains(t, w.Body.String(), tt.text, name)
		assert.Equal(t, tt.status == 503, w.Header().Get("Retry-After") != "", name)
	}
}

func TestTheStoreDoesNotAnswer(t *testing.T) {
	probe.Logs(t)
	synctest.Test(t, func(t *testing.T) {
		store := &fickle{Store: topics.Memory(100), down: true}
		a, _ := open(t, store)
		c := serve(t, a)
		for _, method := range []string{"GET", "POST", "DELETE"} {
			began := time.Now()
			w := c.call(t.Context(), method, "/answers?id=x", `{"texts":["x"]}`)
			assert.Equal(t, http.StatusServiceUnavailable, w.Code, method)
			assert.NotEmpty(t, w.Header().Get("Retry-After"))
			assert.NotContains(t, w.Body.String(), errDown.Error())
			assert.Equal(t, 10*time.Second, time.Since(began))
		}
	})
}

// allow is asked before anything happens.
func TestAllow(t *testing.T) {
	probe.Logs(t)
	a, _ := open(t, topics.Memory(100))
	require.NoError(t, a.Start(t.Context(), "a", enumerator.Of("foo")))
	var asked []topic.Access
	var refuse error
	h := answers.Handler(a, func(_ *http.Request, access topic.Access) error {
		asked = append(asked, access)
		return refuse
	}, parse.JSON[question](1000), begin)
	c := caller{t, h}
	for _, tt := range []struct {
		err    error
		status int
		text   string
	}{
		{errors.New("a secret"), 403, `you may not`},
		{&httpadapter.StatusError{Status: 401, Text: "log in"}, 401, "log in"},
	} {
		refuse, asked = tt.err, nil
		for _, method := range []string{"GET", "DELETE", "POST"} {
			w := c.call(t.Context(), method, "/?id=a", `{"id":"a","texts":["x"]}`)
			assert.Equal(t, tt.status, w.Code)
			assert.Contains(t, w.Body.String(), tt.text)
			assert.NotContains(t, w.Body.String(), "secret")
		}
		assert.Equal(t, []topic.Access{{Topic: "a"}, {Topic: "a", Write: true}, {Topic: "a", Write: true}}, asked)
	}
	assert.Equal(t, []string{"foo"}, read(t, a, "a"))
}

func TestPerKey(t *testing.T) {
	probe.Logs(t)
	synctest.Test(t, func(t *testing.T) {
		store := &fickle{Store: topics.Memory(100)}
		a, _ := open(t, store)
		user := func(r *http.Request) string { return r.Header.Get("User") }
		c := serve(t, a, answers.PerKey(2, user), answers.PerKey(3, func(*http.Request) string { return "all" }))
		start := func(user string) int {
			return c.call(t.Context(), "POST", "/answers", `{"texts":["x"]}`, "User", user).Code
		}
		store.set(true)
		assert.Equal(t, 503, start("a"))
		store.set(false)
		for range 2 {
			assert.Equal(t, 201, start("a"))
			assert.Equal(t, 201, start("a"))
			assert.Equal(t, 429, start("a"))
			assert.Equal(t, 201, start("b"))
			assert.Equal(t, 429, start("b"))
			time.Sleep(2 * time.Second)
			synctest.Wait()
		}
	})
}

// The answers for the AI SDK consist of data and ids, and end with [DONE].
func TestUIMessages(t *testing.T) {
	probe.Logs(t) // the cuts
	synctest.Test(t, func(t *testing.T) {
		a, _ := open(t, topics.Memory(100))
		c := serve(t, a, answers.UIMessages(), answers.Stream(httpadapter.Header("X-Test", "yes")))
		resume := func() *httptest.ResponseRecorder { return c.call(t.Context(), "GET", "/answers/chat", "") }
		assert.Equal(t, http.StatusNoContent, resume().Code)
		whole := make(chan *httptest.ResponseRecorder)
		go func() {
			whole <- c.call(t.Context(), "POST", "/answers", `{"id":"chat","texts":["a","b","c"]}`)
		}()
		left := make(chan bool)
		go func() { // a client that leaves stops nothing
			defer close(left)
			ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
			defer cancel()
			c.call(ctx, "POST", "/answers", `{"id":"other","texts":["d","e","f"]}`)
		}()
		time.Sleep(2500 * time.Millisecond)
		<-left
		for _, w := range []*httptest.ResponseRecorder{resume(), <-whole} {
			assert.Equal(t, http.StatusOK, w.Code)
			assert.Equal(t, "v1", w.Header().Get("X-Vercel-Ai-Ui-Message-Stream"))
			assert.Equal(t, "yes", w.Header().Get("X-Test"))
			assert.Equal(t, "text/event-stream", w.Header().Get("Content-Type"))
			var data []string
			for line := range strings.Lines(w.Body.String()) {
				if text, ok := strings.CutPrefix(line, "data: "); ok {
					data = append(data, strings.TrimSpace(text))
				} else {
					assert.Regexp(t, `^(id: \S+)?\n$`, line)
				}
			}
			assert.Equal(t, []string{`"a"`, `"b"`, `"c"`, "[DONE]"}, data)
		}
		assert.Equal(t, http.StatusNoContent, resume().Code)
		assert.Equal(t, []string{"d", "e", "f"}, read(t, a, "other"))

		go c.call(t.Context(), "POST", "/answers", `{"id":"chat","texts":["a","b","c"]}`)
		time.Sleep(1500 * time.Millisecond)
		assert.Equal(t, http.StatusNoContent, c.call(t.Context(), "DELETE", "/answers/chat", "").Code)
		synctest.Wait()
		assert.Equal(t, []string{"a", "(stopped)"}, read(t, a, "chat"))
	})
}
