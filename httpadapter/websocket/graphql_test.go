package websocket_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"

	coder "github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/httpadapter/websocket"
	"github.com/halley-go/halley/internal/probe"
)

// frameOfGraphQL is a message of the subprotocol graphql-transport-ws.
type frameOfGraphQL struct {
	ID      string          `json:"id,omitempty"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

// graphQL is a server of graphql-transport-ws that answers each subscription with two results.
func graphQL() http.Handler {
	refuse := func(code coder.StatusCode, reason string) error {
		return websocket.CloseError{Code: code, Reason: reason}
	}
	return websocket.Adapter(websocket.JSON[frameOfGraphQL, frameOfGraphQL](), func(r *http.Request) (a enumeratee.Enumeratee[frameOfGraphQL, frameOfGraphQL], err error) {
		if websocket.Subprotocol(r) == "" {
			return a, refuse(4406, "Subprotocol not acceptable")
		}
		initialized := false
		answers := enumeratee.MapM(func(_ context.Context, f frameOfGraphQL) ([]frameOfGraphQL, error) {
			switch f.Type {
			case "connection_init":
				if initialized {
					return nil, refuse(4429, "Too many initialisation requests")
				}
				initialized = true
				return []frameOfGraphQL{{Type: "connection_ack"}}, nil
			case "ping":
				return []frameOfGraphQL{{Type: "pong"}}, nil
			case "subscribe":
				if !initialized {
					return nil, refuse(4401, "Unauthorized")
				}
				return []frameOfGraphQL{
					{ID: f.ID, Type: "next", Payload: json.RawMessage(`{"data":{"n":1}}`)},
					{ID: f.ID, Type: "next", Payload: json.RawMessage(`{"data":{"n":2}}`)},
					{ID: f.ID, Type: "complete"},
				}, nil
			case "complete", "pong":
				return nil, nil
			}
			return nil, refuse(4400, "Invalid message")
		})
		return enumeratee.Compose(answers, enumeratee.MapConcat(func(fs []frameOfGraphQL) []frameOfGraphQL { return fs })), nil
	}, websocket.Subprotocols("graphql-transport-ws"))
}

func TestGraphQL(t *testing.T) {
	for name, c := range map[string]struct {
		offer []string
		send  []string
		want  []string
		code  coder.StatusCode // 0 if the client closes
	}{
		"a subscription": {
			[]string{"graphql-transport-ws"},
			[]string{`{"type":"connection_init"}`, `{"type":"ping"}`, `{"id":"1","type":"subscribe","payload":{"query":"subscription { n }"}}`},
			[]string{`{"type":"connection_ack"}`, `{"type":"pong"}`, `{"id":"1","type":"next","payload":{"data":{"n":1}}}`, `{"id":"1","type":"next","payload":{"data":{"n":2}}}`, `{"id":"1","type":"complete"}`}, 0,
		},
		"a client that also speaks the older protocol": {[]string{"graphql-ws", "graphql-transport-ws"}, []string{`{"type":"connection_init"}`}, []string{`{"type":"connection_ack"}`}, 0},
		"only the older protocol":                      {[]string{"graphql-ws"}, nil, nil, 4406},
		"no protocol":                                  {nil, nil, nil, 4406},
		"a subscription before the init":               {[]string{"graphql-transport-ws"}, []string{`{"id":"1","type":"subscribe"}`}, nil, 4401},
		"two inits":                                    {[]string{"graphql-transport-ws"}, []string{`{"type":"connection_init"}`, `{"type":"connection_init"}`}, []string{`{"type":"connection_ack"}`}, 4429},
		"an unknown type":                              {[]string{"graphql-transport-ws"}, []string{`{"type":"hello"}`}, nil, 4400},
	} {
		t.Run(name, func(t *testing.T) {
			probe.Logs(t)
			s := serve(t, graphQL())
			conn, _, err := coder.Dial(t.Context(), s.URL, &coder.DialOptions{Subprotocols: c.offer})
			require.NoError(t, err)
			defer conn.CloseNow()
			if c.code != 4406 {
				assert.Equal(t, "graphql-transport-ws", conn.Subprotocol())
			}
			for _, message := range c.send {
				require.NoError(t, conn.Write(t.Context(), coder.MessageText, []byte(message)))
			}
			for _, want := range c.want {
				_, got, err := conn.Read(t.Context())
				require.NoError(t, err)
				assert.Equal(t, want, string(got))
			}
			if c.code == 0 {
				require.NoError(t, conn.Close(1000, ""))
			} else {
				_, _, err = conn.Read(t.Context())
				assert.Equal(t, c.code, coder.CloseStatus(err))
			}
			s.checkReturned()
		})
	}
}
