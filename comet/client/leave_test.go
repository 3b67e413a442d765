package client_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
)

// Handler does not log that a client has left, on any transport.
func TestClientLeaves(t *testing.T) {
	for _, transport := range append([]string{""}, every...) {
		for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
			t.Run(transport+" "+proto, func(t *testing.T) {
				hub := enumerator.Broadcast[any]()
				var log logs
				outcomes := make(chan httpadapter.Outcome, 1)
				srv := httptest.NewUnstartedServer(handlerOf(hub, time.Hour, httpadapter.Logger(log.logger()), httpadapter.Limit(10),
					httpadapter.OnEnd(func(r *http.Request, o httpadapter.Outcome) {
						assert.Equal(t, proto, r.Proto)
						outcomes <- o
					})))
				srv.EnableHTTP2 = proto == "HTTP/2.0"
				srv.StartTLS()
				defer srv.Close()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				r, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL+"/?transport="+transport+"&lastEventId="+hub.Position().String(), nil)
				require.NoError(t, err)
				left := make(chan struct{})
				go func() {
					defer close(left)
					if res, err := srv.Client().Do(r); err == nil {
						_, _ = res.Body.Read(make([]byte, 1))
						<-ctx.Done()
						_ = res.Body.Close()
					}
				}()
				eventually(t, func() bool { return hub.Runs() == 1 })
				cancel()
				<-left
				outcome := <-outcomes
				assert.Equal(t, httpadapter.ClientGone, outcome.Reason, "%v", outcome.Err)
				assert.Empty(t, log.String())
			})
		}
	}
}

// handlerOf returns the handler of the stream of a source.
func handlerOf[E any](source enumerator.Source[E], wait time.Duration, opts ...httpadapter.Option) http.Handler {
	return client.Handler(func(r *http.Request, after enumerator.Position) (enumerator.Enumerator[enumerator.Item[E]], error) {
		if r.URL.Query().Get("transport") == "poll" {
			return comet.LongPoll(source, after, wait), nil
		}
		return source.From(after), nil
	}, opts...)
}
