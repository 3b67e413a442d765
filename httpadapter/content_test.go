package httpadapter_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/comet/eventsource"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumeratee/ndjson"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/compress"
	"github.com/halley-go/halley/iteratee"
)

// decodedBy returns what an adapter makes of bytes, which end where it pleases.
func decodedBy[E any](t *testing.T, decode enumeratee.Enumeratee[[]byte, E], stream string) []E {
	t.Helper()
	got, err := enumerator.Run(t.Context(), enumerator.Through(enumerator.Of([]byte(stream)), decode), iteratee.Collect[E]())
	require.NoError(t, err, "%q", stream)
	return got
}

// A gateway hands on what an upstream server sends, which pauses after each byte until the client
// has got heartbeats of the gateway. None of them falls into the middle of anything.
func TestGateway(t *testing.T) {
	script := string(comet.Heartbeat("beat"))
	for name, c := range map[string]struct {
		stream string
		whole  enumeratee.Enumeratee[[]byte, []byte]
		beat   string // an own one, or that of the content
		opts   []httpadapter.Option
		check  func(t *testing.T, stream, got string) // without heartbeats
	}{
		"events": {
			": hi\n\nid: 1\r\ndata: a\r\ndata: b\r\n\r\nevent: c\rdata\r\rid\ndata: d\n\nretry: 5\n\n",
			eventsource.WholeEvents(100), ":\n", []httpadapter.Option{httpadapter.EventStream()},
			sameEvents,
		},
		"events, a heartbeat that pages hear": {
			"\ufeffdata: a\ndata: b\n\n:\r\nid: 1\r\ndata: c\r\n\r\ndata: d\n\n",
			eventsource.WholeEvents(100), eventsource.HeartbeatEvent, []httpadapter.Option{httpadapter.EventStream()},
			sameEvents,
		},
		"lines": {
			"{\"a\":[1,2]}\n\n\"text\"\r\n3\n",
			ndjson.WholeLines(100), "\n", []httpadapter.Option{httpadapter.NDJSON()},
			func(t *testing.T, stream, got string) {
				assert.Equal(t, decodedBy(t, ndjson.Decode[any](100), stream), decodedBy(t, ndjson.Decode[any](100), got))
			},
		},
		"scripts": {
			"  <html><body><script nonce='n'>f('a <b')</script>\n<script>g()</script>",
			comet.WholeScripts(100), script, []httpadapter.Option{httpadapter.Comet()},
			func(t *testing.T, stream, got string) {
				assert.Equal(t, stream, strings.ReplaceAll(got, script, ""))
				for _, element := range []string{"<html>", "<body>", "<script nonce='n'>f('a <b')</script>", "<script>g()</script>"} {
					assert.Contains(t, got, element)
				}
			},
		},
	} {
		for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
			for _, compressed := range []bool{false, true} {
				t.Run(name+" over "+proto, func(t *testing.T) {
					opts := append(c.opts, httpadapter.Heartbeat(time.Millisecond, []byte(c.beat)))
					if compressed {
						opts = append(opts, compress.Option())
					}
					got := throughGateway(t, proto, c.stream, c.whole, c.beat, opts)
					c.check(t, c.stream, got)
				})
			}
		}
	}
}

func sameEvents(t *testing.T, stream, got string) {
	var events []eventsource.Event
	for _, e := range decodedBy(t, eventsource.DecodeAll(1000), got) {
		if e.Name != "heartbeat" {
			events = append(events, e)
		}
	}
	assert.Equal(t, decodedBy(t, eventsource.DecodeAll(1000), stream), events, "%q", got)
}

// throughGateway returns what the client of a gateway gets.
func throughGateway(t *testing.T, proto, stream string, whole enumeratee.Enumeratee[[]byte, []byte], beat string, opts []httpadapter.Option) string {
	next, arrived, beats := make(chan byte), make(chan bool, len(stream)+10), make(chan bool, 1)
	upstream := start(t, proto, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		_ = rc.Flush()
		for c := range next {
			_, _ = w.Write([]byte{c})
			_ = rc.Flush()
		}
	}))
	gateway := start(t, proto, httpadapter.Handler(func(r *http.Request) (e enumerator.Enumerator[[]byte], err error) {
		noting := enumeratee.Map(func(chunk []byte) []byte {
			for range chunk {
				arrived <- true
			}
			return chunk
		})
		req, err := http.NewRequestWithContext(r.Context(), "GET", upstream.URL, nil)
		if err != nil {
			return e, err
		}
		res, err := upstream.Client().Do(req)
		if err != nil {
			return e, err
		}
		return enumerator.Through(httpadapter.Response(res), enumeratee.Compose(noting, whole)), nil
	}, opts...))

	res := get(t, gateway, t.Context())
	body := make(chan string, 1)
	go func() {
		var got bytes.Buffer
		seen := 0
		for chunk := make([]byte, 512); ; {
			n, err := res.Body.Read(chunk)
			got.Write(chunk[:n])
			if now := bytes.Count(got.Bytes(), []byte(beat)); now > seen {
				seen = now
				select {
				case beats <- true:
				default:
				}
			}
			if err != nil {
				if err != io.EOF {
					got.WriteString(err.Error())
				}
				body <- got.String()
				return
			}
		}
	}()
	for _, c := range []byte(stream) {
		send(t, next, c)
		receive(t, arrived, "a byte at the gateway")
		for range 3 { // one may have been on its way
			receive(t, beats, "a heartbeat")
		}
	}
	close(next)
	return receive(t, body, "the end")
}

// A connection that breaks within an event does not spoil the one that comes after it.
func TestGatewayThatConnectsAgain(t *testing.T) {
	upstream := start(t, "HTTP/1.1", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "\ufeffdata: a\n\ndata: cut sh")
	}))
	connection := func() enumerator.Enumerator[[]byte] {
		return enumerator.Defer(func(context.Context) (enumerator.Enumerator[[]byte], error) {
			return enumerator.Through(httpadapter.Response(get(t, upstream, t.Context())), eventsource.WholeEvents(100)), nil
		})
	}
	got, err := enumerator.Run(t.Context(), connection().AndThen(connection()), iteratee.Consume[byte]())
	require.NoError(t, err)
	assert.Equal(t, "data: a\n\ndata: a\n\n", string(got))
}
