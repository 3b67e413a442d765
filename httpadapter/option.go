package httpadapter

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// An Option changes how [Serve] and [Handler] answer.
type Option func(*config)

type config struct {
	header  [][2]string
	timeout time.Duration
}

func newConfig(opts []Option) config {
	c := config{timeout: 10 * time.Second}
	for _, opt := range opts {
		opt(&c)
	}
	return c
}

// Header sets a header of the response, in place of what a middleware or an Option
// before it has set under that key. A 500 does not get it. It panics if key is not
// the name of a header.
func Header(key, value string) Option {
	const token = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	if key == "" || strings.Trim(key, token) != "" {
		panic(fmt.Sprintf("httpadapter: Header: key must be the name of a header, got %q", key))
	}
	return func(c *config) { c.header = append(c.header, [2]string{key, value}) }
}

// WriteTimeout sets how long the writing of one chunk may take, and that of the
// head and of the end; it is 10 s by default. A client that takes longer to make
// room for a chunk is gone. How long the stream lives, or the source waits, does
// not matter. It panics if d is not positive: a write without a deadline can wait
// for ever.
func WriteTimeout(d time.Duration) Option {
	if d <= 0 {
		panic(fmt.Sprintf("httpadapter: WriteTimeout: d must be positive, got %v", d))
	}
	return func(c *config) { c.timeout = d }
}

// setHeader sets what was asked for, and the defaults for what is not there.
func (c config) setHeader(h http.Header) {
	for _, kv := range c.header {
		h.Set(kv[0], kv[1])
	}
	for _, kv := range [...][2]string{
		{"Content-Type", "application/octet-stream"}, // or net/http guesses from the first chunk
		{"X-Content-Type-Options", "nosniff"},        // or a browser holds back the first KiB to guess
		{"Cache-Control", "no-store, no-transform"},  // or a proxy may collect or compress the stream
		{"X-Accel-Buffering", "no"},                  // or nginx collects it
	} {
		if _, set := h[kv[0]]; !set {
			h.Set(kv[0], kv[1])
		}
	}
}
