package client_test

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/iteratee"
)

// A stream ends with an end record if its source has ended in good order, and not for any other reason.
func TestEnd(t *testing.T) {
	hour := func(ctx context.Context) iteratee.Step {
		select {
		case <-ctx.Done():
			return iteratee.Cancelled(ctx)
		case <-time.After(time.Hour):
			return iteratee.StepCont
		}
	}
	source := func(then func(context.Context) iteratee.Step) items {
		return enumerator.Of(item{Value: "a", Position: at(1)}).AndThen(enumerator.New(
			func(ctx context.Context, _ iteratee.Sink[item]) iteratee.Step { return then(ctx) }))
	}
	ends := map[string]string{
		native:   "event: end\ndata: null\nretry: 86400000\nid: 1z-11\n\n",
		"events": "event: end\ndata: null\nid: 1z-11\n\n",
		"iframe": "halley(null,'1z-11','end');</script>",
		"ndjson": `{"event":"end","id":"1z-11","data":null}` + "\n",
		"poll":   `{"event":"end","id":"1z-11","data":null}` + "\n",
	}
	for name, c := range map[string]struct {
		source items
		opts   []httpadapter.Option
		leaves time.Duration // when the client leaves
		end    bool
	}{
		"runs out":          {source: source(hour), end: true},
		"EOF":               {source: source(hour).AndThen(enumerator.FromInput(iteratee.EOF[item]())), end: true},
		"says so itself":    {source: source(hour).AndThen(enumerator.Of(item{End: true, Position: at(1)})), end: true},
		"MaxDuration":       {source: source(hour), opts: []httpadapter.Option{httpadapter.MaxDuration(time.Minute)}},
		"the client leaves": {source: source(hour), leaves: time.Minute},
		"an error":          {source: source(func(context.Context) iteratee.Step { return iteratee.StepError(errors.New("broken")) })},
		"an interruption that is hidden": {
			source: source(func(ctx context.Context) iteratee.Step { hour(ctx); return iteratee.StepCont }),
			opts:   []httpadapter.Option{httpadapter.MaxDuration(time.Minute)},
		},
	} {
		for transport, end := range ends {
			if transport == "poll" && name != "says so itself" {
				continue // its source ends with each answer
			}
			t.Run(name+" "+transport, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					handler := client.Handler(always(c.source), append(c.opts, httpadapter.Logger(slog.New(slog.DiscardHandler)))...)
					ctx, cancel := context.WithTimeout(t.Context(), cmp.Or(c.leaves, 24*time.Hour))
					defer cancel()
					body := serve(handler, ctx, transport)
					assert.Equal(t, c.end, strings.HasSuffix(body, end), body)
					assert.Equal(t, c.end, strings.Contains(body, "end"), body)
				})
			})
		}
	}
}

// serve returns the body of the response to a client that leaves when ctx ends.
func serve(handler http.Handler, ctx context.Context, transport string) string {
	w := httptest.NewRecorder()
	func() {
		defer func() {
			if v := recover(); v != nil && v != http.ErrAbortHandler {
				panic(v)
			}
		}()
		handler.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/?transport="+transport+"&lastEventId=1z-11", nil))
	}()
	return w.Body.String()
}

// The end of a hub ends its streams, those of clients that come later, and polls.
func TestEndOfAHub(t *testing.T) {
	onEach(t, func(t *testing.T, connect func(http.Handler) *reader) {
		hub := enumerator.Broadcast[any]()
		c := connect(handlerOf(hub, time.Minute))
		c.id = hub.Position().String()
		push(t, hub, 0, 1)
		hub.End()
		for range 2 {
			c.id = enumerator.Position{Epoch: hub.Position().Epoch}.String()
			c.connect()
			assert.Equal(t, []any{"", 0.0}, c.message())
			for range 2 {
				assert.Equal(t, []any{"end", nil}, c.message())
				assert.Equal(t, hub.Position().String(), c.id)
				_, more := c.next()
				assert.False(t, more)
				c.connect()
			}
		}
	})
}

// A server that shuts down ends its streams without an end record, so that clients come back.
func TestDrain(t *testing.T) {
	for _, transport := range all {
		t.Run("transport "+transport, func(t *testing.T) {
			hub := enumerator.Broadcast[any]()
			srv := httptest.NewUnstartedServer(handlerOf(hub, time.Minute))
			httpadapter.Drain(srv.Config)
			srv.Start()
			defer srv.Close()
			c := &reader{t: t, url: srv.URL, transport: transport, id: hub.Position().String()}
			c.connect()
			eventually(t, func() bool { return hub.Runs() == 1 })
			require.NoError(t, srv.Config.Shutdown(t.Context()))
			_, more := c.next()
			assert.False(t, more)
		})
	}
}
