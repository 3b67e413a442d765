package otel_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/otel"
)

func ExampleMetrics() {
	source := func(*http.Request) (enumerator.Enumerator[[]byte], error) {
		return enumerator.Of([]byte("data: hello\n\n")), nil
	}
	reader := metric.NewManualReader() // a program has a reader that exports

	// snippet: metrics

	provider := metric.NewMeterProvider(metric.WithReader(reader))
	events := httpadapter.Handler(source, httpadapter.EventStream(),
		otel.Metrics(provider, attribute.String("handler", "events")))

	// end snippet

	events.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/events", nil))
	var data metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &data); err != nil {
		log.Fatal(err)
	}
	for _, m := range data.ScopeMetrics[0].Metrics {
		for _, point := range m.Data.(metricdata.Sum[int64]).DataPoints {
			if point.Value != 0 {
				fmt.Println(m.Name, point.Value, m.Unit)
			}
		}
	}
	// Output:
	// halley.stream.started 1 {stream}
	// halley.stream.ended 1 {stream}
	// halley.stream.io 13 By
}

func ExampleTopics() {
	reader := metric.NewManualReader() // a program has a reader that exports

	// snippet: topics

	all := topics.New[string](topics.Memory(100))
	provider := metric.NewMeterProvider(metric.WithReader(reader))
	otel.Topics(provider, all.Stats)

	// end snippet

	if _, err := all.Publish(context.Background(), "news", "", "rain"); err != nil {
		log.Fatal(err)
	}
	var data metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &data); err != nil {
		log.Fatal(err)
	}
	for _, m := range data.ScopeMetrics[0].Metrics {
		if sum, ok := m.Data.(metricdata.Sum[int64]); ok && sum.DataPoints[0].Value != 0 {
			fmt.Println(m.Name, sum.DataPoints[0].Value, m.Unit)
		}
	}
	// Output: halley.topics.published 1 {entry}
}
