package job

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
	"github.com/halley-go/halley/iteratee"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// states returns the states of a job.
func states(t *testing.T, ctx context.Context, pictures int) []state {
	t.Helper()
	hub := enumerator.Broadcast[state]()
	develop(ctx, hub, pictures)
	hub.End()
	got, err := enumerator.Run(t.Context(), enumerator.Values(hub.Last(100), nil), iteratee.Collect[state]())
	require.NoError(t, err)
	return got
}

func TestDevelop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		assert.Equal(t, []state{{0, 2, false}, {1, 2, false}, {2, 2, false}}, states(t, t.Context(), 2))

		ctx, cancel := context.WithTimeout(t.Context(), 2*perPicture+perPicture/2)
		defer cancel()
		assert.Equal(t, []state{{0, 9, false}, {1, 9, false}, {2, 9, false}, {2, 9, true}}, states(t, ctx, 9))
	})
}

func TestHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := Handler(t.Context())
		do := func(method, target string, form url.Values) *httptest.ResponseRecorder {
			r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(form.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			return w
		}
		start := func(pictures string) *httptest.ResponseRecorder {
			return do(http.MethodPost, "/job/start", url.Values{"pictures": {pictures}})
		}
		for _, pictures := range []string{"", "0", "-1", "501", "1.5", "x", "99999999999999999999"} {
			assert.Equal(t, http.StatusBadRequest, start(pictures).Code, pictures)
		}
		first, second := start("3"), start("500")
		require.Equal(t, http.StatusCreated, first.Code)
		require.Equal(t, http.StatusCreated, second.Code)

		watch := func(id string) string {
			return do(http.MethodGet, "/job/stream?transport=ndjson&id="+id, nil).Body.String()
		}
		all := watch(first.Body.String())
		assert.Contains(t, all, `"data":{"done":0,"total":3,"cancelled":false}`)
		assert.Contains(t, all, `"data":{"done":3,"total":3,"cancelled":false}`)
		assert.Contains(t, all, `{"event":"end"`)
		late := watch(first.Body.String())
		assert.Equal(t, 1, strings.Count(late, `"done"`), "only the last state, in %s", late)
		assert.Contains(t, late, `"data":{"done":3,"total":3,"cancelled":false}`)
		assert.Contains(t, late, `{"event":"end"`)

		time.Sleep(perPicture)
		assert.Equal(t, http.StatusNoContent, do(http.MethodPost, "/job/cancel", url.Values{"id": {second.Body.String()}}).Code)
		assert.Contains(t, watch(second.Body.String()), `,"total":500,"cancelled":true}`)
		for range 18 { // these are kept too
			require.Equal(t, http.StatusCreated, start("1").Code)
		}
		busy := start("1")
		assert.Equal(t, http.StatusTooManyRequests, busy.Code)
		assert.Equal(t, "60", busy.Header().Get("Retry-After"))
		time.Sleep(6 * time.Minute)
		assert.Equal(t, http.StatusCreated, start("1").Code)
		assert.Equal(t, http.StatusNotFound, do(http.MethodPost, "/job/cancel", url.Values{"id": {"x"}}).Code)
		assert.Equal(t, http.StatusNotFound, do(http.MethodGet, "/job/stream?id=x", nil).Code)
	})
}
