package items

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/halley-go/halley/enumerator"
)

// Cursor returns the text of the Positions of several sources, by their names: "name:position" for each
// source, sorted by name, with commas between them. Names are escaped as in the query of a URL. A zero
// Position is left out. Without Positions the text is empty.
func Cursor(positions map[string]enumerator.Position) string {
	var text []byte
	for _, name := range slices.Sorted(maps.Keys(positions)) {
		text = appendPart(text, url.QueryEscape(name), positions[name])
	}
	return string(text)
}

func appendPart(text []byte, escaped string, p enumerator.Position) []byte {
	if p == (enumerator.Position{}) {
		return text
	}
	if len(text) > 0 {
		text = append(text, ',')
	}
	text = append(append(text, escaped...), ':')
	text, _ = p.AppendText(text)
	return text
}

// ParseCursor returns the Positions whose [Cursor] is text. It returns an error if text is not a result of
// Cursor. The same Positions always have the same text.
func ParseCursor(text string) (map[string]enumerator.Position, error) {
	positions := map[string]enumerator.Position{}
	for part := range strings.SplitSeq(text, ",") {
		escaped, position, _ := strings.Cut(part, ":")
		name, _ := url.QueryUnescape(escaped)
		positions[name], _ = enumerator.ParsePosition(position)
	}
	if Cursor(positions) != text {
		return nil, fmt.Errorf("enumeratee/items: ParseCursor: %.40q is not a cursor", text)
	}
	maps.DeleteFunc(positions, func(_ string, p enumerator.Position) bool { return p == enumerator.Position{} })
	return positions, nil
}
