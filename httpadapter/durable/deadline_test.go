package durable_test

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/durable"
	"github.com/halley-go/halley/internal/probe"
)

// late is a Store that answers after a time.
type late struct {
	topics.Store
	after time.Duration
}

func (l late) wait(ctx context.Context) error {
	select {
	case <-time.After(l.after):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (l late) Read(ctx context.Context, name string, from topics.Place, limit int) ([]topics.Entry, bool, error) {
	if err := l.wait(ctx); err != nil {
		return nil, false, err
	}
	return l.Store.Read(ctx, name, from, limit)
}

func (l late) Append(ctx context.Context, name string, r topics.Record) (enumerator.Position, error) {
	if err := l.wait(ctx); err != nil {
		return enumerator.Position{}, err
	}
	return l.Store.Append(ctx, name, r)
}

// Each request is answered, even if the answer takes longer than the WriteTimeout of the server.
func TestAnswersAfterTheWriteTimeout(t *testing.T) {
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(proto, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := topics.Memory(100)
				mux := http.NewServeMux()
				mux.Handle("/late/", http.StripPrefix("/late", durable.Handler(late{store, 2 * time.Second}, byPath)))
				mux.Handle("/never/", http.StripPrefix("/never", durable.Handler(late{store, time.Hour}, byPath)))
				pipes := probe.NewPipes()
				server := &http.Server{
					Handler: mux, WriteTimeout: time.Second, ErrorLog: log.New(io.Discard, "", 0),
				}
				transport := pipes.Serve(server, proto)
				defer server.Close()
				defer transport.CloseIdleConnections()

				for _, test := range []struct {
					method, target, body string
					status               int
				}{
					{"GET", "/late/a", "", 404},
					{"PUT", "/late/a", "one", 201},
					{"PUT", "/late/a", "one", 200},
					{"POST", "/late/a", "two", 204},
					{"HEAD", "/late/a", "", 200},
					{"GET", "/late/a?offset=-1", "", 200},
					{"GET", "/late/a?offset=now&live=long-poll", "", 204}, // after 20 seconds
					{"POST", "/never/a", "three", 503},
					{"GET", "/never/a", "", 503},
					{"DELETE", "/late/a", "", 204},
				} {
					r, err := http.NewRequestWithContext(t.Context(), test.method, "http://example.com"+test.target, strings.NewReader(test.body))
					require.NoError(t, err)
					r.Header.Set("Content-Type", "text/plain")
					a, err := transport.RoundTrip(r)
					require.NoError(t, err, "%s %s", test.method, test.target)
					_, err = io.Copy(io.Discard, a.Body)
					assert.NoError(t, err, "%s %s", test.method, test.target)
					assert.NoError(t, a.Body.Close())
					assert.Equal(t, test.status, a.StatusCode, "%s %s", test.method, test.target)
				}
			})
		})
	}
}

// The handler gives up a client that does not take the answer.
func TestAnswerIsNotTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pipes := probe.NewPipes()
		closed := make(chan time.Time, 1)
		server := &http.Server{Handler: newHandler(), ErrorLog: log.New(io.Discard, "", 0), ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateClosed {
				closed <- time.Now()
			}
		}}
		go func() { _ = server.Serve(pipes) }()
		defer server.Close()
		conn := pipes.Dial()
		defer conn.Close()
		start := time.Now()
		_, err := io.WriteString(conn, "DELETE /a HTTP/1.1\r\nHost: example.com\r\n\r\n")
		require.NoError(t, err)
		assert.Equal(t, 10*time.Second, (<-closed).Sub(start))
	})
}

// A client that is refused, and does not take the answer, is given up too.
func TestRefusalIsNotTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pipes := probe.NewPipes()
		closed := make(chan time.Time, 2)
		h := newHandler(durable.Stream(httpadapter.LimitPerKey(1, func(r *http.Request) string { return r.URL.Path })))
		waits := make(chan struct{})
		server := &http.Server{ErrorLog: log.New(io.Discard, "", 0), ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateClosed {
				closed <- time.Now()
			}
		}}
		server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Late") == "" {
				close(waits)
			}
			h.ServeHTTP(w, r)
		})
		require.Equal(t, http.StatusCreated, do(t, h, "PUT", "/a", "one", asText...).status)
		go func() { _ = server.Serve(pipes) }()
		defer server.Close()
		first := pipes.Dial()
		defer first.Close()
		_, err := io.WriteString(first, "GET /a?offset=-1&live=sse HTTP/1.1\r\nHost: example.com\r\n\r\n")
		require.NoError(t, err)
		go func() { _, _ = io.Copy(io.Discard, first) }()
		<-waits
		synctest.Wait()
		second := pipes.Dial()
		defer second.Close()
		start := time.Now()
		_, err = io.WriteString(second, "GET /a HTTP/1.1\r\nHost: example.com\r\nLate: 1\r\n\r\n")
		require.NoError(t, err)
		select {
		case at := <-closed:
			assert.Equal(t, 10*time.Second, at.Sub(start))
		case <-time.After(time.Minute):
			assert.Fail(t, "it is not given up")
		}
	})
}
