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

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/examples/tokens/model"
	"github.com/halley-go/halley/iteratee"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// messages returns the messages of an answer to question.
func messages(t *testing.T, ctx context.Context, question string) []message {
	t.Helper()
	hub := enumerator.Broadcast[message](enumerator.Capacity(maxTokens + 1))
	answer(ctx, hub, question)
	hub.End()
	got, err := enumerator.Run(t.Context(), enumerator.Values(hub.Last(maxTokens+1), nil), iteratee.Collect[message]())
	require.NoError(t, err)
	return got
}

// The model cuts the connection several times in each answer, and the answer has each token once.
func TestAnswerIsComplete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 10 {
			var want []message
			for _, token := range model.Answer("why?\n</script>") {
				want = append(want, message{Token: token})
			}
			assert.Equal(t, want, messages(t, t.Context(), "why?\n</script>"))
		}
	})
}

func TestAnswerIsNotLongerThanItsLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		assert.Len(t, messages(t, t.Context(), strings.Repeat("a ", maxTokens)), maxTokens)
		got := messages(t, t.Context(), strings.Repeat("😀", 2000))
		size := 0
		for _, m := range got {
			assert.Empty(t, m.Problem)
			size += len(m.Token)
		}
		assert.InDelta(t, maxAnswer, size, 33)
		assert.LessOrEqual(t, size, maxAnswer)
	})
}

func TestAnswerTellsThatItHasFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		got := messages(t, ctx, "why?")
		assert.Equal(t, message{Token: "You"}, got[0])
		assert.Equal(t, message{Problem: "The model did not finish its answer."}, got[len(got)-1])
	})
}

// A client that reads the answer in two parts, the second by its last id, gets all of it, and then the end.
func TestHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := Handler(t.Context())
		ask := func(question string) *http.Response {
			r := httptest.NewRequest(http.MethodPost, "/tokens/answers", strings.NewReader(url.Values{"question": {question}}.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			return w.Result()
		}
		for _, question := range []string{"", " \n", strings.Repeat("ä", maxQuestion+1)} {
			assert.Equal(t, http.StatusBadRequest, ask(question).StatusCode)
		}
		res := ask(strings.Repeat("ä", maxQuestion))
		require.Equal(t, http.StatusCreated, res.StatusCode)
		id := make([]byte, 26)
		_, err := res.Body.Read(id)
		require.NoError(t, err)

		read := func(ctx context.Context, after string) string {
			w := httptest.NewRecorder()
			func() {
				defer func() { _ = recover() }() // when ctx ends, the handler panics to cut the connection
				h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/tokens/stream?transport=events&id="+string(id)+"&lastEventId="+after, nil))
			}()
			return w.Body.String()
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		first := read(ctx, "")
		ids := strings.Split(first, "id: ")
		last, _, _ := strings.Cut(ids[len(ids)-1], "\n")
		all := first + read(t.Context(), last)
		for _, token := range model.Answer(strings.Repeat("ä", maxQuestion)) {
			var found bool
			_, all, found = strings.Cut(all, `data: {"token":"`+strings.ReplaceAll(token, "\n", `\n`)+`"}`)
			require.True(t, found, token)
		}
		assert.NotContains(t, all, "token")
		assert.Contains(t, all, "event: end\n")
		again := read(t.Context(), "x")
		assert.Contains(t, again, "event: reset\n")
		assert.Equal(t, len(model.Answer(strings.Repeat("ä", maxQuestion))), strings.Count(again, `"token"`))

		r := httptest.NewRecorder()
		h.ServeHTTP(r, httptest.NewRequest(http.MethodGet, "/tokens/stream?id=x", nil))
		assert.Equal(t, http.StatusNotFound, r.Code)
	})
}
