package parse_test

import (
	"context"
	"io"
	"log"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/parse"
	"github.com/halley-go/halley/internal/probe"
)

// slowly is a body whose parts come after a second each. It stalls after them if it is not complete.
type slowly struct {
	ctx      context.Context
	parts    int
	complete bool
}

func (s *slowly) Read(p []byte) (int, error) {
	var wait <-chan time.Time
	switch {
	case s.parts > 0:
		wait = time.After(time.Second)
	case s.complete:
		return 0, io.EOF
	}
	select {
	case <-wait:
		s.parts--
		return copy(p, "x"), nil
	case <-s.ctx.Done():
		return 0, context.Cause(s.ctx)
	}
}

// A client gets its answer, even if its body has taken longer than the WriteTimeout of the server.
func TestActionAnswersAfterTheWriteTimeout(t *testing.T) {
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		for name, tt := range map[string]struct {
			body   slowly
			work   time.Duration // of the function
			status int           // 0 for none
		}{
			"a body that is complete":             {body: slowly{parts: 8, complete: true}, status: 200},
			"a body that stalls":                  {body: slowly{parts: 4}, status: 408},
			"a body that is too long":             {body: slowly{parts: 12}, status: 413},
			"a function that takes a second":      {body: slowly{parts: 8, complete: true}, work: time.Second, status: 200},
			"a function that takes three seconds": {body: slowly{parts: 1, complete: true}, work: 3 * time.Second},
		} {
			t.Run(proto+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					pipes := probe.NewPipes()
					server := &http.Server{WriteTimeout: 2 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
					server.Handler = parse.Action(parse.Text(10), func(w http.ResponseWriter, _ *http.Request, s string) error {
						time.Sleep(tt.work)
						_, err := io.WriteString(w, s)
						return err
					}, httpadapter.ReadTimeout(5*time.Second))
					transport := pipes.Serve(server, proto)
					defer server.Close()
					defer transport.CloseIdleConnections()

					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					body := tt.body
					body.ctx = ctx
					r, err := http.NewRequestWithContext(ctx, "POST", "http://example.com", &body)
					require.NoError(t, err)
					r.Header.Set("Content-Type", "text/plain")
					res, err := transport.RoundTrip(r)
					if tt.status == 0 {
						assert.Error(t, err)
						time.Sleep(tt.work) // until the function has returned
						return
					}
					require.NoError(t, err)
					_, err = io.Copy(io.Discard, res.Body)
					assert.NoError(t, err)
					_ = res.Body.Close()
					assert.Equal(t, tt.status, res.StatusCode)
					cancel()
					synctest.Wait()
				})
			})
		}
	}
}
