package otel

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/halley-go/halley/enumerator/topics"
)

// Topics observes topics with these instruments of a Meter of provider. stats is the method Stats of a topics.Topics, and
// is called once for each collection:
//
//	halley.topics.attached     {topic}    up and down: the topics that have runs
//	halley.topics.runs         {run}      up and down: the runs under way
//	halley.topics.lag          s          gauge: how long the newest entry took from the store to this node
//	halley.topics.published    {entry}    entries that were stored
//	halley.topics.refused      {publish}  publishes that failed, and were not stored
//	halley.topics.unknown      {publish}  publishes that may have been stored
//	halley.topics.fills        {read}     reads of the store for runs
//	halley.topics.fill_entries {entry}    entries that these reads returned
//	halley.topics.resets       {reset}    resets that runs received
//	halley.topics.undecoded    {entry}    entries that could not be decoded
//
// They are the numbers of one node. attributes, such as the name of the store, are added to all measurements. Several
// Topics of a program need different attributes. Topics panics if provider or stats is nil, or if provider cannot make
// an instrument.
func Topics(provider metric.MeterProvider, stats func() topics.Stats, attributes ...attribute.KeyValue) {
	if provider == nil {
		panic("httpadapter/otel: Topics: provider must not be nil")
	}
	if stats == nil {
		panic("httpadapter/otel: Topics: stats must not be nil")
	}
	meter := provider.Meter(scope)
	upDown := func(name, unit, description string) metric.Int64Observable {
		return must(meter.Int64ObservableUpDownCounter(name, metric.WithUnit(unit), metric.WithDescription(description)))
	}
	counter := func(name, unit, description string) metric.Int64Observable {
		return must(meter.Int64ObservableCounter(name, metric.WithUnit(unit), metric.WithDescription(description)))
	}
	attached := upDown("halley.topics.attached", "{topic}", "Topics that have runs.")
	runs := upDown("halley.topics.runs", "{run}", "Runs of topics under way.")
	lag := must(meter.Float64ObservableGauge("halley.topics.lag", metric.WithUnit("s"), metric.WithDescription("How long the newest entry took from the store to this node.")))
	published := counter("halley.topics.published", "{entry}", "Entries that were stored.")
	refused := counter("halley.topics.refused", "{publish}", "Publishes that failed, and were not stored.")
	unknown := counter("halley.topics.unknown", "{publish}", "Publishes that may have been stored.")
	fills := counter("halley.topics.fills", "{read}", "Reads of the store for runs.")
	filled := counter("halley.topics.fill_entries", "{entry}", "Entries that reads of the store for runs returned.")
	resets := counter("halley.topics.resets", "{reset}", "Resets that runs received.")
	undecoded := counter("halley.topics.undecoded", "{entry}", "Entries that could not be decoded.")

	with := metric.WithAttributeSet(attribute.NewSet(attributes...))
	must(meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		s := stats()
		o.ObserveInt64(attached, int64(s.Topics), with)
		o.ObserveInt64(runs, int64(s.Runs), with)
		o.ObserveFloat64(lag, s.Lag.Seconds(), with)
		o.ObserveInt64(published, int64(s.Published), with)
		o.ObserveInt64(refused, int64(s.Refused), with)
		o.ObserveInt64(unknown, int64(s.Unknown), with)
		o.ObserveInt64(fills, int64(s.Fills), with)
		o.ObserveInt64(filled, int64(s.Filled), with)
		o.ObserveInt64(resets, int64(s.Resets), with)
		o.ObserveInt64(undecoded, int64(s.Undecoded), with)
		return nil
	}, attached, runs, lag, published, refused, unknown, fills, filled, resets, undecoded))
}
