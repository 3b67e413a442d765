// Package prometheus counts the streams of package httpadapter, and topics, for Prometheus. It is a module of its own, so that
// programs without it do not depend on the client library of Prometheus.
package prometheus

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/halley-go/halley/httpadapter"
)

// Metrics returns an Option that counts streams, and registers these metrics with registerer:
//
//	halley_streams_open                  gauge: the streams that are open
//	halley_streams_started_total         streams whose source was run
//	halley_streams_ended_total{reason}   all requests, by httpadapter.Reason
//	halley_streams_resumed_total         streams whose client has come back
//	halley_stream_bytes_total            bytes of chunks, before they were encoded
//	halley_stream_messages_total         messages
//	halley_stream_messages_lost_total    messages that were dropped
//	halley_stream_resets_total           resets
//
// All numbers of a stream but the first three are added when the stream ends. Resumptions, messages, lost
// messages and resets are counted only for httpadapter.Fanout and the handlers of comet/client, and for sources that use
// [httpadapter.CountsOf].
//
// The Option can be given to many handlers, which are counted together. To count a handler by itself, call
// Metrics for it with a registerer of prometheus.WrapRegistererWith, which adds a label.
//
// Metrics panics if registerer is nil or has these metrics already.
func Metrics(registerer prometheus.Registerer) httpadapter.Option {
	if registerer == nil {
		panic("httpadapter/prometheus: Metrics: registerer must not be nil")
	}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
		registerer.MustRegister(c)
		return c
	}
	open := prometheus.NewGauge(prometheus.GaugeOpts{Name: "halley_streams_open", Help: "Streams that are open."})
	ended := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "halley_streams_ended_total", Help: "Requests for streams that have ended, by reason."}, []string{"reason"})
	registerer.MustRegister(open, ended)
	for _, reason := range reasons {
		ended.WithLabelValues(string(reason)) // it is 0 from the start, so that rates are right
	}
	started := counter("halley_streams_started_total", "Streams whose source was run.")
	resumed := counter("halley_streams_resumed_total", "Streams whose client has come back.")
	bytes := counter("halley_stream_bytes_total", "Bytes of the chunks of streams that have ended, before they were encoded.")
	messages := counter("halley_stream_messages_total", "Messages of streams that have ended.")
	lost := counter("halley_stream_messages_lost_total", "Messages that were dropped from streams that have ended.")
	resets := counter("halley_stream_resets_total", "Resets of streams that have ended.")
	return httpadapter.Options(
		httpadapter.OnStart(func(*http.Request) {
			started.Inc()
			open.Inc()
		}),
		httpadapter.OnEnd(func(_ *http.Request, o httpadapter.Outcome) {
			if o.Started {
				open.Dec()
			}
			ended.WithLabelValues(string(o.Reason)).Inc()
			bytes.Add(float64(o.Bytes))
			messages.Add(float64(o.Messages))
			lost.Add(float64(o.Lost))
			resets.Add(float64(o.Resets))
			if o.Resumed {
				resumed.Inc()
			}
		}),
	)
}

var reasons = []httpadapter.Reason{
	httpadapter.EndOfSource, httpadapter.Expired, httpadapter.Drained, httpadapter.ClientGone,
	httpadapter.Answered, httpadapter.Failed, httpadapter.Panicked, httpadapter.Refused,
}
