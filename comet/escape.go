package comet

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// quotes adds what encoding/json leaves as it is. It leaves no such character after
// a backslash, so each stands for itself.
var quotes = strings.NewReplacer(`'`, `\'`, `/`, `\/`, "\x7f", `\u007f`)

// stringLiteral returns s as a single-quoted JavaScript string. All escapes of JSON
// are escapes of JavaScript, and encoding/json escapes what HTML and older
// JavaScript make something of: < > & U+2028 U+2029.
func stringLiteral(s string) []byte {
	text, _ := json.Marshal(s) // cannot fail
	return []byte("'" + quotes.Replace(string(text[1:len(text)-1])) + "'")
}

// jsonLiteral returns v as a JavaScript expression in ASCII that is what JSON.parse
// would give. It is the JSON of v, where < > & stand escaped, except for keys that
// are __proto__: as such that would set the prototype, as ["__proto__"] it does not.
func jsonLiteral(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	literal := make([]byte, 0, len(text))
	str, escaped := -1, false // where in literal the string starts that we are in; after a backslash
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text) // U+FFFD for a byte that is not UTF-8
		text = text[size:]
		literal = appendASCII(literal, r)
		switch {
		case escaped:
			escaped = false
		case r == '\\':
			escaped = true
		case r == '"' && str < 0:
			str = len(literal) - 1
		case r == '"':
			isKey := len(text) > 0 && text[0] == ':' // encoding/json puts no space there
			if isKey && isProto(literal[str:]) {
				literal = append(slices.Insert(literal, str, '['), ']')
			}
			str = -1
		}
	}
	return literal, nil
}

// isProto reports whether the JSON string, in which any letter may be escaped, is
// __proto__.
func isProto(text []byte) bool {
	if text[1] != '_' && text[1] != '\\' {
		return false // at no cost for nearly all keys
	}
	var s string
	return json.Unmarshal(text, &s) == nil && s == "__proto__"
}

// appendASCII appends r, or escapes of its UTF-16 units if it is not printable ASCII.
func appendASCII(b []byte, r rune) []byte {
	if r < 0x7f { // JSON holds no control characters below space
		return append(b, byte(r))
	}
	const hex = "0123456789abcdef"
	var units [2]uint16
	for _, u := range utf16.AppendRune(units[:0], r) {
		b = append(b, '\\', 'u', hex[u>>12], hex[u>>8&15], hex[u>>4&15], hex[u&15])
	}
	return b
}
