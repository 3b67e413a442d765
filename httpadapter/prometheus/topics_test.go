package prometheus_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet/topic"
	"github.com/halley-go/halley/enumerator/topics"
	streams "github.com/halley-go/halley/httpadapter/prometheus"
)

// The metrics of real streams and publishes are scraped over a socket.
func TestTopics(t *testing.T) {
	store := topics.Memory(100)
	all := topics.New[int](store)
	registry := prometheus.NewRegistry()
	streams.Topics(registry, all.Stats)
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.Handle("/topics", topic.Handler(all, func(*http.Request, topic.Access) error { return nil }, topic.Last(10)))
	server := httptest.NewServer(mux)
	defer server.Close()

	assert.Empty(t, scrape(t, server.URL+"/metrics"))
	for _, body := range []string{"1", "2"} {
		res, err := http.Post(server.URL+"/topics?topic=news", "application/json", strings.NewReader(body))
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, http.StatusNoContent, res.StatusCode)
	}
	_, err := store.Append(t.Context(), "news", topics.Record{Data: []byte("not a number")})
	require.NoError(t, err)
	require.NoError(t, all.End(t.Context(), "ended"))
	res, err := http.Post(server.URL+"/topics?topic=ended", "application/json", strings.NewReader("3"))
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	assert.Equal(t, map[string]string{"halley_topics_published_total": "3", "halley_topics_refused_total": "1"}, scrape(t, server.URL+"/metrics"))

	res, err = http.Get(server.URL + "/topics?topic=news&topic=other")
	require.NoError(t, err)
	read := 0
	buf := make([]byte, 1<<10)
	var text strings.Builder
	for !strings.Contains(text.String(), "event: gap") { // it comes after both messages
		read, err = res.Body.Read(buf)
		require.NoError(t, err)
		text.Write(buf[:read])
	}
	var got map[string]string
	require.Eventually(t, func() bool { // the other topic may be attached later
		got = scrape(t, server.URL+"/metrics")
		return got["halley_topics_attached"] == "2"
	}, 10*time.Second, time.Millisecond)
	assert.Equal(t, "2", got["halley_topics_runs"])
	for _, name := range []string{"fills_total", "fill_entries_total", "undecoded_total"} {
		assert.NotEmpty(t, got["halley_topics_"+name], name)
	}
	require.NoError(t, res.Body.Close())
	require.Eventually(t, func() bool { return scrape(t, server.URL+"/metrics")["halley_topics_runs"] == "" }, 10*time.Second, time.Millisecond)
}

// Each number of the Stats is in its metric, and the Stats are asked for once for each scrape.
func TestTopicsOfAllStats(t *testing.T) {
	asked := 0
	registry := prometheus.NewRegistry()
	streams.Topics(registry, func() topics.Stats {
		asked++
		return topics.Stats{
			Topics: 1, Runs: 2, Published: 3, Refused: 4, Unknown: 5, Fills: 6, Filled: 7, Resets: 8, Undecoded: 9, Lag: 1500 * time.Millisecond,
		}
	})
	server := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	defer server.Close()
	assert.Equal(t, map[string]string{
		"halley_topics_attached": "1", "halley_topics_runs": "2", "halley_topics_lag_seconds": "1.5",
		"halley_topics_published_total": "3", "halley_topics_refused_total": "4", "halley_topics_unknown_total": "5",
		"halley_topics_fills_total": "6", "halley_topics_fill_entries_total": "7", "halley_topics_resets_total": "8", "halley_topics_undecoded_total": "9",
	}, scrape(t, server.URL))
	assert.Equal(t, 1, asked)

	families, err := registry.Gather()
	require.NoError(t, err)
	assert.Len(t, families, 10)
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	require.NoError(t, err)
	assert.Empty(t, problems)
}

func TestTopicsPanicsOnMisuse(t *testing.T) {
	stats := topics.New[int](topics.Memory(1)).Stats
	registry := prometheus.NewRegistry()
	assert.PanicsWithValue(t, "httpadapter/prometheus: Topics: registerer must not be nil", func() { streams.Topics(nil, stats) })
	assert.PanicsWithValue(t, "httpadapter/prometheus: Topics: stats must not be nil", func() { streams.Topics(registry, nil) })
	streams.Topics(registry, stats)
	assert.Panics(t, func() { streams.Topics(registry, stats) }, "they are registered already")
	registry = prometheus.NewRegistry()
	for i := range 2 {
		streams.Topics(prometheus.WrapRegistererWith(prometheus.Labels{"of": strconv.Itoa(i)}, registry), stats)
	}
	_, err := registry.Gather()
	assert.NoError(t, err)
}
