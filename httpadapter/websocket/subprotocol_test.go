package websocket_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	coder "github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/websocket"
	"github.com/halley-go/halley/internal/probe"
	"github.com/halley-go/halley/iteratee"
)

// open sends a handshake with the headers, and returns the head of the answer and the connection.
func (s *testServer) open(headers ...string) (*http.Response, net.Conn) {
	s.t.Helper()
	return open(s.t, s.Listener.Addr().String(), headers...)
}

func open(t testing.TB, addr string, headers ...string) (*http.Response, net.Conn) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: halley\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"+strings.Join(append(headers, "\r\n"), "\r\n"))
	require.NoError(t, err)
	buffered := bufio.NewReaderSize(conn, 16)
	response, err := http.ReadResponse(buffered, nil)
	require.NoError(t, err)
	return response, bufferedConn{conn, buffered}
}

type bufferedConn struct {
	net.Conn
	r *bufio.Reader
}

func (c bufferedConn) Read(p []byte) (int, error) { return c.r.Read(p) }

// naming sends the subprotocol to the client, as accept and as the function of a run see it.
func naming(names ...string) http.Handler {
	return websocket.Handler(websocket.Text(), func(r *http.Request) (iteratee.Iteratee[string, struct{}], enumerator.Enumerator[string], error) {
		accepted := websocket.Subprotocol(r)
		inRun := enumeratee.Map(func(name string) string { return name + " " + websocket.Subprotocol(r) })
		return iteratee.Ignore[string](), enumerator.Through(enumerator.Of(accepted), inRun), nil
	}, websocket.Subprotocols(names...))
}

func TestSubprotocols(t *testing.T) {
	const name = "Sec-WebSocket-Protocol: "
	for offers, want := range map[string]string{
		"":                                       "",
		name + "a":                               "a",
		name + "b":                               "b",
		name + "a, b":                            "b", // the preference of the server
		name + "b, a":                            "b",
		name + "x, a, y":                         "a",
		name + "a\r\n" + name + "b":              "b",
		"sec-websocket-protocol: a":              "a",
		name + " \ta \t,x":                       "a",
		name + ",,a,":                            "a",
		name + "a, a":                            "a",
		name:                                     "",
		name + ",":                               "",
		name + "x, y":                            "",
		name + "A":                               "",
		name + "aa":                              "",
		name + "a b":                             "",
		name + "a;b":                             "",
		name + `"a"`:                             "",
		name + "a\u00a0":                         "",
		name + "x\r\n a":                         "", // a folded line
		name + strings.Repeat("x, ", 1000) + "a": "a",
	} {
		t.Run(offers[:min(len(offers), 60)], func(t *testing.T) {
			s := serve(t, naming("b", "a", "c"))
			var headers []string
			if offers != "" {
				headers = []string{offers}
			}
			response, conn := s.open(headers...)
			assert.Equal(t, http.StatusSwitchingProtocols, response.StatusCode)
			var accepted []string
			if want != "" {
				accepted = []string{want}
			}
			assert.Equal(t, accepted, response.Header.Values("Sec-WebSocket-Protocol"))
			text := want + " " + want
			got := make([]byte, 2+len(text))
			_, err := io.ReadFull(conn, got)
			require.NoError(t, err)
			assert.Equal(t, fmt.Sprintf("\x81%c%s", len(text), text), string(got))
			conn.Close()
			s.checkReturned()
		})
	}
}

// Whatever a client offers, the answer has the first name of the server that it offers, and no other header.
func TestOffersDoNotReachTheAnswer(t *testing.T) {
	names := []string{"graphql-transport-ws", "b", "~"}
	s := serve(t, naming(names...))
	rapid.Check(t, func(t *rapid.T) {
		offers := rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom(names), rapid.StringMatching(`[ -~\t]{0,5}`)), 0, 5).Draw(t, "offers")
		response, conn := s.open("Sec-WebSocket-Protocol: " + strings.Join(offers, ","))
		conn.Close()
		<-s.returned
		var offered []string
		for _, offer := range strings.Split(strings.Join(offers, ","), ",") {
			offered = append(offered, strings.TrimSpace(offer))
		}
		want := http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Accept": {"ICX+Yqv66kxgM0FcWaLWlFLwTAI="}}
		for _, name := range slices.Backward(names) {
			if slices.Contains(offered, name) {
				want["Sec-Websocket-Protocol"] = []string{name}
			}
		}
		delete(response.Header, "Date")
		if !reflect.DeepEqual(want, response.Header) {
			t.Fatalf("got %v, want %v", response.Header, want)
		}
	})
}

// A request that is refused gets no subprotocol.
func TestARefusedRequestHasNoSubprotocol(t *testing.T) {
	probe.Logs(t)
	s := serve(t, naming("a"))
	response, _ := s.open("Sec-WebSocket-Protocol: a", "Origin: http://enemy.example")
	assert.Equal(t, http.StatusForbidden, response.StatusCode)
	assert.Empty(t, response.Header.Values("Sec-WebSocket-Protocol"))
	s.checkReturned()
}

// Without the option, offers are ignored, and a header that a middleware has set stays.
func TestWithoutSubprotocols(t *testing.T) {
	h := handler(iteratee.Ignore[string](), enumerator.Empty[string]())
	s := serve(t, h)
	response, conn := s.open("Sec-WebSocket-Protocol: a")
	conn.Close()
	assert.Empty(t, response.Header.Values("Sec-WebSocket-Protocol"))
	s.checkReturned()
	s = serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Sec-WebSocket-Protocol", "a")
		h.ServeHTTP(w, r)
	}))
	response, conn = s.open("Sec-WebSocket-Protocol: a")
	conn.Close()
	assert.Equal(t, []string{"a"}, response.Header.Values("Sec-WebSocket-Protocol"))
	s.checkReturned()
	assert.Empty(t, websocket.Subprotocol(new(http.Request)))
}

// If accept returns a CloseError, the client gets its code and reason.
func TestAcceptReturnsACloseError(t *testing.T) {
	refusal := fmt.Errorf("refused: %w", websocket.CloseError{Code: 4406, Reason: "Subprotocol not acceptable"})
	for name, h := range map[string]http.Handler{
		"Handler": websocket.Handler(websocket.Text(), func(*http.Request) (c iteratee.Iteratee[string, struct{}], s enumerator.Enumerator[string], err error) {
			return c, s, refusal
		}),
		"Adapter": websocket.Adapter(websocket.Text(), func(*http.Request) (a enumeratee.Enumeratee[string, string], err error) {
			return a, refusal
		}),
	} {
		t.Run(name, func(t *testing.T) {
			logged := probe.Logs(t)
			s := serve(t, h)
			s.dial().checkClosed(4406, "Subprotocol not acceptable")
			s.checkReturned()
			assert.Contains(t, logged(), "Subprotocol not acceptable")

			response, err := http.Get(s.URL) // a request that asks for no WebSocket
			require.NoError(t, err)
			response.Body.Close()
			assert.Equal(t, http.StatusUpgradeRequired, response.StatusCode)
			s.checkReturned()
		})
	}
}

// A StatusError in a chain with a CloseError does not open a connection that it should not.
func TestAcceptReturnsACloseErrorToAnotherOrigin(t *testing.T) {
	probe.Logs(t)
	s := serve(t, websocket.Adapter(websocket.Text(), func(*http.Request) (a enumeratee.Enumeratee[string, string], err error) {
		return a, &httpadapter.StatusError{Status: 401, Err: websocket.CloseError{Code: 4401}}
	}))
	response, _ := s.open("Origin: http://enemy.example")
	assert.Equal(t, http.StatusForbidden, response.StatusCode)
	s.checkReturned()
	s.dial().checkClosed(4401, "")
	s.checkReturned()
}

func TestSubprotocolsMisuse(t *testing.T) {
	for message, names := range map[string][]string{
		"names must not be empty":                         nil,
		`a name must be a token of HTTP, got ""`:          {"a", ""},
		`a name must be a token of HTTP, got "a, b"`:      {"a, b"},
		`a name must be a token of HTTP, got "a\r\nX: b"`: {"a\r\nX: b"},
		`"a" is given twice`:                              {"a", "b", "a"},
	} {
		assert.PanicsWithValue(t, "httpadapter/websocket: Subprotocols: "+message, func() { websocket.Subprotocols(names...) })
	}
	names := []string{"a"}
	opt := websocket.Subprotocols(names...)
	names[0] = "b" // the option has its own copy
	s := serve(t, handler(iteratee.Ignore[string](), enumerator.Empty[string](), opt))
	conn, response, err := coder.Dial(t.Context(), s.URL, &coder.DialOptions{Subprotocols: []string{"a", "b"}})
	require.NoError(t, err)
	conn.CloseNow()
	assert.Equal(t, "a", response.Header.Get("Sec-WebSocket-Protocol"))
	s.checkReturned()
}
