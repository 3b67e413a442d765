package enumerator

import (
	"fmt"
	"strconv"
	"strings"
)

// A Position is a place in the sequence of elements that were pushed into a [Hub]: the place after the
// element whose number is Seq. Numbers start at 1, so Seq 0 is the place before the first element.
// Epoch tells one hub from another. The zero Position stands for no place. Positions can be compared with ==.
//
// The text of a Position is short, and needs no escaping in URLs, HTTP headers, JavaScript strings and
// ids of server-sent events. Within one epoch, the texts sort byte by byte in the order of the Positions.
type Position struct{ Epoch, Seq uint64 }

// String returns Epoch and Seq in base 36, with a hyphen and the number of digits of Seq between them, such as
// "1z141z3-22s". It returns "" for the zero Position.
func (p Position) String() string {
	const longest = 28 // "3w5e11264sgsf-d3w5e11264sgsf"
	text, _ := p.AppendText(make([]byte, 0, longest))
	return string(text)
}

// AppendText implements [encoding.TextAppender]. It appends the result of String and never fails.
func (p Position) AppendText(b []byte) ([]byte, error) {
	if p == (Position{}) {
		return b, nil
	}
	seq := strconv.AppendUint(make([]byte, 0, 13), p.Seq, 36)
	b = append(strconv.AppendUint(b, p.Epoch, 36), '-')
	b = strconv.AppendInt(b, int64(len(seq)), 36)
	return append(b, seq...), nil
}

// ParsePosition returns the Position whose String is s. It returns the zero Position if s is empty, and
// an error if no Position has this text. Each Position has exactly one text.
func ParsePosition(s string) (p Position, err error) {
	epoch, seq, _ := strings.Cut(s, "-")
	p.Epoch, _ = strconv.ParseUint(epoch, 36, 64)
	if seq != "" {
		p.Seq, _ = strconv.ParseUint(seq[1:], 36, 64)
	}
	if p.String() != s {
		return Position{}, fmt.Errorf("enumerator: ParsePosition: %.40q is not a position", s)
	}
	return p, nil
}

// MarshalText implements [encoding.TextMarshaler]. It returns the result of String and never fails.
func (p Position) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler]. It accepts the texts that ParsePosition accepts.
func (p *Position) UnmarshalText(text []byte) (err error) {
	*p, err = ParsePosition(string(text))
	return err
}
