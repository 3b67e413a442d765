package otel_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/httpadapter/otel"
)

// observe returns the values that reader has, by name, attributes and unit. Zeros are left out.
func observe(t *testing.T, reader metric.Reader) map[string]float64 {
	var data metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(context.Background(), &data))
	values := map[string]float64{}
	note := func(m metricdata.Metrics, attributes attribute.Set, value float64) {
		assert.NotEmpty(t, m.Description)
		if value != 0 {
			values[m.Name+" "+attributes.Encoded(attribute.DefaultEncoder())+" "+m.Unit] = value
		}
	}
	for _, scope := range data.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch d := m.Data.(type) {
			case metricdata.Sum[int64]:
				assert.Equal(t, m.Name != "halley.topics.attached" && m.Name != "halley.topics.runs", d.IsMonotonic, m.Name)
				for _, point := range d.DataPoints {
					note(m, point.Attributes, float64(point.Value))
				}
			case metricdata.Gauge[float64]:
				for _, point := range d.DataPoints {
					note(m, point.Attributes, point.Value)
				}
			default:
				assert.Fail(t, "another kind of data", "%s: %T", m.Name, d)
			}
		}
	}
	return values
}

func TestTopics(t *testing.T) {
	reader := metric.NewManualReader()
	provider := metric.NewMeterProvider(metric.WithReader(reader))
	all, others := topics.New[int](topics.Memory(100)), topics.New[int](topics.Memory(100))
	otel.Topics(provider, all.Stats, attribute.String("store", "a"))
	otel.Topics(provider, others.Stats, attribute.String("store", "b"))
	for n := range 3 {
		_, err := all.Publish(t.Context(), "news", "", n)
		require.NoError(t, err)
	}
	require.NoError(t, others.End(t.Context(), "news"))
	_, err := others.Publish(t.Context(), "news", "", 1)
	require.ErrorIs(t, err, topics.ErrEnded)
	var got map[string]float64
	for item, err := range enumerator.All(t.Context(), all.Last("news", 2)) {
		require.NoError(t, err)
		if item.IsMessage() {
			got = observe(t, reader)
			break
		}
	}
	for _, name := range []string{"fills store=a {read}", "fill_entries store=a {entry}"} {
		assert.NotZero(t, got["halley.topics."+name], name)
		delete(got, "halley.topics."+name)
	}
	delete(got, "halley.topics.lag store=a s")
	assert.Equal(t, map[string]float64{
		"halley.topics.attached store=a {topic}":  1,
		"halley.topics.runs store=a {run}":        1,
		"halley.topics.published store=a {entry}": 3,
		"halley.topics.published store=b {entry}": 1,
		"halley.topics.refused store=b {publish}": 1,
	}, got)
	assert.Zero(t, observe(t, reader)["halley.topics.runs store=a {run}"], "the run has ended")
}

// Each number of the Stats is in its instrument, and the Stats are asked for once for each collection.
func TestTopicsOfAllStats(t *testing.T) {
	reader := metric.NewManualReader()
	asked := 0
	otel.Topics(metric.NewMeterProvider(metric.WithReader(reader)), func() topics.Stats {
		asked++
		return topics.Stats{
			Topics: 1, Runs: 2, Published: 3, Refused: 4, Unknown: 5, Fills: 6, Filled: 7, Resets: 8, Undecoded: 9, Lag: 1500 * time.Millisecond,
		}
	})
	assert.Equal(t, map[string]float64{
		"halley.topics.attached  {topic}": 1, "halley.topics.runs  {run}": 2, "halley.topics.lag  s": 1.5,
		"halley.topics.published  {entry}": 3, "halley.topics.refused  {publish}": 4, "halley.topics.unknown  {publish}": 5,
		"halley.topics.fills  {read}": 6, "halley.topics.fill_entries  {entry}": 7, "halley.topics.resets  {reset}": 8, "halley.topics.undecoded  {entry}": 9,
	}, observe(t, reader))
	assert.Equal(t, 1, asked)
}

func TestTopicsPanicsOnMisuse(t *testing.T) {
	assert.PanicsWithValue(t, "httpadapter/otel: Topics: provider must not be nil", func() { otel.Topics(nil, topics.New[int](topics.Memory(1)).Stats) })
	assert.PanicsWithValue(t, "httpadapter/otel: Topics: stats must not be nil", func() { otel.Topics(metric.NewMeterProvider(), nil) })
}
