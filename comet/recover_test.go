package comet_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/comet/eventsource"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumeratee/enumerateetest"
	"github.com/halley-go/halley/enumeratee/ndjson"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// difficult is a message that may fail to marshal, as kind says.
type difficult struct{ kind string }

func (d difficult) MarshalJSON() ([]byte, error) {
	switch d.kind {
	case "fails":
		return nil, errBroken
	case "panics":
		panic(errBroken)
	case "panics with text":
		panic("broken")
	case "invalid JSON":
		return []byte("{"), nil
	}
	return []byte(`"` + d.kind + `"`), nil
}

type difficultItem = enumerator.Item[difficult]

func difficultItems(kinds ...string) (items []difficultItem) {
	for n, kind := range kinds {
		items = append(items, difficultItem{Value: difficult{kind}, Position: at(uint64(n + 1))})
	}
	return items
}

// ignoring is a function for Recover that lets the run go on.
func ignoring(context.Context, error, difficultItem) error { return nil }

// Over each transport, a message that cannot be encoded becomes a gap.
func TestRecover(t *testing.T) {
	items := append(difficultItems("fails", "a", "panics", "panics with text", "b", "invalid JSON"), difficultItem{Reset: true, Position: at(7)})
	for name, c := range map[string]struct {
		encode enumeratee.Enumeratee[difficultItem, []byte]
		want   []string
	}{
		"iframe": {comet.Messages("f", comet.WithPosition(comet.AppendJSON[difficult]), comet.Preamble("<html>")), []string{
			"<html>",
			`<script>f({"from":"1z-11","count":1},'1z-11','gap');</script>`,
			`<script>f("a",'1z-12');</script>`,
			`<script>f({"from":"1z-13","count":1},'1z-13','gap');</script>`,
			`<script>f({"from":"1z-14","count":1},'1z-14','gap');</script>`,
			`<script>f("b",'1z-15');</script>`,
			`<script>f({"from":"1z-16","count":1},'1z-16','gap');</script>`,
			`<script>f(null,'1z-17','reset');</script>`,
		}},
		"events": {eventsource.Messages(eventsource.WithPosition(eventsource.FromJSON[difficult])), []string{
			"event: gap\ndata: {\"from\":\"1z-11\",\"count\":1}\nid: 1z-11\n\n",
			"data: \"a\"\nid: 1z-12\n\n",
			"event: gap\ndata: {\"from\":\"1z-13\",\"count\":1}\nid: 1z-13\n\n",
			"event: gap\ndata: {\"from\":\"1z-14\",\"count\":1}\nid: 1z-14\n\n",
			"data: \"b\"\nid: 1z-15\n\n",
			"event: gap\ndata: {\"from\":\"1z-16\",\"count\":1}\nid: 1z-16\n\n",
			"event: reset\ndata: null\nid: 1z-17\n\n",
		}},
		"lines": {enumeratee.Compose(enumeratee.Map(comet.RecordOf[difficult]), ndjson.Encode[comet.Record]()), []string{
			`{"event":"gap","id":"1z-11","data":{"from":"1z-11","count":1}}` + "\n",
			`{"id":"1z-12","data":"a"}` + "\n",
			`{"event":"gap","id":"1z-13","data":{"from":"1z-13","count":1}}` + "\n",
			`{"event":"gap","id":"1z-14","data":{"from":"1z-14","count":1}}` + "\n",
			`{"id":"1z-15","data":"b"}` + "\n",
			`{"event":"gap","id":"1z-16","data":{"from":"1z-16","count":1}}` + "\n",
			`{"event":"reset","id":"1z-17","data":null}` + "\n",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var failed []enumerator.Position
			encode := comet.Recover(c.encode, func(_ context.Context, err error, item difficultItem) error {
				require.Error(t, err)
				if kind := item.Value.kind; kind == "fails" || kind == "panics" {
					assert.ErrorIs(t, err, errBroken)
				}
				failed = append(failed, item.Position)
				return nil
			})
			for range 2 { // each run starts afresh
				failed = nil
				assert.Equal(t, c.want, asStrings(chunksOf(t, encode, items...)))
				assert.Equal(t, []enumerator.Position{at(1), at(3), at(4), at(6)}, failed)
			}
		})
	}
}

// Recover treats a message that WithPosition or Messages refuses like a failure of an encoder.
func TestRecoverFromRefusals(t *testing.T) {
	leaves := func(dst []byte, s string) ([]byte, error) { return append(dst, s...), nil }
	assert.Equal(t, []string{`<script>f({"from":"1z-11","count":1},'1z-11','gap');</script>`, `<script>f(1,'1z-12');</script>`}, asStrings(
		chunksOf(t, comet.Recover(comet.Messages("f", comet.WithPosition(leaves), comet.Preamble("")),
			func(context.Context, error, item) error { return nil }), item{Value: "</script>", Position: at(1)}, item{Value: "1", Position: at(2)})))

	named := func(name string) (eventsource.Event, error) { return eventsource.Event{Name: name, NoData: true}, nil }
	gap := "event: gap\ndata: {\"from\":\"1z-11\",\"count\":1}\nid: 1z-11\n\n"
	assert.Equal(t, []string{gap, gap, "event: ok\nid: 1z-11\n\n"}, asStrings(
		chunksOf(t, comet.Recover(eventsource.Messages(eventsource.WithPosition(named)),
			func(context.Context, error, item) error { return nil }), item{Value: "a\nb", Position: at(1)}, item{Value: "gap", Position: at(1)}, item{Value: "ok", Position: at(1)})))
}

// A gap has the name of the source and the cursor of the message, and bookmarks and ends pass.
func TestRecoverWithSeveralSources(t *testing.T) {
	records := enumeratee.Compose(enumeratee.Map(comet.RecordOf[difficult]), ndjson.Encode[comet.Record]())
	assert.Equal(t, []string{
		`{"event":"bookmark","id":"a:1z-11,b:","data":null}` + "\n",
		`{"event":"gap","id":"a:1z-12,b:","data":{"from":"1z-12","count":1,"source":"a"}}` + "\n",
		`{"event":"a","id":"a:1z-13,b:","data":"ok"}` + "\n",
		`{"event":"end","id":"a:1z-13,b:","data":null}` + "\n",
	}, asStrings(chunksOf(t, comet.Recover(records, ignoring),
		difficultItem{Bookmark: true, Position: at(1), Cursor: "a:1z-11,b:"},
		difficultItem{Value: difficult{"fails"}, Position: at(2), Event: "a", Cursor: "a:1z-12,b:"},
		difficultItem{Value: difficult{"ok"}, Position: at(3), Event: "a", Cursor: "a:1z-13,b:"},
		difficultItem{End: true, Position: at(3), Cursor: "a:1z-13,b:"},
	)))
}

func TestRecoverGivesUp(t *testing.T) {
	run := func(encode enumeratee.Enumeratee[difficultItem, []byte], items ...difficultItem) error {
		_, err := enumerator.Run(t.Context(), enumerator.Through(enumerator.FromSlice(items), encode), iteratee.Ignore[[]byte]())
		return err
	}
	records := enumeratee.Compose(enumeratee.Map(comet.RecordOf[difficult]), ndjson.Encode[comet.Record]())
	enough := errors.New("enough")
	calls := 0
	assert.Equal(t, enough, run(comet.Recover(records, func(context.Context, error, difficultItem) error {
		if calls++; calls == 2 {
			return enough
		}
		return nil
	}), difficultItems("fails", "a", "panics", "fails")...))
	assert.Equal(t, 2, calls)

	none := func(context.Context, error, difficultItem) error { t.Error("called"); return nil }
	noNotices := enumeratee.MapM(func(_ context.Context, i difficultItem) ([]byte, error) { return nil, i.Lost() })
	assert.ErrorIs(t, run(comet.Recover(noNotices, none), difficultItem{Reset: true}), enumerator.ErrLost)
	assert.ErrorIs(t, run(comet.Recover(noNotices, none), difficultItem{Gap: enumerator.Gap{N: 1}}), enumerator.ErrLost)
	onlyValues := enumeratee.MapM(func(_ context.Context, i difficultItem) ([]byte, error) { return nil, errBroken })
	assert.ErrorIs(t, run(comet.Recover(onlyValues, none), difficultItem{Bookmark: true}), errBroken)
	assert.ErrorIs(t, run(comet.Recover(onlyValues, none), difficultItem{End: true}), errBroken)
	failing := enumeratee.MapM(func(context.Context, difficultItem) ([]byte, error) { return nil, errBroken })
	assert.ErrorIs(t, run(comet.Recover(failing, ignoring), difficultItems("a")...), errBroken, "on the gap")
	assert.PanicsWithValue(t, "comet: Recover: f must not be nil", func() { comet.Recover[difficult](records, nil) })
}

// Recover does not replace a failure of the consumer, of the context or of f.
func TestRecoverPassesOtherFailures(t *testing.T) {
	none := func(context.Context, error, difficultItem) error { t.Error("called"); return nil }
	records := enumeratee.Compose(enumeratee.Map(comet.RecordOf[difficult]), ndjson.Encode[comet.Record]())
	source := enumerator.FromSlice(difficultItems("a", "b"))
	broken := iteratee.ForEach(func(context.Context, []byte) error { return errBroken })
	_, err := enumerator.Run(t.Context(), enumerator.Through(source, comet.Recover(records, none)), broken)
	assert.ErrorIs(t, err, errBroken)
	panicking := iteratee.ForEach(func(context.Context, []byte) error { panic("the consumer") })
	assert.PanicsWithValue(t, "the consumer", func() {
		_, _ = enumerator.Run(t.Context(), enumerator.Through(source, comet.Recover(records, none)), panicking)
	})
	assert.PanicsWithValue(t, "f", func() {
		f := func(context.Context, error, difficultItem) error { panic("f") }
		_, _ = enumerator.Run(t.Context(), enumerator.Through(enumerator.FromSlice(difficultItems("fails")), comet.Recover(records, f)), iteratee.Ignore[[]byte]())
	})
	ctx, cancel := context.WithCancelCause(t.Context())
	cancelling := enumeratee.MapM(func(ctx context.Context, _ difficultItem) ([]byte, error) {
		cancel(errBroken)
		return nil, ctx.Err()
	})
	_, err = enumerator.Run(ctx, enumerator.Through(source, comet.Recover(cancelling, none)), iteratee.Ignore[[]byte]())
	assert.ErrorIs(t, err, errBroken)
}

// A source within encode sends EOF, on which the consumer fails or panics.
func TestRecoverPassesFailuresAtEOF(t *testing.T) {
	ends := enumerator.MapFlatten(func(difficultItem) enumerator.Enumerator[[]byte] { return enumerator.FromInput(iteratee.EOF[[]byte]()) })
	adapter := comet.Recover(ends, func(_ context.Context, err error, _ difficultItem) error {
		t.Error("recovered from", err)
		return nil
	})
	source := enumerator.FromSlice(difficultItems("a", "b"))
	fails := func(err error) iteratee.Iteratee[[]byte, int] {
		return iteratee.Cont(func(in iteratee.Input[[]byte]) iteratee.Iteratee[[]byte, int] {
			return iteratee.Error[[]byte, int](err, in)
		})
	}
	_, err := enumerator.Run(t.Context(), source, enumeratee.Transform(adapter, fails(errBroken)))
	assert.Equal(t, errBroken, err)
	assert.Panics(t, func() { _, _ = enumerator.Run(t.Context(), source, enumeratee.Transform(adapter, fails(nil))) })
}

func TestRecoverKeepsTheLaws(t *testing.T) {
	in := append(difficultItems("fails", "a", "fails", "b"), difficultItem{Gap: enumerator.Gap{From: at(5), N: 2}, Position: at(6)})
	assert.NoError(t, enumerateetest.TestRest(comet.Recover(eventsource.Messages(eventsource.WithPosition(eventsource.FromJSON[difficult])), ignoring), in))
	assert.NoError(t, enumerateetest.TestRest(comet.Recover(comet.Messages("f", comet.WithPosition(comet.AppendJSON[difficult])), ignoring), in))
	taking := enumeratee.Compose(enumeratee.Take[difficultItem](2), enumeratee.Map(func(item difficultItem) string { return item.Value.kind }))
	assert.NoError(t, enumerateetest.Test(comet.Recover(taking, ignoring), in))
}

// Messages without a Position can be dropped, and the first chunk is sent once.
func TestPlainMessagesCanBeDropped(t *testing.T) {
	drop := func(context.Context, error, iteratee.Input[float64]) error { return nil }
	in := []float64{math.NaN(), 1, math.Inf(1), 2}
	first := enumeratee.Heading([]byte("<html>"))
	assert.Equal(t, []string{"<html>", "<script>f(1);</script>", "<script>f(2);</script>"}, asStrings(
		chunksOf(t, enumeratee.Compose(enumeratee.Recover(comet.JSON[float64]("f", comet.Preamble("")), drop), first), in...)))
	assert.Equal(t, []string{"data: 1\n\n", "data: 2\n\n"}, asStrings(chunksOf(t, enumeratee.Recover(eventsource.JSON[float64](), drop), in...)))
	assert.Equal(t, []string{"1\n", "2\n"}, asStrings(chunksOf(t, enumeratee.Recover(ndjson.Encode[float64](), drop), in...)))
}

// The resources of encode are closed when it has failed, and at the end.
func TestRecoverCloses(t *testing.T) {
	open, opened := 0, 0
	records := enumeratee.Compose(enumeratee.Map(comet.RecordOf[difficult]), ndjson.Encode[comet.Record]())
	encode := enumeratee.Compose(enumeratee.New(func(stage enumeratee.Stage, out iteratee.Outlet[difficultItem]) (iteratee.Sink[difficultItem], iteratee.Step) {
		open, opened = open+1, opened+1
		assert.Equal(t, 1, open)
		stage.AtEnd(func() { open-- })
		return enumeratee.PassAlong[difficultItem]().Attach(stage, out)
	}), records)
	chunksOf(t, comet.Recover(encode, ignoring), difficultItems("fails", "a", "panics")...)
	assert.Equal(t, 3, opened)
	assert.Zero(t, open)
}

// Without a failure, a message takes no more allocations than without Recover.
func TestRecoverDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("sync.Pool drops values under the race detector")
	}
	encode := comet.Messages("f", comet.WithPosition(comet.AppendJSON[float64]))
	f := func(context.Context, error, enumerator.Item[float64]) error { return nil }
	item := enumerator.Item[float64]{Value: math.Pi, Position: at(1)}
	assert.Equal(t, allocations(t, encode, item), allocations(t, comet.Recover(encode, f), item))
}
