package comet_test

import (
	"encoding/json"
	"html/template"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/iteratee"
)

var chunk []byte // global, so that the compiler cannot optimize the work away

func BenchmarkString(b *testing.B) {
	const message = `Grüße aus Köln! Ann said "it's <b>fine</b>", see https://example.org/a?b=1&c=2 for more.`
	compare(b, comet.String("parent.cometMessage"), message, "JSEscapeString", func() {
		chunk = []byte("<script>parent.cometMessage('" + template.JSEscapeString(message) + "');</script>")
	})
}

func BenchmarkJSON(b *testing.B) {
	type message struct {
		ID   int      `json:"id"`
		From string   `json:"from"`
		Text string   `json:"text"`
		Tags []string `json:"tags"`
	}
	m := message{4711, "Ann", "Grüße aus Köln! It's <b>fine</b>.", []string{"a", "b"}}
	compare(b, comet.JSON[message]("parent.cometMessage"), m, "Marshal", func() {
		text, err := json.Marshal(m)
		require.NoError(b, err)
		chunk = slices.Concat([]byte("<script>parent.cometMessage("), text, []byte(");</script>"))
	})
}

// compare measures a message through adapter and the nearest equivalent of the standard
// library, and reports the ratio of their times.
func compare[E any](b *testing.B, adapter enumeratee.Enumeratee[E, []byte], message E, std string, stdWay func()) {
	sink, step := adapter.Attach(enumeratee.NewStage(b.Context()), iteratee.Funcs[[]byte]{
		Next: func(c []byte) iteratee.Step { chunk = c; return iteratee.StepCont },
	}.Sink())
	require.True(b, step.IsCont())
	perOp := func(b *testing.B, f func()) float64 {
		b.ReportAllocs()
		for b.Loop() {
			f()
		}
		return float64(b.Elapsed()) / float64(b.N)
	}
	var theirs float64
	b.Run(std, func(b *testing.B) { theirs = perOp(b, stdWay) })
	b.Run("comet", func(b *testing.B) {
		ours := perOp(b, func() { sink.Next(message) })
		b.ReportMetric(ours/theirs, "x-"+std)
	})
}
