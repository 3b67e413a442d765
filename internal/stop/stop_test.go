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
	} {
		assert.Equal(t, c.want, stop.Only(c.err), "%v", c.err)
	}
	assert.EqualError(t, over, "over")
}
