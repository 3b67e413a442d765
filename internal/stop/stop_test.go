package stop_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/halley-go/halley/internal/stop"
)

func TestOnly(t *testing.T) {
	const over = stop.Cause("over")
	for _, c := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{io.EOF, false},
		{over, true},
		{context.Canceled, true},
		{fmt.Errorf("read: %w", over), true},
		{fmt.Errorf("%w: %w", io.ErrUnexpectedEOF, over), true},
		{errors.Join(over, context.Canceled), true},
		{errors.Join(over, io.EOF), false},
		{errors.Join(errors.Join(over, io.EOF), over), false},
		{fmt.Errorf("read: %w", errors.Join(over, io.EOF)), false},
	} {
		assert.Equal(t, c.want, stop.Only(c.err), "%v", c.err)
	}
	assert.EqualError(t, over, "over")
}

func TestCaused(t *testing.T) {
	cause := errors.New("the user has left")
	open := t.Context()
	ended, cancel := context.WithCancelCause(open)
	cancel(cause)
	plain, cancelPlain := context.WithCancel(open)
	cancelPlain()
	late, cancelLate := context.WithTimeoutCause(open, -1, cause)
	defer cancelLate()

	read := fmt.Errorf("read: %w", context.Canceled)
	both := errors.Join(context.Canceled, io.EOF)
	wrapped := fmt.Errorf("close: %w", both)
	for _, c := range []struct {
		name string
		ctx  context.Context
		err  error
		want []error // errors.Is finds each; a single one is the result itself
	}{
		{"no error", ended, nil, []error{nil}},
		{"before the end", open, read, []error{read}},
		{"no cause of its own", plain, read, []error{read}},
		{"a failure of its own", ended, io.EOF, []error{io.EOF}},
		{"the other kind of end", late, context.Canceled, []error{context.Canceled}},
		{"the cause itself", ended, cause, []error{cause}},
		{"ctx.Err()", ended, context.Canceled, []error{cause}},
		{"ctx.Err() of a deadline", late, context.DeadlineExceeded, []error{cause}},
		{"wrapped", ended, read, []error{cause}},
		{"only such errors joined", ended, errors.Join(read, context.Canceled), []error{cause}},
		{"a failure joined", ended, both, []error{cause, io.EOF, context.Canceled}},
		{"a failure joined and wrapped", ended, wrapped, []error{cause, io.EOF, wrapped}},
	} {
		got := stop.Caused(c.ctx, c.err)
		for _, want := range c.want {
			assert.ErrorIs(t, got, want, c.name)
		}
		if len(c.want) == 1 {
			assert.Equal(t, c.want[0], got, c.name)
		}
	}
}
