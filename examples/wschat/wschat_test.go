package wschat

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	coder "github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/examples/chat"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/iteratee"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newChat returns a chat in memory, and its lobby. It ends with the test.
func newChat(t *testing.T) (*chat.Chat, chat.Room) {
	rooms := topics.New[chat.Message](topics.Memory(100))
	t.Cleanup(rooms.Close)
	c := chat.New(rooms)
	lobby, err := c.Room("lobby")
	require.NoError(t, err)
	return c, lobby
}

func serve(t *testing.T, rooms *chat.Chat) *httptest.Server {
	s := httptest.NewUnstartedServer(Handler(rooms))
	httpadapter.Drain(s.Config)
	s.Start()
	t.Cleanup(s.Close)
	return s
}

// A client is a connection to the chat.
type client struct {
	*testing.T
	conn *coder.Conn
	ctx  context.Context
}

func dial(t *testing.T, s *httptest.Server, query string) client {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	conn, _, err := coder.Dial(ctx, s.URL+"/wschat/socket"+query, nil)
	require.NoError(t, err)
	t.Cleanup(func() { conn.CloseNow() })
	return client{t, conn, ctx}
}

func (c client) say(name, text string) {
	require.NoError(c, wsjson.Write(c.ctx, c.conn, post{"", name, text}))
}

// A record is a decoded comet.Record.
type record struct {
	Event, ID string
	Data      any
}

// message returns the name and the text of the message in r.
func (r record) message() string {
	m, _ := r.Data.(map[string]any)
	name, _ := m["name"].(string)
	text, _ := m["text"].(string)
	return name + ": " + text
}

// record reads a record that is neither a bookmark nor a list of rooms.
func (c client) record() record {
	for {
		var r record
		require.NoError(c, wsjson.Read(c.ctx, c.conn, &r))
		if r.Event != "bookmark" && r.Event != "rooms" {
			return r
		}
	}
}

// records reads n records. It returns the messages and the data of the answers, which can
// arrive in any order.
func (c client) records(n int) (messages []string, answers []any) {
	for range n {
		if r := c.record(); r.Event == "answer" {
			assert.Empty(c, r.ID, "a client cannot resume after an answer")
			answers = append(answers, r.Data)
		} else {
			messages = append(messages, r.message())
		}
	}
	return messages, answers
}

func (c client) closed() coder.StatusCode {
	for {
		if _, _, err := c.conn.Read(c.ctx); err != nil {
			return coder.CloseStatus(err)
		}
	}
}

// Every client gets the messages of all transports, and the answers to its own posts.
func TestChat(t *testing.T) {
	rooms, lobby := newChat(t)
	s := serve(t, rooms)
	require.NoError(t, lobby.Post(t.Context(), "another", "", "comet", "before"))
	one, two := dial(t, s, ""), dial(t, s, "")

	hostile := `</script><img src=x onerror="alert(1)">`
	one.say("kiki", hostile)
	messages, answers := one.records(3)
	assert.Equal(t, []string{"comet: before", "kiki: " + hostile}, messages)
	assert.Equal(t, []any{""}, answers)

	two.say("", "nobody")
	two.say("two", "bar")
	require.NoError(t, lobby.Post(t.Context(), "another", "", "comet", "after"))
	messages, answers = two.records(6)
	assert.ElementsMatch(t, []string{"comet: before", "kiki: " + hostile, "two: bar", "comet: after"}, messages)
	assert.Equal(t, []any{chat.ErrLength.Error(), ""}, answers)

	rest, answers := one.records(2)
	assert.Equal(t, messages[2:], rest)
	assert.Empty(t, answers, "the answers belong to the other client")

	require.NoError(t, one.conn.Close(coder.StatusNormalClosure, ""))
	two.say("two", "alone")
	messages, _ = two.records(2)
	assert.Equal(t, []string{"two: alone"}, messages)
}

func TestGoesOnWhereItWas(t *testing.T) {
	rooms, lobby := newChat(t)
	s := serve(t, rooms)
	for _, text := range []string{"one", "two", "three"} {
		require.NoError(t, lobby.Post(t.Context(), "another", "", "kiki", text))
	}
	c := dial(t, s, "")
	assert.Equal(t, "kiki: one", c.record().message())
	at := c.record().ID

	assert.Equal(t, "kiki: three", dial(t, s, "?lastEventId="+at).record().message())

	for _, unknown := range []string{"1z-11", "%00"} { // as after a restart of the server
		c := dial(t, s, "?lastEventId="+unknown)
		assert.Equal(t, "reset", c.record().Event)
		messages, _ := c.records(3)
		assert.Equal(t, []string{"kiki: one", "kiki: two", "kiki: three"}, messages)
	}
}

// A client that falls so far behind that the room has dropped messages is told so, and gets those that the room keeps.
func TestSlowClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, lobby := newChat(t)
		_, out := join(lobby, "one", enumerator.Position{})
		slow := enumeratee.Compose(
			enumeratee.Filter(func(r comet.Record) bool { return r.Event != "rooms" && r.Event != comet.Bookmark }),
			enumeratee.Tap(func(r comet.Record) {
				if m, ok := r.Data.(chat.Message); ok && m.Text == "0" {
					time.Sleep(time.Hour)
				}
			}, nil))
		go func() {
			for n := range 400 {
				time.Sleep(time.Second)
				assert.NoError(t, lobby.Post(t.Context(), "another", "", "kiki", strconv.Itoa(n)))
			}
		}()
		records, err := enumerator.Run(t.Context(), enumerator.Through(out, enumeratee.Compose(slow, enumeratee.Take[comet.Record](102))), iteratee.Collect[comet.Record]())
		require.NoError(t, err)
		assert.Equal(t, "0", records[0].Data.(chat.Message).Text)
		assert.Equal(t, comet.Reset, records[1].Event)
		for i, r := range records[2:] {
			assert.Equal(t, strconv.Itoa(300+i), r.Data.(chat.Message).Text)
		}
	})
}

// Posts beyond the pace are answered with ErrBusy. Later posts are taken again.
func TestBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, lobby := newChat(t)
		in, out := join(lobby, "one", enumerator.Position{})
		posts := make(chan post)
		go func() {
			defer close(posts)
			for range 50 {
				posts <- post{"", "kiki", "foo"}
			}
			time.Sleep(time.Minute)
			posts <- post{"", "kiki", "bar"}
		}()
		taken := make(chan error, 1)
		go func() {
			_, err := enumerator.Run(t.Context(), enumerator.FromChan(posts), in)
			taken <- err
		}()
		answers := enumeratee.Compose(
			enumeratee.Filter(func(r comet.Record) bool { return r.Event == "answer" }),
			enumeratee.Take[comet.Record](51),
		)
		records, err := enumerator.Run(t.Context(), enumerator.Through(out, answers), iteratee.Collect[comet.Record]())
		require.NoError(t, err)
		require.NoError(t, <-taken)
		count := map[any]int{}
		for _, r := range records {
			count[r.Data]++
		}
		assert.Equal(t, map[any]int{"": 21, chat.ErrBusy.Error(): 30}, count)
		assert.Equal(t, "", records[50].Data)
	})
}

// The posts of a client that does not read are not read either.
func TestBackpressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, lobby := newChat(t)
		ctx, cancel := context.WithCancel(t.Context())
		in, _ := join(lobby, "one", enumerator.Position{})
		read := 0
		posts := enumerator.Repeat(func() post { read++; return post{"", "kiki", "foo"} })
		ended := make(chan error, 1)
		go func() {
			_, err := enumerator.Run(ctx, posts, in)
			ended <- err
		}()
		synctest.Wait()
		assert.Equal(t, 1, read)
		cancel()
		assert.ErrorIs(t, <-ended, context.Canceled)
	})
}

func TestRefuses(t *testing.T) {
	rooms, _ := newChat(t)
	s := serve(t, rooms)
	for name, test := range map[string]struct {
		kind coder.MessageType
		data string
		want coder.StatusCode
	}{
		"no JSON":   {coder.MessageText, "foo", coder.StatusInvalidFramePayloadData},
		"no post":   {coder.MessageText, `{"name":1}`, coder.StatusInvalidFramePayloadData},
		"binary":    {coder.MessageBinary, `{}`, coder.StatusUnsupportedData},
		"too large": {coder.MessageText, `{"name":"kiki","text":"` + strings.Repeat("a", 20<<10) + `"}`, coder.StatusMessageTooBig},
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, s, "")
			require.NoError(t, c.conn.Write(c.ctx, test.kind, []byte(test.data)))
			assert.Equal(t, test.want, c.closed())
		})
	}
	_, res, err := coder.Dial(t.Context(), s.URL+"/wschat/socket", &coder.DialOptions{HTTPHeader: http.Header{"Origin": {"https://elsewhere.example"}}})
	require.Error(t, err)
	assert.Equal(t, http.StatusForbidden, res.StatusCode)

	_, err = answer(errors.New("closed"))
	assert.EqualError(t, err, "closed", "the error ends the connection")
}

// The largest post that the room takes fits into a message, even with escapes for all characters.
func TestLargestPost(t *testing.T) {
	rooms, _ := newChat(t)
	c := dial(t, serve(t, rooms), "")
	largest := `{"name":"` + strings.Repeat(`\ud83d\ude00`, 30) + `","text":"` + strings.Repeat(`\ud83d\ude00`, 1000) + `"}`
	require.NoError(t, c.conn.Write(c.ctx, coder.MessageText, []byte(largest)))
	messages, answers := c.records(2)
	assert.Equal(t, []string{strings.Repeat("😀", 30) + ": " + strings.Repeat("😀", 1000)}, messages)
	assert.Equal(t, []any{""}, answers)
}

func TestDrain(t *testing.T) {
	rooms, _ := newChat(t)
	s := serve(t, rooms)
	c := dial(t, s, "")
	c.say("kiki", "foo")
	c.records(2)
	require.NoError(t, s.Config.Shutdown(t.Context()))
	assert.Equal(t, coder.StatusGoingAway, c.closed())
}
