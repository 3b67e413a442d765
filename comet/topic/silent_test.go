package topic_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet/topic"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/iteratee"
)

// silent is a Store that does not answer.
type silent struct{ topics.Store }

func (silent) Read(ctx context.Context, _ string, _ topics.Place, _ int) ([]topics.Entry, bool, error) {
	<-ctx.Done()
	return nil, false, context.Cause(ctx)
}

func (silent) Watch(ctx context.Context, _ string, _ func(topics.Entry), _ func(error)) (enumerator.Position, func(), error) {
	<-ctx.Done()
	return enumerator.Position{}, nil, context.Cause(ctx)
}

func TestAPollEndsThoughTheStoreDoesNotAnswer(t *testing.T) {
	for name, r := range map[string]func() *http.Request{
		"path": func() *http.Request {
			r := httptest.NewRequest("GET", "/?transport=poll", nil)
			r.SetPathValue("topic", "news")
			return r
		},
		"query": func() *http.Request {
			return httptest.NewRequest("GET", "/?transport=poll&topic=news&topic=prices", nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, n := range []int{0, 5} {
				synctest.Test(t, func(t *testing.T) {
					all := topics.New[string](silent{topics.Memory(10)})
					allow := func(*http.Request, topic.Access) error { return nil }
					source, err := topic.Source(all, allow, topic.Last(n))(r(), enumerator.Position{})
					require.NoError(t, err)
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					_, err = enumerator.Run(ctx, source, iteratee.Ignore[enumerator.Item[string]]())
					require.NoError(t, err)
				})
			}
		})
	}
}
