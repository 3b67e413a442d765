package tokens

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/halley-go/halley/comet/answers"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/examples/tokens/model"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The model cuts the connection several times in each answer, and the answer has each token once.
func TestAnswerIsComplete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 10 {
			var want []message
			for _, token := range model.Answer("why?\n</script>") {
				want = append(want, message{Token: token})
			}
			got, err := enumerator.Run(t.Context(), answer("why?\n</script>"), iteratee.Collect[message]())
			require.NoError(t, err)
			assert.Equal(t, want, got)
		}
	})
}

// A page calls the handler in this goroutine.
type page struct {
	*testing.T
	http.Handler
}

func open(t *testing.T) page {
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	return page{t, Handler(ctx)}
}

func (p page) call(ctx context.Context, method, path, body string) (w *httptest.ResponseRecorder) {
	r := httptest.NewRequestWithContext(ctx, method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w = httptest.NewRecorder()
	defer func() { _ = recover() }() // when ctx ends, the handler panics to cut the connection
	p.ServeHTTP(w, r)
	return w
}

// ask asks a question, and returns the path of the answer.
func (p page) ask(question string) string {
	p.Helper()
	w := p.call(p.Context(), http.MethodPost, "/tokens/answers", url.Values{"question": {question}}.Encode())
	require.Equal(p, http.StatusCreated, w.Code, w.Body)
	require.Len(p, w.Body.String(), 26)
	return "/tokens/answers/" + w.Body.String()
}

func (p page) read(ctx context.Context, path, after string) string {
	return p.call(ctx, http.MethodGet, path+"?transport=events&lastEventId="+after, "").Body.String()
}

func TestQuestions(t *testing.T) {
	probe.Logs(t)
	p := open(t)
	for _, question := range []string{"", " \n", strings.Repeat("ä", maxQuestion+1)} {
		w := p.call(t.Context(), http.MethodPost, "/tokens/answers", url.Values{"question": {question}}.Encode())
		assert.Equal(t, http.StatusBadRequest, w.Code)
	}
	assert.Equal(t, http.StatusNotFound, p.call(t.Context(), http.MethodGet, "/tokens/answers/x", "").Code)
}

// A client that reads the answer in two parts, the second by its last id, gets all of it, and then the end.
func TestReadInParts(t *testing.T) {
	probe.Logs(t)
	synctest.Test(t, func(t *testing.T) {
		p := open(t)
		question := strings.Repeat("ä", maxQuestion)
		answer := p.ask(question)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		first := p.read(ctx, answer, "")
		ids := strings.Split(first, "id: ")
		last, _, _ := strings.Cut(ids[len(ids)-1], "\n")
		all := first + p.read(t.Context(), answer, last)
		for _, token := range model.Answer(question) {
			var found bool
			_, all, found = strings.Cut(all, `data: {"token":"`+strings.ReplaceAll(token, "\n", `\n`)+`"}`)
			require.True(t, found, token)
		}
		assert.NotContains(t, all, "token")
		assert.Contains(t, all, "event: end\n")
		again := p.read(t.Context(), answer, "x")
		assert.Contains(t, again, "event: reset\n")
		assert.Equal(t, len(model.Answer(question)), strings.Count(again, `"token"`))
	})
}

func TestLast(t *testing.T) {
	for reason, want := range map[answers.Reason]string{
		answers.Stopped: "The answer was stopped.",
		answers.Limited: "The answer is too long. This is its beginning.",
		answers.Failed:  "The model did not finish its answer.",
		answers.Lost:    "The model did not finish its answer.",
	} {
		assert.Equal(t, message{Problem: want}, last(reason))
	}
}

func TestStop(t *testing.T) {
	probe.Logs(t)
	synctest.Test(t, func(t *testing.T) {
		p := open(t)
		stopped := p.ask("why?")
		time.Sleep(2 * time.Second)
		assert.Equal(t, http.StatusNoContent, p.call(t.Context(), http.MethodDelete, stopped, "").Code)
		got := p.read(t.Context(), stopped, "")
		assert.Contains(t, got, `{"token":"You"}`)
		assert.Contains(t, got, "The answer was stopped.")
		assert.Contains(t, got, "event: end\n")
	})
}

// The answers end with the context of the handler.
func TestTheContextEnds(t *testing.T) {
	probe.Logs(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		p := page{t, Handler(ctx)}
		answer := p.ask("why?")
		time.AfterFunc(2*time.Second, cancel)
		began := time.Now()
		p.read(t.Context(), answer, "")
		assert.Equal(t, 2*time.Second, time.Since(began))
	})
}
