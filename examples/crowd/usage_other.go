//go:build !unix

package crowd

import "time"

// processorTime returns 0: the page does not show it on this system.
func processorTime() time.Duration { return 0 }

// room returns how many descriptors this program may have.
func room() int { return 4000 }
