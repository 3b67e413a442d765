package topics_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/iteratee"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type (
	item     = enumerator.Item[string]
	items    = enumerator.Enumerator[item]
	position = enumerator.Position
)

// shown returns an Item as text: the Value of a message, or the name of a notice and the Seq of its Position.
func shown(i item) string {
	switch {
	case i.Reset:
		return fmt.Sprint("reset ", i.Position.Seq)
	case i.Bookmark:
		return fmt.Sprint("at ", i.Position.Seq)
	case i.Gap.N > 0:
		return fmt.Sprintf("gap %d+%d", i.Gap.From.Seq, i.Gap.N)
	}
	return i.Value
}

// reader is a run in another goroutine.
type reader struct {
	cancel context.CancelFunc

	mu   sync.Mutex // guards the fields below
	got  []string
	last position
	err  error
}

// read starts a run. It must be called in a bubble, and got must be read after synctest.Wait.
func read(t *testing.T, e items) *reader {
	ctx, cancel := context.WithCancel(t.Context())
	r := &reader{cancel: cancel}
	go func() {
		_, err := enumerator.Run(ctx, e, iteratee.ForEach(func(_ context.Context, i item) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.got = append(r.got, shown(i))
			r.last = i.Position
			return nil
		}))
		r.mu.Lock()
		defer r.mu.Unlock()
		r.got, r.err = append(r.got, "end"), err
	}()
	synctest.Wait()
	return r
}

// sees checks the Items since the last call, separated by commas.
func (r *reader) sees(t *testing.T, want string) {
	t.Helper()
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	require.Equal(t, want, strings.Join(r.got, ", "))
	r.got = nil
}

func publish(t *testing.T, topic topics.Topic[string], messages ...string) (p position) {
	t.Helper()
	for _, m := range messages {
		var err error
		p, err = topic.Publish(t.Context(), "", m)
		require.NoError(t, err)
	}
	return p
}

func TestRunsBeginAndGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := topics.New[string](topics.Memory(100))
		defer all.Close()
		news := all.Topic("news")
		publish(t, news, "a", "b", "c")

		live, last, beginning := read(t, news.From(position{})), read(t, news.Last(2)), read(t, news.Beginning())
		live.sees(t, "at 3")
		last.sees(t, "at 1, b, c, at 3")
		beginning.sees(t, "at 0, a, b, c, at 3")
		publish(t, news, "d")
		for _, r := range []*reader{live, last, beginning} {
			r.sees(t, "d")
		}
		require.Equal(t, 3, all.Runs("news"))
		from := live.last
		live.cancel()
		publish(t, news, "e")
		read(t, news.From(from)).sees(t, "at 4, e, at 5")
		read(t, news.Read(topics.Place{})).sees(t, "at 0, a, b, c, d, e, at 5, end")
		require.NoError(t, news.Delete(t.Context()))
		last.sees(t, "e, reset 6")
		publish(t, news, "f")
		require.NoError(t, news.End(t.Context()))
		require.NoError(t, news.End(t.Context()))
		last.sees(t, "f, end")
		read(t, news.Last(5)).sees(t, "at 6, f, at 8, end")
		_, err := news.Publish(t.Context(), "", "g")
		require.ErrorIs(t, err, topics.ErrEnded)
	})
}
