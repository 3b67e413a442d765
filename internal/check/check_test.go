package check_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/halley-go/halley/internal/check"
)

func TestPositive(t *testing.T) {
	assert.NotPanics(t, func() { check.Positive("halley: f: n", 1) })
	assert.PanicsWithValue(t, "halley: f: n must be positive, got 0", func() { check.Positive("halley: f: n", 0) })
	assert.PanicsWithValue(t, "halley: f: d must be positive, got -1s", func() { check.Positive("halley: f: d", -time.Second) })
}

func TestNotNegative(t *testing.T) {
	assert.NotPanics(t, func() { check.NotNegative("halley: f: n", int64(0)) })
	assert.PanicsWithValue(t, "halley: f: n must not be negative, got -1", func() { check.NotNegative("halley: f: n", int64(-1)) })
}

func TestNotNil(t *testing.T) {
	n := 1
	var none *int
	assert.NotPanics(t, func() { check.NotNil("halley: f: p", &n) })
	assert.NotPanics(t, func() { check.NotNil("halley: f: p", n) })
	assert.PanicsWithValue(t, "halley: f: p must not be nil", func() { check.NotNil("halley: f: p", nil) })
	assert.PanicsWithValue(t, "halley: f: p must not be nil", func() { check.NotNil("halley: f: p", none) })
}

func TestIsToken(t *testing.T) {
	for s, want := range map[string]bool{
		"graphql-transport-ws": true, "v1.example.com": true, "a": true, "": false, " a": false, "a b": false,
		"a,b": false, "a\r\nSet-Cookie: b": false, "ä": false, "\"a\"": false,
	} {
		assert.Equal(t, want, check.IsToken(s), "%q", s)
	}
}
