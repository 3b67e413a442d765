// Package check panics on arguments that are a mistake of the caller. The name of an argument has the form
// "package: function: parameter".
package check

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

type number interface {
	int | int64 | time.Duration
}

// Positive panics if n is not positive.
func Positive[N number](argument string, n N) {
	if n <= 0 {
		panic(fmt.Sprintf("%s must be positive, got %v", argument, n))
	}
}

// NotNegative panics if n is negative.
func NotNegative[N number](argument string, n N) {
	if n < 0 {
		panic(fmt.Sprintf("%s must not be negative, got %v", argument, n))
	}
}

// NotNil panics if v is nil, or an interface with a nil pointer.
func NotNil(argument string, v any) {
	if v := reflect.ValueOf(v); !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
		panic(argument + " must not be nil")
	}
}

// IsToken reports whether s is a token of HTTP, such as the name of a header.
func IsToken(s string) bool {
	const token = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	return s != "" && strings.Trim(s, token) == ""
}
