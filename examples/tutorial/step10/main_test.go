package main

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// snippet: test

// In the bubble of synctest, ten seconds pass at once.
func TestChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checked := enumerator.Unicast(func(alarms enumerator.Channel[Alarm]) {
			for _, sign := range "..!.!!!!!!!.!!......" { // two a second
				_ = alarms.Push(t.Context(), Alarm{Hot: sign == '!'})
				time.Sleep(500 * time.Millisecond)
			}
			alarms.End()
		})
		got, err := enumerator.Run(t.Context(), enumerator.Through(checked, changes), iteratee.Collect[Alarm]())
		if want := []Alarm{{Hot: true}, {Hot: false}}; err != nil || !slices.Equal(got, want) {
			t.Errorf("the alarms are %v, %v and should be %v", got, err, want)
		}
	})
}

// end snippet
