//go:build !linux

package fanout

import (
	"errors"
	"net"
)

// Supported reports whether this system can have a Crowd.
const Supported = false

// Take returns an error.
func Take(*net.TCPConn) (fd int, err error) { return -1, errors.ErrUnsupported }

func newKernel() (kernel, error) { return nil, errors.ErrUnsupported }
