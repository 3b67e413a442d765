package docs_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet/eventsource"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumeratee/enumerateetest"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/enumeratortest"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/httpadaptertest"
	"github.com/halley-go/halley/iteratee"
	"github.com/halley-go/halley/iteratee/iterateetest"
)

// The samples of testing.md.

// snippet: testing-small
// even is the adapter under test.
var even = enumeratee.Filter(func(n int) bool { return n%2 == 0 })

func TestEven(t *testing.T) {
	source := enumerator.Through(enumerator.Of(1, 2, 3, 4), even)
	got, err := enumerator.Run(t.Context(), source, iteratee.Collect[int]())
	require.NoError(t, err)
	assert.Equal(t, []int{2, 4}, got)
}

// end snippet

// snippet: testing-seen
// seen runs source. It returns the elements that source has given, together with its error.
func seen[E any](ctx context.Context, source enumerator.Enumerator[E]) (elements []E, err error) {
	for e, err := range enumerator.All(ctx, source) {
		if err != nil {
			return elements, err
		}
		elements = append(elements, e)
	}
	return elements, nil
}

func TestElementsBeforeAFailure(t *testing.T) {
	failed := errors.New("no more paper")
	failing := enumerator.Generate(func(context.Context) (string, bool, error) { return "", false, failed })
	got, err := seen(t.Context(), enumerator.Of("a", "b").AndThen(failing))
	assert.ErrorIs(t, err, failed)
	assert.Equal(t, []string{"a", "b"}, got)
}

// end snippet

// snippet: testing-kits
func TestLaws(t *testing.T) {
	sum := iteratee.Fold(0, func(sum, n int) int { return sum + n })
	countdown := enumerator.Unfold(3, func(n int) (e, next int, ok bool) { return n, n - 1, n > 0 })

	assert.NoError(t, iterateetest.Test(sum, []int{1, 2, 3}))
	assert.NoError(t, enumerateetest.Test(even, []int{1, 2, 3, 4}))
	assert.NoError(t, enumerateetest.TestRest(even, []int{1, 2, 3, 4}))
	assert.NoError(t, enumeratortest.Test(countdown, []int{3, 2, 1}))
}

// end snippet

// snippet: testing-clock
func TestLawsOfASourceWithAClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cuckoo := enumerator.Map(enumerator.Interval(time.Hour), func(time.Time) string { return "cuckoo" })
		assert.NoError(t, enumeratortest.TestEndless(cuckoo, []string{"cuckoo", "cuckoo"}))
	})
}

// end snippet

// snippet: testing-async
func TestLawsOfAnAdapterWithAClock(t *testing.T) {
	pairs := enumeratee.GroupedWithin[int](2, 9*time.Second)
	in, want := []int{1, 2, 3}, [][]int{{1, 2}, {3}} // the elements come a second apart
	assert.NoError(t, enumerateetest.TestAsync(t, pairs, in, want))
}

// end snippet

// snippet: testing-time
func TestOneReportEachHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		reports := enumerator.Through(
			enumerator.Interval(time.Minute),
			enumeratee.Compose(
				enumeratee.Throttle[time.Time](time.Hour),
				enumeratee.Take[time.Time](3),
			),
		)
		got, err := enumerator.Run(t.Context(), reports, iteratee.Collect[time.Time]())
		require.NoError(t, err)
		assert.Equal(t, time.Minute, got[0].Sub(begin))
		assert.Equal(t, time.Hour, got[1].Sub(got[0])) // no hour has passed on any other clock
	})
}

// end snippet

// snippet: testing-handler
func TestEvents(t *testing.T) {
	events := httpadapter.Handler(func(*http.Request) (enumerator.Enumerator[[]byte], error) {
		return enumerator.Through(enumerator.Of("one", "two"), eventsource.String()), nil
	}, httpadapter.EventStream())
	server := httptest.NewServer(events)
	defer server.Close()
	response, err := http.Get(server.URL)
	require.NoError(t, err)
	body := httpadapter.Response(response, "text/event-stream")
	got, err := seen(t.Context(), enumerator.Through(body, eventsource.Decode(1<<10)))
	require.NoError(t, err)
	require.Len(t, got, 2)
	assert.Equal(t, "two", got[1].Data)
}

// end snippet

// snippet: testing-stalled
func TestAStalledClientEndsTheSource(t *testing.T) {
	ended := make(chan httpadapter.Outcome, 1)
	flood := enumerator.Unfold(make([]byte, 64<<10), func(chunk []byte) (e, next []byte, ok bool) { return chunk, chunk, true })
	handler := httpadapter.Handler(
		func(*http.Request) (enumerator.Enumerator[[]byte], error) { return flood, nil },
		httpadapter.WriteTimeout(100*time.Millisecond),
		httpadapter.OnEnd(func(_ *http.Request, o httpadapter.Outcome) { ended <- o }),
	)

	server := httpadaptertest.NewServer(t, handler) // its timeouts are shorter than the stream
	httpadaptertest.Get(t, server.URL)              // sends a request and reads nothing
	assert.Equal(t, httpadapter.ClientGone, (<-ended).Reason)
}

// end snippet

// snippet: testing-cut
func TestACutStreamLooksCut(t *testing.T) {
	server := httpadaptertest.NewServer(t, httpadapter.Handler(
		func(*http.Request) (enumerator.Enumerator[[]byte], error) { return enumerator.Never[[]byte](), nil },
		httpadapter.EventStream(), httpadapter.Heartbeat(time.Millisecond, nil),
	))
	proxy := httpadaptertest.NewProxy(t, server.URL)
	proxy.Cut(1000) // after 1000 bytes
	_, err := io.ReadAll(httpadaptertest.Get(t, proxy.URL).Response().Body)
	assert.Error(t, err)
}

// end snippet
