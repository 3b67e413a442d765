package chat

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// messages returns the first n messages of room after a Position.
func messages(t *testing.T, room *Room, after enumerator.Position, n int) []enumerator.Item[Message] {
	t.Helper()
	items, err := enumerator.Run(t.Context(), enumerator.Through(room.Messages(after), enumeratee.Compose(
		enumeratee.Filter(func(i enumerator.Item[Message]) bool { return !i.Bookmark }), enumeratee.Take[enumerator.Item[Message]](n))),
		iteratee.Collect[enumerator.Item[Message]]())
	require.NoError(t, err)
	return items
}

func TestRoom(t *testing.T) {
	room := NewRoom()
	require.NoError(t, room.Post(t.Context(), "one", " kiki ", " foo\n"))
	require.NoError(t, room.Post(t.Context(), "one", strings.Repeat("ä", maxName), strings.Repeat("<", maxText)))
	items := messages(t, room, enumerator.Position{}, 2)
	assert.Equal(t, "kiki", items[0].Value.Name)
	assert.Equal(t, "foo", items[0].Value.Text)
	assert.Equal(t, strings.Repeat("ä", maxName), items[1].Value.Name)
	assert.Equal(t, items[1:], messages(t, room, items[0].Position, 1))

	for _, post := range [][2]string{{"", "text"}, {"name", ""}, {" ", "text"}, {"name", "\n"},
		{strings.Repeat("ä", maxName+1), "text"}, {"name", strings.Repeat("a", maxText+1)}} {
		assert.ErrorIs(t, room.Post(t.Context(), "one", post[0], post[1]), ErrLength)
	}
	assert.Equal(t, items, messages(t, room, enumerator.Position{}, 2), "no other message was posted")
}

func TestRoomHoldsTheLastMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room := NewRoom()
		for n := range 150 {
			require.NoError(t, room.Post(t.Context(), "one", "kiki", fmt.Sprint(n)))
			time.Sleep(posterPace.pause)
		}
		items := messages(t, room, enumerator.Position{}, 100)
		assert.Equal(t, "50", items[0].Value.Text)
		assert.Equal(t, "149", items[99].Value.Text)
	})
}

func TestRoomIsBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room := NewRoom()
		posted := func(poster string) (n int) {
			for room.Post(t.Context(), poster, "kiki", "foo") == nil {
				n++
			}
			return n
		}
		for _, poster := range []string{"one", "two"} {
			assert.Equal(t, posterPace.burst, posted(poster))
			assert.ErrorIs(t, room.Post(t.Context(), poster, "kiki", "foo"), ErrBusy)
		}
		time.Sleep(posterPace.pause)
		assert.Equal(t, 1, posted("one"))
		time.Sleep(posterPace.pause)
		assert.Equal(t, 1, posted("one"))
		assert.Equal(t, 2, posted("two"))
		time.Sleep(time.Hour)
		assert.Equal(t, posterPace.burst, posted("one"))
	})
}

// With any number of posters, the room takes messages at its full pace and remembers few posters.
func TestManyPosters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room := NewRoom()
		posted, most := 0, 0
		start := time.Now()
		for n := range 100_000 {
			if room.Post(t.Context(), fmt.Sprint(n), "kiki", "foo") == nil {
				posted++
			}
			most = max(most, len(room.posters))
			time.Sleep(time.Millisecond)
		}
		assert.InDelta(t, roomPace.burst+int(time.Since(start)/roomPace.pause), posted, 1)
		assert.LessOrEqual(t, most, roomPace.burst+int(posterPace.pause/roomPace.pause)+1)
		assert.Equal(t, "foo", messages(t, room, enumerator.Position{}, 1)[0].Value.Text)
	})
}

// A poster that posts as fast as it can leaves room for the others.
func TestOnePosterDoesNotKeepOutTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room := NewRoom()
		for n := range 1000 {
			for room.Post(t.Context(), "greedy", "kiki", "foo") == nil {
			}
			if n%10 == 0 {
				require.NoError(t, room.Post(t.Context(), "modest", "kiki", "foo"))
			}
			time.Sleep(50 * time.Millisecond)
		}
	})
}

func TestPost(t *testing.T) {
	room := NewRoom()
	h := Handler(room)
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
	form := url.Values{"name": {"kiki"}, "text": {"a & b"}}.Encode()
	assert.Equal(t, http.StatusNoContent, post(form).StatusCode)
	assert.Equal(t, "a & b", messages(t, room, enumerator.Position{}, 1)[0].Value.Text)
	assert.Equal(t, http.StatusNoContent, post(form, "Sec-Fetch-Site", "same-origin").StatusCode)

	assert.Equal(t, http.StatusForbidden, post(form, "Sec-Fetch-Site", "cross-site").StatusCode)
	assert.Equal(t, http.StatusUnsupportedMediaType, post(form, "Content-Type", "text/plain").StatusCode)
	assert.Equal(t, http.StatusBadRequest, post("name=kiki").StatusCode)
	assert.Equal(t, http.StatusBadRequest, post("name=%zz&text=foo").StatusCode)
	assert.Equal(t, http.StatusRequestEntityTooLarge, post("name=kiki&text="+strings.Repeat("a", 20<<10)).StatusCode)
	var busy *http.Response
	for range posterPace.burst + 1 {
		if r := post(form); r.StatusCode != http.StatusNoContent {
			busy = r
		}
	}
	require.NotNil(t, busy)
	assert.Equal(t, http.StatusTooManyRequests, busy.StatusCode)
	assert.Equal(t, "1", busy.Header.Get("Retry-After"))
	room.hub.End()
	clear(room.posters)
	assert.Equal(t, http.StatusServiceUnavailable, post(form).StatusCode)
}
