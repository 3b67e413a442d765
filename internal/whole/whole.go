// Package whole regroups a stream of bytes so that its chunks end at the ends of units, such as
// lines.
package whole

import (
	"bufio"
	"bytes"
	"fmt"
	"slices"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/internal/check"
	"github.com/halley-go/halley/iteratee"
)

// A Scanner returns the length of the first unit in chunk, or -1 if no unit ends in it. If it
// returns a length, its next call gets the bytes after that unit; otherwise its next call gets
// the bytes after chunk. So the first unit of a chunk may have begun in earlier ones.
type Scanner func(chunk []byte) int

// A Format describes the units of a stream.
type Format struct {
	Name    string         // the adapter's name, with its package, for errors and panics
	Unit    string         // the name of a unit, for errors
	Scanner func() Scanner // returns a Scanner for one attachment

	// End completes a unit that is incomplete at EOF. If End is empty, the unit is dropped.
	End string
}

// Chunks returns the adapter that regroups the bytes of a stream into chunks that end with a
// unit. From each chunk it hands on the bytes up to the end of the last complete unit, after
// the bytes that it has kept from earlier chunks. It copies bytes only if a unit spans several
// chunks.
//
// A unit of more than limit bytes ends the run with an error that wraps bufio.ErrTooLong, after
// the units before it. If the consumer ends on a chunk, its leftovers and the bytes after the
// chunk are left over. Chunks panics if limit is not positive.
func Chunks(f Format, limit int) enumeratee.Enumeratee[[]byte, []byte] {
	check.Positive(f.Name+": limit", limit)
	return enumeratee.New(func(stage enumeratee.Stage, out iteratee.Outlet[[]byte]) (iteratee.Sink[[]byte], iteratee.Step) {
		c := &chunks{Format: f, stop: stage.Stop(), out: out, limit: limit, scan: f.Scanner()}
		return c, iteratee.StepCont
	})
}

type chunks struct {
	Format
	stop  iteratee.Step
	out   iteratee.Outlet[[]byte]
	limit int
	scan  Scanner

	begun []byte // an incomplete unit of earlier chunks
	end   iteratee.Step
	after []byte // the bytes after the chunk on which the consumer ended
	added string // the End that was added to the last chunk
}

func (c *chunks) Next(chunk []byte) iteratee.Step {
	if !c.end.IsCont() {
		return c.end
	}
	whole, fits := c.split(chunk)
	units, after := chunk[:whole:whole], chunk[whole:]
	if whole > 0 {
		if len(c.begun) > 0 {
			units = slices.Concat(c.begun, units)
			c.begun = c.begun[:0]
		}
		c.end = c.out.Next(units)
	}
	switch {
	case !c.end.IsCont():
		c.after = after
	case !fits:
		c.end = iteratee.StepError(fmt.Errorf("%s: %s of more than %d bytes: %w", c.Name, c.Unit, c.limit, bufio.ErrTooLong))
	default:
		c.begun = append(c.begun, after...)
	}
	return c.end
}

// split returns how many bytes of chunk belong to units that end in it, and whether the next
// unit is within the limit so far.
func (c *chunks) split(chunk []byte) (whole int, fits bool) {
	begun := len(c.begun)
	for {
		n := c.scan(chunk[whole:])
		if n < 0 {
			return whole, begun+len(chunk)-whole <= c.limit
		}
		if begun+n > c.limit {
			return whole, false
		}
		whole, begun = whole+n, 0
	}
}

func (c *chunks) EOF() iteratee.Step {
	if c.end.IsCont() && len(c.begun) > 0 && c.End != "" {
		c.added = c.End
		c.end = c.out.Next(append(c.begun, c.added...))
		c.begun = nil
	}
	if c.end.IsCont() {
		c.end = c.stop
	}
	return c.end
}

func (c *chunks) Rest() iteratee.Input[[]byte] {
	rest := slices.Concat(append(c.out.Rest().Els(), c.after)...)
	rest = bytes.TrimSuffix(rest, []byte(c.added))
	if len(rest) == 0 {
		return iteratee.Empty[[]byte]()
	}
	return iteratee.El(rest)
}
