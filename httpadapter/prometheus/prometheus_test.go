package prometheus_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	streams "github.com/halley-go/halley/httpadapter/prometheus"
)

// scrape returns the samples of Halley that are not 0.
func scrape(t *testing.T, url string) map[string]string {
	res, err := http.Get(url)
	require.NoError(t, err)
	defer res.Body.Close()
	samples := map[string]string{}
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		line := lines.Text()
		space := strings.LastIndexByte(line, ' ') // a label may have spaces
		if name, value := line[:space], line[space+1:]; value != "0" && strings.HasPrefix(name, "halley_") {
			samples[name] = value
		}
	}
	require.NoError(t, lines.Err())
	return samples
}

func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	metrics := streams.Metrics(registry)
	hub := enumerator.Broadcast[string]()
	begin := hub.Position()
	for _, message := range []string{"a", "b", "c"} {
		require.NoError(t, hub.Push(t.Context(), message))
	}
	type item = enumerator.Item[string]
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	ended := make(chan httpadapter.Outcome, 6) // the metrics of a stream are complete when OnEnd, which is called last, is
	onEnd := httpadapter.OnEnd(func(_ *http.Request, o httpadapter.Outcome) { ended <- o })
	mux.Handle("/hub", client.Handler(func(_ *http.Request, after enumerator.Position) (enumerator.Enumerator[item], error) {
		return hub.FromOrLast(after, 3), nil
	}, metrics, onEnd))
	mux.Handle("/lossy", client.Handler(func(*http.Request, enumerator.Position) (enumerator.Enumerator[item], error) {
		return enumerator.Of(item{Gap: enumerator.Gap{N: 7}}, item{Value: "d"}), nil
	}, metrics, onEnd))
	mux.Handle("/none", httpadapter.Handler(func(*http.Request) (e enumerator.Enumerator[[]byte], _ error) {
		return e, &httpadapter.StatusError{Status: http.StatusNoContent}
	}, metrics, onEnd))
	mux.Handle("/failing", httpadapter.Handler(func(*http.Request) (e enumerator.Enumerator[[]byte], _ error) {
		return enumerator.Generate(func(context.Context) ([]byte, bool, error) { return nil, false, errors.New("boom") }), nil
	}, metrics, onEnd))
	server := httptest.NewUnstartedServer(mux)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	defer server.Close()

	assert.Empty(t, scrape(t, server.URL+"/metrics"))
	ask := func(path, cursor string) *http.Response {
		r, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+path, nil)
		require.NoError(t, err)
		if cursor != "" {
			r.Header.Set("Last-Event-ID", cursor)
		}
		res, err := server.Client().Do(r)
		require.NoError(t, err)
		return res
	}
	first, second, unknown := ask("/hub", ""), ask("/hub", begin.String()), ask("/hub", "unknown")
	assert.Equal(t, map[string]string{"halley_streams_open": "3", "halley_streams_started_total": "3"}, scrape(t, server.URL+"/metrics"))
	hub.End()
	for _, res := range []*http.Response{first, second, unknown, ask("/lossy", ""), ask("/none", ""), ask("/failing", "")} {
		_, err := io.Copy(io.Discard, res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		<-ended
	}
	got := scrape(t, server.URL+"/metrics")
	assert.NotEmpty(t, got["halley_stream_bytes_total"])
	delete(got, "halley_stream_bytes_total")
	assert.Equal(t, map[string]string{
		"halley_streams_started_total":                  "5",
		`halley_streams_ended_total{reason="end"}`:      "4",
		`halley_streams_ended_total{reason="answered"}`: "1",
		`halley_streams_ended_total{reason="error"}`:    "1",
		"halley_streams_resumed_total":                  "2",
		"halley_stream_messages_total":                  "10",
		"halley_stream_messages_lost_total":             "7",
		"halley_stream_resets_total":                    "1",
	}, got)
}

// The names and the help of the metrics follow the conventions of Prometheus, as its linter knows them.
func TestConventions(t *testing.T) {
	registry := prometheus.NewRegistry()
	streams.Metrics(registry)
	families, err := registry.Gather()
	require.NoError(t, err)
	assert.Len(t, families, 8)
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	require.NoError(t, err)
	assert.Empty(t, problems)
}

func TestMetricsPanicsOnMisuse(t *testing.T) {
	assert.PanicsWithValue(t, "httpadapter/prometheus: Metrics: registerer must not be nil", func() { streams.Metrics(nil) })
	registry := prometheus.NewRegistry()
	streams.Metrics(registry)
	assert.Panics(t, func() { streams.Metrics(registry) }, "they are registered already")
	assert.NotPanics(t, func() {
		streams.Metrics(prometheus.WrapRegistererWith(prometheus.Labels{"handler": "chat"}, prometheus.NewRegistry()))
	})
}
