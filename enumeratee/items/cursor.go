package items

import (
	"bytes"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/halley-go/halley/enumerator"
)

// Cursor returns the text of the Positions of several sources, by their names: "name:position" for each
// source, sorted by name, with commas between them. Names are escaped as in the query of a URL. A Position with
// the Epoch of the one before it is written without the Epoch, so the text of many topics of one store is short. A zero
// Position is left out. Without Positions the text is empty.
func Cursor(positions map[string]enumerator.Position) string {
	var text cursor
	for _, name := range slices.Sorted(maps.Keys(positions)) {
		text.add(url.QueryEscape(name), positions[name])
	}
	return string(text.text)
}

// cursor is the beginning of the text of a Cursor.
type cursor struct {
	text  []byte
	epoch uint64 // of the last Position
}

func (c *cursor) add(escaped string, p enumerator.Position) {
	if p == (enumerator.Position{}) {
		return
	}
	begins := len(c.text) == 0
	if !begins {
		c.text = append(c.text, ',')
	}
	c.text = append(append(c.text, escaped...), ':')
	at := len(c.text)
	c.text, _ = p.AppendText(c.text)
	if !begins && p.Epoch == c.epoch {
		c.text = slices.Delete(c.text, at, at+bytes.IndexByte(c.text[at:], '-'))
	}
	c.epoch = p.Epoch
}

// ParseCursor returns the Positions whose [Cursor] is text. It returns an error if text is not a result of
// Cursor. The same Positions always have the same text.
func ParseCursor(text string) (map[string]enumerator.Position, error) {
	positions := map[string]enumerator.Position{}
	var epoch string
	for part := range strings.SplitSeq(text, ",") {
		escaped, position, _ := strings.Cut(part, ":")
		if own, seq, _ := strings.Cut(position, "-"); own == "" {
			position = epoch + "-" + seq
		} else {
			epoch = own
		}
		name, _ := url.QueryUnescape(escaped)
		positions[name], _ = enumerator.ParsePosition(position)
	}
	if Cursor(positions) != text {
		return nil, fmt.Errorf("enumeratee/items: ParseCursor: %.40q is not a cursor", text)
	}
	maps.DeleteFunc(positions, func(_ string, p enumerator.Position) bool { return p == enumerator.Position{} })
	return positions, nil
}
