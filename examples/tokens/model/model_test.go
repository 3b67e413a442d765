package model_test

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet/eventsource"
	"github.com/halley-go/halley/examples/tokens/model"
)

// post returns the response to a question, after the event whose id is after.
func post(t *testing.T, question, after string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, model.URL, strings.NewReader(question))
	require.NoError(t, err)
	r.Header.Set("Last-Event-ID", after)
	res, err := model.Client.Do(r)
	require.NoError(t, err)
	t.Cleanup(func() { res.Body.Close() })
	return res
}

func TestAConnectionIsCutBeforeTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		res := post(t, "why?", "")
		assert.Equal(t, http.StatusOK, res.StatusCode)
		assert.Equal(t, eventsource.ContentType, res.Header.Get("Content-Type"))
		text, err := io.ReadAll(res.Body)
		assert.ErrorContains(t, err, "cut")
		assert.NotContains(t, string(text), model.Done)
		assert.True(t, strings.HasPrefix(string(text), "data: You\nretry: 100\nid: 1\n\ndata:  asked:\nretry: 100\nid: 2\n\n"), "%s", text)
	})
}

// An answer continues after the token whose number the client names, and ends with Done.
func TestAnAnswerContinues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for after, want := range map[string]string{"2": "data:  “why?”", "-1": "data: You", "x": "data: You"} {
			lines := bufio.NewScanner(post(t, "why?", after).Body)
			for lines.Scan() && !strings.HasPrefix(lines.Text(), "data") {
			}
			assert.Equal(t, want, lines.Text())
		}
	})
}

// The tokens make up the text, and no token is long.
func TestAnswer(t *testing.T) {
	for _, question := range []string{"why?", " ", "  a  b", "\n", strings.Repeat("😀", 500)} {
		tokens := model.Answer(question)
		assert.True(t, strings.HasPrefix(strings.Join(tokens, ""), "You asked: “"+question+"” That is"), question)
		for _, token := range tokens {
			assert.LessOrEqual(t, len(token), 33)
		}
	}
}
