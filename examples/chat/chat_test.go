package chat

import (
	"context"
	"fmt"
	"iter"
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

	"github.com/halley-go/halley/comet/follow"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/iteratee"
)

// newChat returns a chat in memory, which ends with the test.
func newChat(t *testing.T) *Chat {
	rooms := topics.New[Message](topics.Memory(100))
	t.Cleanup(rooms.Close)
	return New(rooms)
}

func room(t *testing.T, c *Chat, name string) Room {
	t.Helper()
	r, err := c.Room(name)
	require.NoError(t, err)
	return r
}

// A posted is a message of a room.
type posted = enumerator.Item[Message]

// messages returns the first n messages of room after a Position, without the lists of rooms.
func messages(t *testing.T, room Room, after enumerator.Position, n int) []posted {
	t.Helper()
	found, err := enumerator.Run(t.Context(), enumerator.Through(room.Messages(after), enumeratee.Compose(
		enumeratee.FilterMap(func(i enumerator.Item[any]) (posted, bool) {
			m, ok := i.Value.(Message)
			return posted{Value: m, Position: i.Position}, ok
		}),
		enumeratee.Take[posted](n))),
		iteratee.Collect[posted]())
	require.NoError(t, err)
	return found
}

func TestRoom(t *testing.T) {
	lobby := room(t, newChat(t), "lobby")
	require.NoError(t, lobby.Post(t.Context(), "one", "", " kiki ", " foo\n"))
	require.NoError(t, lobby.Post(t.Context(), "one", "", strings.Repeat("ä", maxName), strings.Repeat("<", maxText)))
	found := messages(t, lobby, enumerator.Position{}, 2)
	assert.Equal(t, "kiki", found[0].Value.Name)
	assert.Equal(t, "foo", found[0].Value.Text)
	assert.Equal(t, strings.Repeat("ä", maxName), found[1].Value.Name)
	assert.Equal(t, found[1:], messages(t, lobby, found[0].Position, 1))

	for _, post := range [][3]string{{"", "", "text"}, {"", "name", ""}, {"", " ", "text"}, {"", "name", "\n"}, {"", "name", "\xff"},
		{"", strings.Repeat("ä", maxName+1), "text"}, {"", "name", strings.Repeat("a", maxText+1)}, {strings.Repeat("k", maxKey+1), "name", "text"}} {
		assert.ErrorIs(t, lobby.Post(t.Context(), "one", post[0], post[1], post[2]), ErrLength)
	}
	assert.Equal(t, found, messages(t, lobby, enumerator.Position{}, 2), "no other message was posted")
}

// Each name has its own messages, even if its characters have a meaning for the store.
func TestRooms(t *testing.T) {
	c := newChat(t)
	names := []string{"lobby", "Lobby", "a b", "a.b", "a.*", ">", "*", "$SYS", "../x", "%2e", "<b>", "日本", strings.Repeat("ö", maxRoom)}
	for _, name := range names {
		require.NoError(t, room(t, c, name).Post(t.Context(), name, "", "kiki", "in "+name))
	}
	for _, name := range names {
		assert.Equal(t, "in "+name, messages(t, room(t, c, " "+name+"\n"), enumerator.Position{}, 1)[0].Value.Text)
	}
	for _, name := range []string{"", " ", strings.Repeat("a", maxRoom+1), "\xff"} {
		_, err := c.Room(name)
		assert.ErrorIs(t, err, ErrRoom, "%q", name)
	}
}

// A message that is posted again with its key appears once.
func TestPostAgain(t *testing.T) {
	lobby := room(t, newChat(t), "lobby")
	for _, key := range []string{"1", "1", "2", "1"} {
		require.NoError(t, lobby.Post(t.Context(), "one", key, "kiki", "message "+key))
	}
	found := messages(t, lobby, enumerator.Position{}, 2)
	assert.Equal(t, "message 1", found[0].Value.Text)
	assert.Equal(t, "message 2", found[1].Value.Text)
}

func TestRoomHoldsTheLastMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lobby := room(t, newChat(t), "lobby")
		for n := range 150 {
			require.NoError(t, lobby.Post(t.Context(), "one", "", "kiki", fmt.Sprint(n)))
			time.Sleep(posterPace.pause)
		}
		found := messages(t, lobby, enumerator.Position{}, 100)
		assert.Equal(t, "50", found[0].Value.Text)
		assert.Equal(t, "149", found[99].Value.Text)
	})
}

// A visitor gets the list of the open rooms, and again when it changes.
func TestOpenRooms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChat(t)
		lists := func(name string) (next <-chan []OpenRoom, leave func()) {
			ctx, cancel := context.WithCancel(t.Context())
			found, left := make(chan []OpenRoom), make(chan struct{})
			go func() {
				defer close(left)
				for i := range enumerator.All(ctx, room(t, c, name).Messages(enumerator.Position{})) {
					if open, ok := i.Value.([]OpenRoom); ok {
						assert.Equal(t, "rooms", i.Event)
						assert.Zero(t, i.Position, "a client cannot resume after a list")
						found <- open
					}
				}
			}()
			return found, func() { cancel(); <-left }
		}
		one, leaveOne := lists("lobby")
		assert.Equal(t, []OpenRoom{{"lobby", 1}}, <-one)
		two, leaveTwo := lists("den")
		assert.Equal(t, []OpenRoom{{"lobby", 1}}, <-two, "the last list comes at once")
		assert.Equal(t, []OpenRoom{{"den", 1}, {"lobby", 1}}, <-one)
		assert.Equal(t, []OpenRoom{{"den", 1}, {"lobby", 1}}, <-two)
		three, leaveThree := lists("lobby")
		<-three
		want := []OpenRoom{{"lobby", 2}, {"den", 1}}
		assert.Equal(t, want, <-one)
		assert.Equal(t, want, <-two)
		assert.Equal(t, want, <-three)

		leaveOne()
		leaveThree()
		assert.Equal(t, []OpenRoom{{"den", 1}}, <-two)
		leaveTwo()
		assert.Empty(t, c.visitors)
		assert.Zero(t, c.open.Runs())
		assert.Zero(t, c.rooms.Stats().Topics)
	})
}

// A page is a visitor of its room until its stream ends. The list of the rooms has a stream of its own.
func TestStreams(t *testing.T) {
	known := goleak.IgnoreCurrent()
	c := newChat(t)
	srv := httptest.NewServer(Handler(c))
	t.Cleanup(func() {
		srv.Close()
		http.DefaultClient.CloseIdleConnections()
		goleak.VerifyNone(t, known)
	})
	next, stop := iter.Pull2(enumerator.All(t.Context(), follow.Items[[]OpenRoom](follow.Get(srv.URL+"/chat/rooms"))))
	defer stop()
	listed := func(want ...OpenRoom) {
		t.Helper()
		for {
			i, err, ok := next()
			require.NoError(t, err)
			require.True(t, ok)
			if i.IsMessage() && assert.ObjectsAreEqual(append([]OpenRoom{}, want...), append([]OpenRoom{}, i.Value...)) {
				return
			}
		}
	}
	visit := func(room, id string) (posted func() string, leave func()) {
		next, stop := iter.Pull2(enumerator.All(t.Context(), follow.Items[Message](follow.Get(srv.URL+"/chat/stream?room="+room+"&lastEventId="+id))))
		return func() string {
			t.Helper()
			for {
				i, err, ok := next()
				require.NoError(t, err)
				require.True(t, ok)
				require.False(t, i.Reset || i.Gap.N > 0)
				if i.IsMessage() {
					return i.Value.Text
				}
			}
		}, stop
	}
	den := room(t, c, "den")
	post := func(texts ...string) {
		for _, text := range texts {
			require.NoError(t, den.Post(t.Context(), "one", "", "kiki", text))
		}
	}
	post("one", "two")
	first := messages(t, den, enumerator.Position{}, 1)[0].Position.String()
	one, leaveOne := visit("den", "")
	assert.Equal(t, "one", one())
	listed(OpenRoom{"den", 1})
	two, leaveTwo := visit("den", first)
	assert.Equal(t, "two", two())
	listed(OpenRoom{"den", 2})
	post("three")
	assert.Equal(t, "two", one())
	assert.Equal(t, "three", one())
	assert.Equal(t, "three", two())
	leaveOne()
	listed(OpenRoom{"den", 1})
	leaveTwo()
	listed()
}

func TestOpenRoomsAreFew(t *testing.T) {
	c := newChat(t)
	for n := range 1000 {
		c.visit(fmt.Sprint(n), 1)
	}
	c.visit("999", 1)
	found := c.list(time.Time{})
	assert.Len(t, found, maxOpen)
	assert.Equal(t, []OpenRoom{{"999", 2}, {"0", 1}, {"1", 1}, {"10", 1}}, found[:4])
}

func TestPaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChat(t)
		lobby, den := room(t, c, "lobby"), room(t, c, "den")
		posted := func(poster string, room Room) (n int) {
			for room.Post(t.Context(), poster, "", "kiki", "foo") == nil {
				n++
			}
			return n
		}
		for _, poster := range []string{"one", "two"} {
			assert.Equal(t, posterPace.burst, posted(poster, lobby))
			assert.ErrorIs(t, lobby.Post(t.Context(), poster, "", "kiki", "foo"), ErrBusy)
			assert.ErrorIs(t, den.Post(t.Context(), poster, "", "kiki", "foo"), ErrBusy, "the pace of a poster is for all rooms")
		}
		time.Sleep(posterPace.pause)
		assert.Equal(t, 1, posted("one", den))
		time.Sleep(posterPace.pause)
		assert.Equal(t, 1, posted("one", lobby))
		assert.Equal(t, 2, posted("two", lobby))
		time.Sleep(time.Hour)
		assert.Equal(t, posterPace.burst, posted("one", lobby))

		// A busy room does not keep out the others, until all rooms are busy.
		time.Sleep(time.Hour)
		poster, all := 0, 0
		fill := func(room Room) (n int) {
			for ; ; poster++ {
				one := posted(fmt.Sprint("poster ", poster), room)
				if n += one; one == 0 {
					return n
				}
			}
		}
		for n := range chatPace.burst / roomPace.burst {
			filled := fill(room(t, c, fmt.Sprint(n)))
			assert.Equal(t, roomPace.burst, filled)
			all += filled
		}
		assert.Equal(t, chatPace.burst, all)
		assert.Zero(t, fill(room(t, c, "another")))
	})
}

// With any number of posters and rooms, the chat takes messages at its full pace and remembers few of them.
func TestManyPostersAndRooms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChat(t)
		posted, most := 0, 0
		start := time.Now()
		for n := range 8_000 {
			if room(t, c, fmt.Sprint(n)).Post(t.Context(), fmt.Sprint(n), "", "kiki", "foo") == nil {
				posted++
			}
			most = max(most, len(c.busy))
			time.Sleep(time.Millisecond)
		}
		assert.InDelta(t, chatPace.burst+int(time.Since(start)/chatPace.pause), posted, 1)
		assert.LessOrEqual(t, most, 2*(chatPace.burst+int((posterPace.pause+time.Second)/chatPace.pause)+2))
		time.Sleep(time.Minute)
		require.NoError(t, room(t, c, "lobby").Post(t.Context(), "one", "", "kiki", "foo"))
		assert.Len(t, c.busy, 3)
	})
}

// A poster that posts as fast as it can leaves room for the others.
func TestOnePosterDoesNotKeepOutTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lobby := room(t, newChat(t), "lobby")
		for n := range 1000 {
			for lobby.Post(t.Context(), "greedy", "", "kiki", "foo") == nil {
			}
			if n%10 == 0 {
				require.NoError(t, lobby.Post(t.Context(), "modest", "", "kiki", "foo"))
			}
			time.Sleep(50 * time.Millisecond)
		}
	})
}

func TestPost(t *testing.T) {
	c := newChat(t)
	h := Handler(c)
	post := func(body string, header ...string) *http.Response {
		r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/chat/messages", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Result()
	}
	form := url.Values{"name": {"kiki"}, "text": {"a & b"}}
	assert.Equal(t, http.StatusNoContent, post(form.Encode()).StatusCode)
	assert.Equal(t, "a & b", messages(t, room(t, c, "lobby"), enumerator.Position{}, 1)[0].Value.Text)
	assert.Equal(t, http.StatusNoContent, post(form.Encode(), "Sec-Fetch-Site", "same-origin").StatusCode)
	for _, text := range []string{"first", "second"} { // with one key
		assert.Equal(t, http.StatusNoContent, post(url.Values{"room": {"a & b"}, "key": {"1"}, "name": {"kiki"}, "text": {text}}.Encode()).StatusCode)
	}
	assert.Equal(t, http.StatusNoContent, post(url.Values{"room": {"a & b"}, "key": {"2"}, "name": {"kiki"}, "text": {"third"}}.Encode()).StatusCode)
	assert.Equal(t, "third", messages(t, room(t, c, "a & b"), enumerator.Position{}, 2)[1].Value.Text)

	assert.Equal(t, http.StatusForbidden, post(form.Encode(), "Sec-Fetch-Site", "cross-site").StatusCode)
	assert.Equal(t, http.StatusUnsupportedMediaType, post(form.Encode(), "Content-Type", "text/plain").StatusCode)
	assert.Equal(t, http.StatusBadRequest, post("name=kiki").StatusCode)
	assert.Equal(t, http.StatusBadRequest, post("name=%zz&text=foo").StatusCode)
	assert.Equal(t, http.StatusBadRequest, post("name=kiki&text=foo&room="+strings.Repeat("a", maxRoom+1)).StatusCode)
	assert.Equal(t, http.StatusRequestEntityTooLarge, post("name=kiki&text="+strings.Repeat("a", 20<<10)).StatusCode)
	var busy *http.Response
	for range posterPace.burst + 1 {
		if r := post(form.Encode()); r.StatusCode != http.StatusNoContent {
			busy = r
		}
	}
	require.NotNil(t, busy)
	assert.Equal(t, http.StatusTooManyRequests, busy.StatusCode)
	assert.Equal(t, "1", busy.Header.Get("Retry-After"))
	c.rooms.Close()
	clear(c.busy)
	assert.Equal(t, http.StatusServiceUnavailable, post(form.Encode()).StatusCode)
}

func TestStreamOfNoRoom(t *testing.T) {
	w := httptest.NewRecorder()
	Handler(newChat(t)).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/chat/stream?room=%20", nil))
	assert.Equal(t, http.StatusBadRequest, w.Code)
	assert.Contains(t, w.Body.String(), ErrRoom.Error())
}
