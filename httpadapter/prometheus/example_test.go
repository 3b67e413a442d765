package prometheus_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/httpadapter"
	streams "github.com/halley-go/halley/httpadapter/prometheus"
)

func ExampleMetrics() {
	source := func(*http.Request) (enumerator.Enumerator[[]byte], error) {
		return enumerator.Of([]byte("data: hello\n\n")), nil
	}

	// snippet: metrics

	registry := prometheus.NewRegistry()
	metrics := streams.Metrics(registry) // once, for all handlers
	mux := http.NewServeMux()
	mux.Handle("/events", httpadapter.Handler(source, httpadapter.EventStream(), metrics))
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))

	// end snippet

	mux.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/events", nil))
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for line := range strings.Lines(w.Body.String()) {
		if !strings.HasPrefix(line, "#") && !strings.HasSuffix(line, " 0\n") {
			fmt.Print(line)
		}
	}
	// Output:
	// halley_stream_bytes_total 13
	// halley_streams_ended_total{reason="end"} 1
	// halley_streams_started_total 1
}

func ExampleTopics() {
	// snippet: topics

	all := topics.New[string](topics.Memory(100))
	registry := prometheus.NewRegistry()
	streams.Topics(registry, all.Stats)

	// end snippet

	if _, err := all.Publish(context.Background(), "news", "", "rain"); err != nil {
		log.Fatal(err)
	}
	w := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for line := range strings.Lines(w.Body.String()) {
		if !strings.HasPrefix(line, "#") && !strings.HasSuffix(line, " 0\n") {
			fmt.Print(line)
		}
	}
	// Output: halley_topics_published_total 1
}
