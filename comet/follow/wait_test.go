package follow_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet/eventsource"
	"github.com/halley-go/halley/comet/follow"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/retry"
	"github.com/halley-go/halley/iteratee"
)

// hourly is a pace that shows where it is used.
var hourly = follow.Retry(retry.Pace(func() backoff.BackOff { return backoff.NewConstantBackOff(100 * time.Hour) }))

// A server can set the wait before the next attempt, within bounds. The wait is up to a half longer.
func TestTheServerSetsTheWait(t *testing.T) {
	const ms, s, years = time.Millisecond, time.Second, "99999999999999999999999999"
	refusal := func(after string) answer { return answer{status: 503, header: "Retry-After: " + after + "\n"} }
	for name, c := range map[string]struct {
		answer answer
		want   time.Duration // 0 for that of the pace
	}{
		"Retry-After":                      {refusal("30"), 30 * s},
		"Retry-After of 429":               {answer{status: 429, header: "Retry-After: 2\n"}, 2 * s},
		"Retry-After of 502":               {answer{status: 502, header: "Retry-After: 2\n"}, 2 * s},
		"Retry-After of HTML":              {answer{header: "Content-Type: text/html\nRetry-After: 2\n"}, 2 * s},
		"Retry-After of a stream":          {answer{header: isEvents + "Retry-After: 2\n"}, 0},
		"Retry-After of 0":                 {refusal("0"), 100 * ms},
		"Retry-After of years":             {refusal("999999999"), time.Hour},
		"Retry-After of more years":        {refusal(years), time.Hour},
		"Retry-After of a negative number": {refusal("-1"), 0},
		"Retry-After of a fraction":        {refusal("1.5"), 0},
		"Retry-After of a text":            {refusal("soon"), 0},
		"an empty Retry-After":             {refusal(""), 0},
		"a date":                           {refusal("Sat, 01 Jan 2000 00:02:00 GMT"), 2 * time.Minute}, // the bubble begins in 2000
		"a date in the past":               {refusal("Fri, 31 Dec 1999 00:00:00 GMT"), 100 * ms},
		"a date in years":                  {refusal("Fri, 31 Dec 9999 00:00:00 GMT"), time.Hour},
		"no retry":                         {events("data: a\n\n", errCut), 0},
		"retry":                            {events("retry: 3000\ndata: a\n\n", errCut), 3 * s},
		"retry of a complete response":     {events("retry: 3000\n\n"), 3 * s},
		"retry of 0":                       {events("retry: 0\ndata: a\n\n"), 100 * ms},
		"retry of years":                   {events("retry: " + years + "\ndata: a\n\n"), time.Hour},
		"retry without an event":           {events("retry: 3000\n", errCut), 0},
		"retry of a silent server":         {events("retry: 3000\ndata: a\n\n", ever), 3*s + time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScript(c.answer, gone)
				_, err := run(t.Context(), t, s, follow.Events(get(), s.client(), hourly))
				require.NoError(t, err)
				if c.want == 0 {
					assert.Equal(t, 100*time.Hour, s.starts[1])
					return
				}
				assert.GreaterOrEqual(t, s.starts[1], c.want)
				assert.Less(t, s.starts[1], c.want+c.want/2)
			})
		})
	}
}

// Without a pace of the program, the retry of the stream is the least wait after any failure, and failures in a row
// are tried less and less often.
func TestTheDefaultPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(events("retry: 20000\ndata: a\n\n", errCut), answer{err: errBoom})
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		_, err := run(ctx, t, s, follow.Events(get(), s.client()))
		assert.Equal(t, context.DeadlineExceeded, err)
		for i := range s.starts[1:] {
			wait := s.starts[i+1] - s.starts[i]
			assert.GreaterOrEqual(t, wait, 20*time.Second)
			assert.LessOrEqual(t, wait, 90*time.Second)
		}
		assert.Greater(t, len(s.starts), 24*60*60/90)
		assert.Less(t, len(s.starts), 24*60*60/45)

		s = newScript(answer{err: errBoom})
		_, err = run(t.Context(), t, s, follow.Events(get(), s.client(), follow.Retry(retry.MaxTries(4))))
		assert.ErrorIs(t, err, errBoom)
		assert.Less(t, s.starts[3], 10*time.Second)
	})
}

// The time that the server may be silent counts from the request, and from each byte.
func TestSilence(t *testing.T) {
	const s, minute = time.Second, time.Minute
	beat := func(ms string) string { return "event: heartbeat\ndata: " + ms + "\n\n" }
	for name, c := range map[string]struct {
		answer answer
		opts   []follow.Option
		want   time.Duration // of the second request
	}{
		"before the head":               {answer{wait: ever}, nil, minute},
		"before the first byte":         {events(ever), nil, minute},
		"after an event":                {events("data: 1\n\n", 50*s, "data: 2\n\n", ever), nil, 110 * s},
		"after a comment":               {events(":\n", 50*s, ":", 50*s, "\n", ever), nil, 160 * s},
		"lines":                         {lines("\n", 50*s, "\n", 50*s, "\n", ever), nil, 160 * s},
		"a limit":                       {events(":\n", 9*s, ":\n", ever), []follow.Option{follow.Silence(10 * s)}, 19 * s},
		"a limit before the head":       {answer{wait: 11 * s}, []follow.Option{follow.Silence(10 * s)}, 10 * s},
		"no limit":                      {events(":\n", 1000*time.Hour, ":\n", errCut), []follow.Option{follow.Silence(0)}, 1000 * time.Hour},
		"no limit before the head":      {answer{wait: 1000 * time.Hour, err: errBoom}, []follow.Option{follow.Silence(0)}, 1000 * time.Hour},
		"the server tells its interval": {events(beat("15000"), 20*s, ":\n", ever), nil, 41 * s},
		"over lines":                    {lines(`{"event":"heartbeat","id":"","data":3000}`+"\n", 4*s, "\n", ever), nil, 9 * s},
		"the limit of the program wins": {events(beat("15000"), ever), []follow.Option{follow.Silence(10 * s)}, 10 * s},
		"an interval of 1 ms":           {events(beat("1"), ever), nil, s + 1333333*time.Nanosecond},
		"an interval of years":          {events(beat("9223372036854775807"), ever), nil, 80*minute + s},
		"an interval of 0":              {events(beat("0"), 1000*time.Hour, ":\n", errCut), nil, 1000 * time.Hour},
		"no interval":                   {events(beat(""), ever), nil, minute},
		"a negative interval":           {events(beat("-5"), ever), nil, minute},
		"a malformed interval":          {events(beat("{}"), ever), nil, minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				script := newScript(c.answer, gone)
				_, err := run(t.Context(), t, script, follow.Items[int](get(), append(c.opts, script.client(), atOnce)...))
				require.NoError(t, err)
				assert.Equal(t, c.want, script.starts[1])
			})
		})
	}
}

// The time that the consumer or the request takes does not count as silence of the server.
func TestASlowConsumerIsNotSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(events("data: a\n\ndata: b\n\n", time.Second, "data: c\n\n", errCut), gone)
		slow := func(ctx context.Context) (*http.Request, error) {
			time.Sleep(time.Hour)
			return get()(ctx)
		}
		_, err := enumerator.Run(t.Context(), follow.Events(slow, s.client(), follow.Silence(2*time.Second)), iteratee.ForEach(func(context.Context, eventsource.Event) error {
			time.Sleep(time.Hour)
			return nil
		}))
		require.NoError(t, err)
		assert.Len(t, s.starts, 2)
	})
}

// The end of the context ends the run at once, wherever it is, and the body is closed.
func TestCancel(t *testing.T) {
	ended := errors.New("the context has ended")
	waits := func(ctx context.Context) (*http.Request, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	for name, c := range map[string]struct {
		answer  answer
		request func(context.Context) (*http.Request, error)
	}{
		"in request":          {gone, waits},
		"connecting":          {answer{wait: ever}, get()},
		"reading a refusal":   {answer{status: 403, wait: 4900 * time.Millisecond, steps: []any{ever}}, get()},
		"reading":             {events("data: 1\n\n", ever), get()},
		"reading lines":       {lines(`{"id":"a","data":1}`+"\n", ever), get()},
		"waiting":             {answer{status: 503, header: "Retry-After: 3600\n"}, get()},
		"waiting after a cut": {events("retry: 3600000\n\n", errCut), get()},
		"another context": {events(":\n", ever), func(context.Context) (*http.Request, error) {
			return http.NewRequest(http.MethodGet, "http://server/", nil)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(5*time.Second, func() { cancel(ended) })
				s := newScript(c.answer)
				_, err := run(ctx, t, s, follow.Items[int](c.request, s.client()))
				assert.Equal(t, ended, err)
				assert.Equal(t, 5*time.Second, time.Since(s.begin))
			})
		})
	}
}
