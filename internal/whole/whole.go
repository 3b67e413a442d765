// Package whole regroups a stream of bytes so that its chunks end where units of it end, such as
// lines.
package whole

import (
	"bufio"
	"bytes"
	"fmt"
	"slices"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/iteratee"
)

// A Scanner looks for the ends of units. It is called with the bytes that follow those of its
// last call, up to the end that it returned then, and returns where the first unit in them ends,
// or -1 if none does.
type Scanner func(chunk []byte) int

// A Format says what the units of a stream are.
type Format struct {
	Name    string         // of the adapter, with its package, for errors and panics
	Unit    string         // the name of a unit
	Scanner func() Scanner // returns one for each attachment

	// End completes a unit that is not complete at EOF. If it is empty, that unit is dropped.
	End string
}

// Chunks returns the adapter that hands on the bytes of a stream in chunks that end with a unit. It
// hands on the bytes of a chunk that complete units, with the unit that earlier chunks have begun
// before them. Units that lie within one chunk are a part of it, and not a copy.
//
// A unit of more than limit bytes ends the run with an error that wraps bufio.ErrTooLong, when the units before
// it have been handed on. If the consumer ends on a chunk, the bytes that follow are left over, after
// those that the consumer leaves over. Chunks panics if limit is not positive.
func Chunks(f Format, limit int) enumeratee.Enumeratee[[]byte, []byte] {
	if limit <= 0 {
		panic(fmt.Sprintf("%s: limit must be positive, got %d", f.Name, limit))
	}
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

	begun []byte // a unit that chunks before have begun
	end   iteratee.Step
	after []byte // what follows the chunk on which the consumer has ended
	added string // to that chunk
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

// split returns how many bytes of chunk belong to units that end in it, and whether the one that
// follows fits the limit so far.
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
