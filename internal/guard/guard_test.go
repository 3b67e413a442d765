package guard_test

import (
	"errors"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/halley-go/halley/internal/guard"
)

func TestRun(t *testing.T) {
	for name, tt := range map[string]struct {
		f    func()
		want any
	}{
		"returns": {func() {}, nil},
		"panics":  {func() { panic("ouch") }, "ouch"},
		"Goexit":  {runtime.Goexit, errors.New("halley: f: the test has called runtime.Goexit")},
	} {
		over := make(chan any, 2)
		ended := make(chan bool)
		go func() {
			defer close(ended)
			guard.Run("halley: f: the test", tt.f, func(panicked any) { over <- panicked })
		}()
		<-ended
		assert.Len(t, over, 1, name)
		got := <-over
		if want, ok := tt.want.(error); ok {
			assert.EqualError(t, got.(error), want.Error())
		} else {
			assert.Equal(t, tt.want, got, name)
		}
	}
}
