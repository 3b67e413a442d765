package comet

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// reserved are ECMAScript's ReservedWords. They can name properties, but not variables.
var reserved = strings.Fields(`await break case catch class const continue debugger
	default delete do else enum export extends false finally for function if import in
	instanceof new null return super switch this throw true try typeof var void while
	with yield`)

// checkCallback panics if callback is not a dotted path of identifiers. Unlike JavaScript, it
// refuses \u escapes, and spaces and comments between the names.
func checkCallback(function, callback string) {
	names := strings.Split(callback, ".")
	if slices.Contains(reserved, names[0]) || slices.ContainsFunc(names, notIdentifier) {
		panic(fmt.Sprintf("comet: %s: callback must be a dotted path of JavaScript identifiers, "+
			"such as parent.cometMessage, got %q", function, callback))
	}
}

func notIdentifier(name string) bool {
	for i, r := range name {
		if !isStart(r) && (i == 0 || !isContinue(r)) {
			return true
		}
	}
	return name == ""
}

// isStart reports whether r is in ECMAScript's IdentifierStart: $, _ or Unicode's
// ID_Start.
func isStart(r rune) bool {
	return r == '$' || r == '_' ||
		unicode.In(r, unicode.L, unicode.Nl, unicode.Other_ID_Start) && !isPattern(r)
}

// isContinue reports whether r is in ECMAScript's IdentifierPart, but not in
// IdentifierStart: the rest of Unicode's ID_Continue, and the two joiners.
func isContinue(r rune) bool {
	const zwnj, zwj = '\u200c', '\u200d'
	return r == zwnj || r == zwj ||
		unicode.In(r, unicode.Mn, unicode.Mc, unicode.Nd, unicode.Pc, unicode.Other_ID_Continue) && !isPattern(r)
}

// isPattern reports whether Unicode excludes r from identifiers whatever its category.
func isPattern(r rune) bool {
	return unicode.In(r, unicode.Pattern_Syntax, unicode.Pattern_White_Space)
}
