package enumeratee_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// logged is a Tap that logs each call of its functions.
func logged(log *[]string) tee {
	note := func(format string, a ...any) { *log = append(*log, fmt.Sprintf(format, a...)) }
	return enumeratee.Tap(func(e int) { note("%d", e) }, func(err error) { note("end: %v", err) })
}

func TestTapSeesAll(t *testing.T) {
	fold := func(f func() error) iteratee.Iteratee[int, int] {
		return iteratee.FoldM(0, func(_ context.Context, a, e int) (int, error) { return a + e, f() })
	}
	all := func(func()) iteratee.Iteratee[int, int] { return sum() }
	for name, c := range map[string]struct {
		source   enumerator.Enumerator[int]
		consumer func(cancel func()) iteratee.Iteratee[int, int]
		want     []string
		err      error
	}{
		"ran out":        {enumerator.Of(1, 2), all, []string{"1", "2", "end: <nil>"}, nil},
		"empty":          {enumerator.Empty[int](), all, []string{"end: <nil>"}, nil},
		"source fails":   {enumerator.Of(1).AndThen(failing()), all, []string{"1", "end: boom"}, errBoom},
		"done early":     {enumerator.Of(1, 2), func(func()) iteratee.Iteratee[int, int] { return enumeratee.Transform(enumeratee.Take[int](1), sum()) }, []string{"1", "end: <nil>"}, nil},
		"consumer fails": {enumerator.Of(1, 2), func(func()) iteratee.Iteratee[int, int] { return fold(func() error { return errBoom }) }, []string{"1", "end: boom"}, errBoom},
		"cancelled":      {enumerator.Of(1, 2), func(cancel func()) iteratee.Iteratee[int, int] { return fold(func() error { cancel(); return nil }) }, []string{"1", "end: boom"}, errBoom},
	} {
		var log []string
		for place, drive := range placements(logged(&log)) {
			t.Run(name+", "+place, func(t *testing.T) {
				log = nil
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				_, err := drive(ctx, c.source, c.consumer(func() { cancel(errBoom) }))
				assert.Equal(t, c.err, err)
				if name == "cancelled" && len(log) == 3 {
					log = append(log[:1], log[2]) // the source is told one element later
				}
				want := c.want
				if name == "consumer fails" && place == "ApplyOn" { // the resulting Iteratee fails, and not the run
					want = []string{"1", "end: <nil>"}
				}
				assert.Equal(t, want, log)
			})
		}
	}
}

func TestTapSeesThePlaceWhereItStands(t *testing.T) {
	for name, c := range map[string]struct {
		with func(tap tee) tee
		want []string
		err  error
	}{
		"before an adapter that fails": {func(tap tee) tee { return enumeratee.Compose(tap, failFrom(2)) }, []string{"1", "2", "end: boom"}, errBoom},
		"behind an adapter that fails": {func(tap tee) tee { return enumeratee.Compose(failFrom(2), tap) }, []string{"1", "end: boom"}, errBoom},
		"behind one that stops":        {func(tap tee) tee { return enumeratee.Compose(enumeratee.Take[int](1), tap) }, []string{"1", "end: <nil>"}, nil},
		"before one that stops":        {func(tap tee) tee { return enumeratee.Compose(tap, enumeratee.Take[int](2)) }, []string{"1", "2", "end: <nil>"}, nil},
		"before a Buffer": {func(tap tee) tee { return enumeratee.Compose3(tap, enumeratee.Buffer[int](9), failFrom(9)) },
			[]string{"1", "2", "3", "end: <nil>"}, nil},
		"behind a Buffer": {func(tap tee) tee { return enumeratee.Compose3(enumeratee.Buffer[int](9), tap, failFrom(2)) },
			[]string{"1", "2", "end: boom"}, errBoom},
		"within Recover": {func(tap tee) tee {
			return enumeratee.Recover(enumeratee.Compose(tap, failFrom(2)), func(context.Context, error, iteratee.Input[int]) error { return nil })
		}, []string{"1", "2", "end: boom", "3", "end: boom", "end: <nil>"}, nil},
		"within Grouped": {func(tap tee) tee {
			return enumeratee.Grouped(enumeratee.Transform(enumeratee.Compose(tap, enumeratee.Take[int](2)), sum()))
		}, []string{"1", "2", "end: <nil>", "3", "end: <nil>"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var log []string
			adapter := c.with(logged(&log))
			for range 2 {
				log = nil
				_, err := enumerator.Run(t.Context(), enumerator.Through(enumerator.Of(1, 2, 3), adapter), iteratee.Collect[int]())
				assert.Equal(t, c.err, err)
				assert.Equal(t, c.want, log)
			}
		})
	}
}

// The source waits when an adapter behind the Tap ends.
func TestTapOfARunThatIsInterrupted(t *testing.T) {
	for name, c := range map[string]struct {
		behind tee
		want   string
	}{
		"stops": {enumeratee.Compose(enumeratee.Debounce[int](time.Second), enumeratee.Take[int](1)), "end: <nil>"},
		"fails": {enumeratee.Timeout[int](time.Second), "end: enumeratee: timeout: no element came within 1s"},
	} {
		for _, transformed := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				var log []string
				adapter, consumer := enumeratee.Compose(logged(&log), c.behind), iteratee.Ignore[int]()
				source := hourly(1).AndThen(stuck(0))
				if name == "fails" {
					source = stuck(1)
				}
				if transformed {
					enumerator.Run(t.Context(), source, enumeratee.Transform(adapter, consumer))
				} else {
					enumerator.Run(t.Context(), enumerator.Through(source, adapter), consumer)
				}
				require.Len(t, log, 2, name)
				assert.Equal(t, c.want, log[1], name)
			})
		}
	}
}

func TestTapOfTheElementsAlone(t *testing.T) {
	var seen []int
	tap := enumeratee.Tap(func(e int) { seen = append(seen, e) }, nil)
	assert.Equal(t, []int{1, 2}, through(t, tap, 1, 2))
	assert.Equal(t, []int{1, 2}, seen)
	_, rest := split(t, tap, peek[int](), 1, 2)
	assert.Equal(t, []int{1, 2}, rest)
}

// A source that goes on after a failure goes on behind a Tap too.
func TestTapWithinASourceThatGoesOn(t *testing.T) {
	var log []string
	attempt := enumerator.Through(enumerator.Of(1).AndThen(failing()), logged(&log))
	again := enumerator.Catch(enumerator.Retry(attempt, 1), func(error) enumerator.Enumerator[int] { return enumerator.Of(9) })
	got, err := enumerator.Run(t.Context(), again, iteratee.Collect[int]())
	assert.NoError(t, err)
	assert.Equal(t, []int{1, 1, 9}, got)
	assert.Equal(t, []string{"1", "end: boom", "1", "end: boom"}, log)

	log = nil
	got, err = enumerator.Run(t.Context(), enumerator.Through(again, logged(&log)), iteratee.Collect[int]())
	assert.NoError(t, err)
	assert.Equal(t, []int{1, 1, 9}, got)
	assert.Equal(t, []string{"1", "1", "end: boom", "1", "1", "end: boom", "9", "end: <nil>"}, log)
}
