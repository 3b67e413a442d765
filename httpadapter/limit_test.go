package httpadapter_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/internal/probe"
)

func TestLimits(t *testing.T) {
	logged := probe.Logs(t)
	synctest.Test(t, func(t *testing.T) {
		src := newTap()
		var refused, ended []httpadapter.Outcome
		opts := []httpadapter.Option{
			httpadapter.Limit(3),
			httpadapter.LimitPerKey(2, func(r *http.Request) string { return r.Header.Get("User") }),
			httpadapter.OnEnd(func(_ *http.Request, o httpadapter.Outcome) {
				if o.Reason == httpadapter.Refused {
					refused = append(refused, o)
				} else {
					ended = append(ended, o)
				}
			}),
		}
		over := make(chan *httptest.ResponseRecorder)
		ask := func(method, user string) {
			w := httptest.NewRecorder()
			r := httptest.NewRequestWithContext(t.Context(), method, "/", nil)
			r.Header.Set("User", user)
			go func() { _ = httpadapter.Serve(w, r, src.enumerator(), opts...); over <- w }()
			synctest.Wait()
		}
		check503 := func(err string) {
			t.Helper()
			w := <-over
			assert.Equal(t, 503, w.Code)
			assert.Equal(t, "Service Unavailable\n", w.Body.String())
			assert.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
			seconds, e := strconv.Atoi(w.Header().Get("Retry-After"))
			require.NoError(t, e)
			assert.Contains(t, []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, seconds)
			last := refused[len(refused)-1]
			assert.ErrorIs(t, last.Err, httpadapter.ErrTooMany)
			assert.ErrorContains(t, last.Err, err)
		}
		leave := func() {
			src.failures <- io.ErrUnexpectedEOF // or any other end
			<-over
		}

		ask("GET", "ann")
		ask("GET", "ann")
		ask("GET", "ann")
		check503(`2 of "ann" are open`)
		ask("GET", "bob") // what was refused by one limit does not count for the other
		ask("GET", "cyd")
		check503("3 are open")
		assert.EqualValues(t, 3, src.started.Load())
		ask("HEAD", "cyd")
		assert.Equal(t, 200, (<-over).Code)

		leave()
		leave()
		leave()
		assert.Len(t, ended, 4)
		for range 2 {
			ask("GET", "ann") // all places are free again
		}
		assert.EqualValues(t, 5, src.started.Load())
		leave()
		leave()
	})
	assert.NotContains(t, logged(), "too many")
}

func TestLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limit := httpadapter.Limit(2)
		src, release := newTap(), make(chan bool)
		h := httpadapter.Limited(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !<-release {
				panic("ouch")
			}
			w.WriteHeader(http.StatusTeapot)
		}), limit)
		over := make(chan *httptest.ResponseRecorder)
		ask := func(h http.Handler) {
			w := httptest.NewRecorder()
			go func() {
				defer func() { _ = recover(); over <- w }()
				h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
			}()
			synctest.Wait()
		}
		stream := httpadapter.Handler(func(*http.Request) (enumerator.Enumerator[[]byte], error) { return src.enumerator(), nil }, limit)
		ask(stream)
		ask(h)
		for _, refused := range []http.Handler{h, stream} {
			ask(refused)
			w := <-over
			assert.Equal(t, 503, w.Code)
			assert.NotEmpty(t, w.Header().Get("Retry-After"))
		}
		release <- true
		assert.Equal(t, 418, (<-over).Code)
		ask(h)
		release <- false // a panic frees the place too
		<-over
		ask(h)
		release <- true
		assert.Equal(t, 418, (<-over).Code)
		close(src.chunks)
		assert.Equal(t, 200, (<-over).Code)
	})
}

func TestLimitsPanicOnMisuse(t *testing.T) {
	assert.PanicsWithValue(t, "httpadapter: Limited: h must not be nil", func() { httpadapter.Limited(nil) })
	assert.PanicsWithValue(t, "httpadapter: Limit: n must be positive, got 0", func() { httpadapter.Limit(0) })
	assert.PanicsWithValue(t, "httpadapter: LimitPerKey: n must be positive, got -1",
		func() { httpadapter.LimitPerKey(-1, func(*http.Request) string { return "" }) })
	assert.PanicsWithValue(t, "httpadapter: LimitPerKey: key must not be nil", func() { httpadapter.LimitPerKey(1, nil) })
}

// A place is free again even if the source, or whoever makes it, panics.
func TestLimitAfterAPanic(t *testing.T) {
	limit := httpadapter.Limit(1)
	src := newTap()
	for range 3 {
		go func() { src.panics <- "ouch" }()
		assert.PanicsWithValue(t, "ouch", func() {
			_ = httpadapter.Serve(newRecorder(t), httptest.NewRequest("GET", "/", nil), src.enumerator(), limit)
		})
	}
}

// So it is if the key function of another limit panics.
func TestLimitAfterAPanicOfAnother(t *testing.T) {
	limit := httpadapter.Limit(1)
	panics := httpadapter.LimitPerKey(1, func(*http.Request) string { panic("ouch") })
	r := httptest.NewRequest("GET", "/", nil)
	assert.PanicsWithValue(t, "ouch", func() { _ = httpadapter.Serve(newRecorder(t), r, of("a"), limit, panics) })
	require.NoError(t, httpadapter.Serve(newRecorder(t), r, of("a"), limit))
}
