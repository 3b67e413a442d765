package otel_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/halley-go/halley/comet/client"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/otel"
)

// collect returns the sums that reader has, by name and attributes, and the units by name. Sums of 0 are left out.
func collect(t *testing.T, reader metric.Reader) (sums map[string]int64, units map[string]string) {
	var data metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(context.Background(), &data))
	sums, units = map[string]int64{}, map[string]string{}
	for _, scope := range data.ScopeMetrics {
		assert.Equal(t, "github.com/halley-go/halley/httpadapter/otel", scope.Scope.Name)
		for _, m := range scope.Metrics {
			units[m.Name] = m.Unit
			sum := m.Data.(metricdata.Sum[int64])
			assert.Equal(t, m.Name != "halley.stream.open", sum.IsMonotonic, m.Name)
			assert.NotEmpty(t, m.Description)
			for _, point := range sum.DataPoints {
				if point.Value != 0 {
					sums[m.Name+" "+point.Attributes.Encoded(attribute.DefaultEncoder())] = point.Value
				}
			}
		}
	}
	return sums, units
}

func TestMetrics(t *testing.T) {
	reader := metric.NewManualReader()
	metrics := otel.Metrics(metric.NewMeterProvider(metric.WithReader(reader)), attribute.String("handler", "chat"))
	type item = enumerator.Item[string]
	var open map[string]int64
	source := enumerator.Of(item{Reset: true}, item{Gap: enumerator.Gap{N: 7}}, item{Value: "a"}, item{Value: "b"})
	asking := enumerator.Defer(func(context.Context) (enumerator.Enumerator[item], error) {
		open, _ = collect(t, reader)
		return source, nil
	})
	stream := client.Handler(func(*http.Request, enumerator.Position) (enumerator.Enumerator[item], error) { return asking, nil }, metrics)
	none := httpadapter.Handler(func(*http.Request) (e enumerator.Enumerator[[]byte], _ error) {
		return e, &httpadapter.StatusError{Status: http.StatusNoContent}
	}, metrics)

	w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/?transport=ndjson&lastEventId=x", nil)
	stream.ServeHTTP(w, r)
	none.ServeHTTP(httptest.NewRecorder(), r)
	gone, leave := context.WithCancel(t.Context()) // a client that has left counts too
	leave()
	stream.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(gone, "GET", "/", nil))

	assert.Equal(t, map[string]int64{"halley.stream.open handler=chat": 1, "halley.stream.started handler=chat": 1}, open)
	sums, units := collect(t, reader)
	assert.Equal(t, map[string]int64{
		"halley.stream.started handler=chat":                                    2,
		"halley.stream.ended halley.stream.end_reason=end,handler=chat":         1,
		"halley.stream.ended halley.stream.end_reason=answered,handler=chat":    1,
		"halley.stream.ended halley.stream.end_reason=client gone,handler=chat": 1,
		"halley.stream.resumed handler=chat":                                    1,
		"halley.stream.io handler=chat":                                         int64(w.Body.Len()),
		"halley.stream.messages handler=chat":                                   2,
		"halley.stream.lost handler=chat":                                       7,
		"halley.stream.resets handler=chat":                                     1,
	}, sums)
	assert.Equal(t, map[string]string{
		"halley.stream.open": "{stream}", "halley.stream.started": "{stream}", "halley.stream.ended": "{stream}", "halley.stream.resumed": "{stream}",
		"halley.stream.io": "By", "halley.stream.messages": "{message}", "halley.stream.lost": "{message}", "halley.stream.resets": "{reset}",
	}, units)
}

func TestMetricsPanicsOnMisuse(t *testing.T) {
	assert.PanicsWithValue(t, "httpadapter/otel: Metrics: provider must not be nil", func() { otel.Metrics(nil) })
}
