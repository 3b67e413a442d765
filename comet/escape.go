package comet

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"sync"
	"unicode/utf16"
	"unicode/utf8"
)

// AppendString appends s to dst as a single-quoted JavaScript string, for [Messages].
// It cannot fail.
func AppendString(dst []byte, s string) ([]byte, error) {
	dst = append(dst, '\'')
	plain := 0 // from here on s has not been appended
	for i := 0; i < len(s); {
		r, size := rune(s[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(s[i:])
		}
		if !isPlain(r, size) {
			dst = append(dst, s[plain:i]...)
			dst = appendEscape(dst, r)
			plain = i + size
		}
		i += size
	}
	return append(append(dst, s[plain:]...), '\''), nil
}

// isPlain reports whether r, of that many bytes, can stand in a string as it is.
func isPlain(r rune, size int) bool {
	switch r {
	case '\'', '"', '\\', '/', '<', '>', '&', 0x7f, '\u2028', '\u2029':
		return false
	case utf8.RuneError:
		return size > 1 // or it is a byte that is not UTF-8
	}
	return r >= ' '
}

func appendEscape(dst []byte, r rune) []byte {
	const letters = "btn.fr" // of the control characters from 8 on
	switch r {
	case '\'', '"', '\\', '/':
		return append(dst, '\\', byte(r))
	case '\b', '\t', '\n', '\f', '\r':
		return append(dst, '\\', letters[r-'\b'])
	}
	return appendUnits(dst, r)
}

// appendUnits appends escapes of the UTF-16 units of r.
func appendUnits(dst []byte, r rune) []byte {
	const hex = "0123456789abcdef"
	var units [2]uint16
	for _, u := range utf16.AppendRune(units[:0], r) {
		dst = append(dst, '\\', 'u', hex[u>>12], hex[u>>8&15], hex[u>>4&15], hex[u&15])
	}
	return dst
}

// A Marshaler is a message that writes itself: its text is what the callback is called
// with, as JavaScript. [JSON] sends it by that. The text is checked as that of [Messages]
// is, and trusted otherwise.
//
// It is Play's CometMessage.
type Marshaler interface {
	MarshalComet() ([]byte, error)
}

// AppendJSON appends v to dst as a JavaScript expression in ASCII that is what JSON.parse
// would make of the JSON of v, for [Messages]. It is marshalled as json.Marshal does it
// with a pointer to v, so methods of *E count. If E, *E or what an interface E holds is a
// [Marshaler], its text is appended, as it is.
func AppendJSON[E any](dst []byte, v E) ([]byte, error) {
	m := marshalers.Get().(*marshaler)
	defer m.free()
	box, ok := m.box.(*E)
	if !ok {
		box = new(E)
		m.box = box
	}
	*box = v
	defer clearBox(box)

	own, ok := m.box.(Marshaler)
	if kind := reflect.TypeFor[E]().Kind(); kind == reflect.Interface || kind == reflect.Pointer {
		own, ok = any(v).(Marshaler)
	}
	if ok {
		text, err := own.MarshalComet()
		return append(dst, text...), err
	}
	if err := m.json.Encode(box); err != nil {
		return nil, err
	}
	return appendLiteral(dst, bytes.TrimSuffix(m.text.Bytes(), []byte("\n"))), nil
}

// marshalers are kept, so that neither the JSON of a message nor its way to the encoder
// takes an allocation.
var marshalers = sync.Pool{New: func() any {
	m := &marshaler{}
	m.json = json.NewEncoder(&m.text)
	return m
}}

type marshaler struct {
	text bytes.Buffer
	json *json.Encoder
	box  any // a pointer, where the message before was of the same type
}

func (m *marshaler) free() {
	if m.text.Cap() <= maxScratch {
		m.text.Reset()
		marshalers.Put(m)
	}
}

func clearBox[E any](box *E) {
	var zero E
	*box = zero
}

// appendLiteral appends JSON as encoding/json has written it, where < > & stand escaped,
// in ASCII. It changes keys that are __proto__: as such that would set the prototype, as
// ["__proto__"] it does not.
func appendLiteral(dst, text []byte) []byte {
	str, escaped := -1, false // where in dst the string starts that we are in; after a backslash
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text) // U+FFFD for a byte that is not UTF-8
		text = text[size:]
		if r < 0x7f { // JSON holds no control characters below space
			dst = append(dst, byte(r))
		} else {
			dst = appendUnits(dst, r)
		}
		switch {
		case escaped:
			escaped = false
		case r == '\\':
			escaped = true
		case r == '"' && str < 0:
			str = len(dst) - 1
		case r == '"':
			isKey := len(text) > 0 && text[0] == ':' // encoding/json puts no space there
			if isKey && isProto(dst[str:]) {
				dst = append(slices.Insert(dst, str, '['), ']')
			}
			str = -1
		}
	}
	return dst
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
