package eventsource_test

import (
	"bufio"
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet/eventsource"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/iteratee"
)

var chunk []byte // global, so that the compiler cannot optimize the work away

// BenchmarkEncode compares an event with the same text from fmt.
func BenchmarkEncode(b *testing.B) {
	e := eventsource.Event{Name: "move", ID: "5-4711", Data: `{"who":"Ann","text":"Grüße aus Köln!"}`}
	sink, step := eventsource.Encode().Attach(enumeratee.NewStage(b.Context()), iteratee.Funcs[[]byte]{
		Next: func(c []byte) iteratee.Step { chunk = c; return iteratee.StepCont },
	}.Sink())
	require.True(b, step.IsCont())
	compare(b, "Appendf", func() {
		chunk = fmt.Appendf(nil, "event: %s\ndata: %s\nid: %s\n\n", e.Name, e.Data, e.ID)
	}, func() { sink.Next(e) })
}

// BenchmarkDecode compares a stream of 100 events in chunks of 4 KiB with scanning its lines.
func BenchmarkDecode(b *testing.B) {
	text := strings.Repeat("event: move\n"+`data: {"who":"Ann","text":"Grüße aus Köln!"}`+"\nid: 5-4711\n\n", 100)
	chunks := cut(text, 4096)
	n := 0
	sink, step := eventsource.Decode(1<<20).Attach(enumeratee.NewStage(b.Context()), iteratee.Funcs[eventsource.Event]{
		Next: func(e eventsource.Event) iteratee.Step { n += len(e.Data); return iteratee.StepCont },
	}.Sink())
	require.True(b, step.IsCont())
	compare(b, "Scanner", func() {
		for s := bufio.NewScanner(bytes.NewReader([]byte(text))); s.Scan(); {
			n += len(s.Text())
		}
	}, func() {
		for _, c := range chunks {
			sink.Next(c)
		}
	})
}

// compare measures ours and stdWay, and reports the ratio of their times.
func compare(b *testing.B, std string, stdWay, ours func()) {
	perOp := func(b *testing.B, f func()) float64 {
		b.ReportAllocs()
		for b.Loop() {
			f()
		}
		return float64(b.Elapsed()) / float64(b.N)
	}
	var theirs float64
	b.Run(std, func(b *testing.B) { theirs = perOp(b, stdWay) })
	b.Run("eventsource", func(b *testing.B) { b.ReportMetric(perOp(b, ours)/theirs, "x-"+std) })
}
