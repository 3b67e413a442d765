// Package otel counts the streams of package httpadapter, and topics, for OpenTelemetry. It is a module of its own, so that
// programs without it do not depend on the API of OpenTelemetry.
package otel

import (
	"context"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/halley-go/halley/httpadapter"
)

const scope = "github.com/halley-go/halley/httpadapter/otel"

// Metrics returns an Option that counts streams with these instruments of a Meter of provider:
//
//	halley.stream.open     {stream}   up and down: the streams that are open
//	halley.stream.started  {stream}   streams whose source was run
//	halley.stream.ended    {stream}   all requests, with the attribute halley.stream.end_reason, an httpadapter.Reason
//	halley.stream.resumed  {stream}   streams whose client has come back
//	halley.stream.io       By         bytes of chunks, before they were encoded
//	halley.stream.messages {message}  messages
//	halley.stream.lost     {message}  messages that were dropped
//	halley.stream.resets   {reset}    resets
//
// All numbers of a stream but the first three are added when the stream ends. Resumptions, messages, lost
// messages and resets are counted only for httpadapter.Fanout and the handlers of comet/client, and for sources that use
// [httpadapter.CountsOf].
//
// The Option can be given to many handlers. attributes, such as the name of a handler, are added to all measurements.
// Metrics panics if provider is nil or cannot make an instrument.
func Metrics(provider metric.MeterProvider, attributes ...attribute.KeyValue) httpadapter.Option {
	if provider == nil {
		panic("httpadapter/otel: Metrics: provider must not be nil")
	}
	meter := provider.Meter(scope)
	counter := func(name, unit, description string) metric.Int64Counter {
		return must(meter.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(description)))
	}
	open := must(meter.Int64UpDownCounter("halley.stream.open", metric.WithUnit("{stream}"), metric.WithDescription("Streams that are open.")))
	started := counter("halley.stream.started", "{stream}", "Streams whose source was run.")
	ended := counter("halley.stream.ended", "{stream}", "Requests for streams that have ended, by reason.")
	resumed := counter("halley.stream.resumed", "{stream}", "Streams whose client has come back.")
	bytes := counter("halley.stream.io", "By", "Bytes of the chunks of streams that have ended, before they were encoded.")
	messages := counter("halley.stream.messages", "{message}", "Messages of streams that have ended.")
	lost := counter("halley.stream.lost", "{message}", "Messages that were dropped from streams that have ended.")
	resets := counter("halley.stream.resets", "{reset}", "Resets of streams that have ended.")

	with := metric.WithAttributeSet(attribute.NewSet(attributes...))
	return httpadapter.Options(
		httpadapter.OnStart(func(r *http.Request) {
			ctx := context.WithoutCancel(r.Context()) // it ends when the client leaves, and the SDK then ignores measurements
			started.Add(ctx, 1, with)
			open.Add(ctx, 1, with)
		}),
		httpadapter.OnEnd(func(r *http.Request, o httpadapter.Outcome) {
			ctx := context.WithoutCancel(r.Context())
			if o.Started {
				open.Add(ctx, -1, with)
			}
			ended.Add(ctx, 1, with, metric.WithAttributes(attribute.String("halley.stream.end_reason", string(o.Reason))))
			bytes.Add(ctx, o.Bytes, with)
			messages.Add(ctx, int64(o.Messages), with)
			lost.Add(ctx, int64(o.Lost), with)
			resets.Add(ctx, int64(o.Resets), with)
			if o.Resumed {
				resumed.Add(ctx, 1, with)
			}
		}),
	)
}

func must[T any](instrument T, err error) T {
	if err != nil {
		panic("httpadapter/otel: the provider fails: " + err.Error())
	}
	return instrument
}
