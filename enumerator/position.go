package enumerator

import (
	"fmt"
	"strconv"
	"strings"
)

// A Position is the place of an element in what a [Hub] was pushed: Seq counts from 1, and
// Epoch tells one hub from another. It says "after this element": Seq 0 is the place before
// the first. The zero Position is none. Positions are compared with ==.
//
// Its text is short, and safe as it is in URLs, HTTP headers and JavaScript strings, as the
// id of a server-sent event has to be.
type Position struct{ Epoch, Seq uint64 }

// String returns Epoch and Seq in base 36 with a hyphen between, such as "1z141z3-2s". It is
// empty for the zero Position.
func (p Position) String() string {
	text, _ := p.AppendText(nil)
	return string(text)
}

// AppendText implements [encoding.TextAppender]: it appends what String returns. It cannot fail.
func (p Position) AppendText(b []byte) ([]byte, error) {
	if p == (Position{}) {
		return b, nil
	}
	b = append(strconv.AppendUint(b, p.Epoch, 36), '-')
	return strconv.AppendUint(b, p.Seq, 36), nil
}

// ParsePosition returns the Position of which s is the String: the zero Position if s is empty.
// Anything else is an error; there is one text for each Position.
func ParsePosition(s string) (p Position, err error) {
	epoch, seq, _ := strings.Cut(s, "-")
	p.Epoch, _ = strconv.ParseUint(epoch, 36, 64)
	p.Seq, _ = strconv.ParseUint(seq, 36, 64)
	if p.String() != s {
		return Position{}, fmt.Errorf("enumerator: ParsePosition: %.40q is not a position", s)
	}
	return p, nil
}

// MarshalText implements [encoding.TextMarshaler], as String.
func (p Position) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler], as ParsePosition.
func (p *Position) UnmarshalText(text []byte) (err error) {
	*p, err = ParsePosition(string(text))
	return err
}
