package prometheus

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/halley-go/halley/enumerator/topics"
)

// Topics registers these metrics of topics with registerer. stats is the method Stats of a topics.Topics, and is called once
// for each scrape:
//
//	halley_topics_attached             gauge: the topics that have runs
//	halley_topics_runs                 gauge: the runs under way
//	halley_topics_lag_seconds          gauge: how long the newest entry took from the store to this node
//	halley_topics_published_total      entries that were stored
//	halley_topics_refused_total        publishes that failed, and were not stored
//	halley_topics_unknown_total        publishes that may have been stored
//	halley_topics_fills_total          reads of the store for runs
//	halley_topics_fill_entries_total   entries that these reads returned
//	halley_topics_resets_total         resets that runs received
//	halley_topics_undecoded_total      entries that could not be decoded
//
// They are the numbers of one node. To count several Topics of a program, call Topics for each with a registerer of
// prometheus.WrapRegistererWith, which adds a label.
//
// Topics panics if registerer or stats is nil, or if registerer has these metrics already.
func Topics(registerer prometheus.Registerer, stats func() topics.Stats) {
	if registerer == nil {
		panic("httpadapter/prometheus: Topics: registerer must not be nil")
	}
	if stats == nil {
		panic("httpadapter/prometheus: Topics: stats must not be nil")
	}
	registerer.MustRegister(&collector{stats})
}

// collector asks for the Stats once for each scrape, so that the numbers of a scrape belong together.
type collector struct{ stats func() topics.Stats }

type topicsMetric struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(topics.Stats) float64
}

var topicsMetrics = []topicsMetric{
	topicsGauge("attached", "Topics that have runs.", func(s topics.Stats) float64 { return float64(s.Topics) }),
	topicsGauge("runs", "Runs of topics under way.", func(s topics.Stats) float64 { return float64(s.Runs) }),
	topicsGauge("lag_seconds", "How long the newest entry took from the store to this node.", func(s topics.Stats) float64 { return s.Lag.Seconds() }),
	topicsCounter("published_total", "Entries that were stored.", func(s topics.Stats) uint64 { return s.Published }),
	topicsCounter("refused_total", "Publishes that failed, and were not stored.", func(s topics.Stats) uint64 { return s.Refused }),
	topicsCounter("unknown_total", "Publishes that may have been stored.", func(s topics.Stats) uint64 { return s.Unknown }),
	topicsCounter("fills_total", "Reads of the store for runs.", func(s topics.Stats) uint64 { return s.Fills }),
	topicsCounter("fill_entries_total", "Entries that reads of the store for runs returned.", func(s topics.Stats) uint64 { return s.Filled }),
	topicsCounter("resets_total", "Resets that runs received.", func(s topics.Stats) uint64 { return s.Resets }),
	topicsCounter("undecoded_total", "Entries that could not be decoded.", func(s topics.Stats) uint64 { return s.Undecoded }),
}

func topicsGauge(name, help string, value func(topics.Stats) float64) topicsMetric {
	return topicsMetric{prometheus.NewDesc("halley_topics_"+name, help, nil, nil), prometheus.GaugeValue, value}
}

func topicsCounter(name, help string, value func(topics.Stats) uint64) topicsMetric {
	return topicsMetric{prometheus.NewDesc("halley_topics_"+name, help, nil, nil), prometheus.CounterValue, func(s topics.Stats) float64 { return float64(value(s)) }}
}

func (c *collector) Describe(descs chan<- *prometheus.Desc) {
	for _, m := range topicsMetrics {
		descs <- m.desc
	}
}

func (c *collector) Collect(metrics chan<- prometheus.Metric) {
	stats := c.stats()
	for _, m := range topicsMetrics {
		metrics <- prometheus.MustNewConstMetric(m.desc, m.kind, m.value(stats))
	}
}
