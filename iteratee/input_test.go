package iteratee_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/halley-go/halley/iteratee"
)

func TestInput(t *testing.T) {
	el, empty, eof := iteratee.El(4), iteratee.Empty[int](), iteratee.EOF[int]()

	e, ok := el.El()
	assert.Equal(t, 4, e)
	assert.True(t, ok)
	_, ok = empty.El()
	assert.False(t, ok)
	_, ok = eof.El()
	assert.False(t, ok)

	assert.True(t, empty.IsEmpty())
	assert.True(t, iteratee.Input[int]{}.IsEmpty())
	assert.False(t, el.IsEmpty())
	assert.False(t, eof.IsEmpty())
	assert.True(t, eof.IsEOF())
	assert.False(t, el.IsEOF())

	both := el.Then(iteratee.El(5)).Then(eof)
	assert.Equal(t, []int{4, 5}, both.Els())
	assert.True(t, both.IsEOF())
	assert.Equal(t, []int{4}, el.Els(), "Then changes neither of the two")
}

func TestSteps(t *testing.T) {
	assert.True(t, iteratee.StepCont.IsCont())
	assert.True(t, iteratee.Step{}.IsCont())
	assert.False(t, iteratee.StepDone.IsCont())
	assert.NoError(t, iteratee.StepDone.Err())
	assert.NoError(t, iteratee.StepCont.Err())
	assert.ErrorIs(t, iteratee.StepError(errBoom).Err(), errBoom)

	a, b := new(iteratee.Stop).Step(), new(iteratee.Stop).Step()
	assert.False(t, a.IsCont())
	assert.NoError(t, a.Err())
	assert.True(t, a != b && a != iteratee.StepDone, "each Stop equals only itself")
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	assert.True(t, iteratee.Cancelled(ctx).IsCont())
	cancel(errBoom)
	assert.ErrorIs(t, iteratee.Cancelled(ctx).Err(), errBoom)
}
