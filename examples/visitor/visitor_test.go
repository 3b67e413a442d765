package visitor_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/halley-go/halley/examples/visitor"
)

func TestAddress(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.1:1234":              "192.0.2.1",
		"192.0.2.1:1":                 "192.0.2.1",
		"[::ffff:192.0.2.1]:1":        "192.0.2.1",
		"[2001:db8:1:2:3:4:5:6]:1":    "2001:db8:1:2::/64",
		"[2001:db8:1:2:ffff::1]:2":    "2001:db8:1:2::/64",
		"[2001:db8:1:3::1]:1":         "2001:db8:1:3::/64",
		"[fe80::1%eth0]:1":            "fe80::/64",
		"[::1]:1":                     "::/64",
		"@":                           "@",
		"":                            "",
		"192.0.2.1":                   "192.0.2.1",
		"a client of a middleware's:": "a client of a middleware's:",
	} {
		assert.Equal(t, want, visitor.Address(&http.Request{RemoteAddr: remote}), remote)
	}
}
