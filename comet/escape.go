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

// AppendString appends s to dst as a single-quoted JavaScript string, for [Messages]. Its
// error is always nil.
func AppendString(dst []byte, s string) ([]byte, error) {
	dst = append(dst, '\'')
	plain := 0 // s[plain:i] has not been appended yet
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

// isPlain reports whether r, which took size bytes, needs no escape in a string.
func isPlain(r rune, size int) bool {
	switch r {
	case '\'', '"', '\\', '/', '<', '>', '&', 0x7f, '\u2028', '\u2029':
		return false
	case utf8.RuneError:
		return size > 1 // one byte is not UTF-8
	}
	return r >= ' '
}

func appendEscape(dst []byte, r rune) []byte {
	const letters = "btn.fr" // for the control characters from 8 on
	switch r {
	case '\'', '"', '\\', '/':
		return append(dst, '\\', byte(r))
	case '\b', '\t', '\n', '\f', '\r':
		return append(dst, '\\', letters[r-'\b'])
	}
	return appendUnits(dst, r)
}

// appendUnits appends the UTF-16 code units of r as escapes.
func appendUnits(dst []byte, r rune) []byte {
	const hex = "0123456789abcdef"
	var units [2]uint16
	for _, u := range utf16.AppendRune(units[:0], r) {
		dst = append(dst, '\\', 'u', hex[u>>12], hex[u>>8&15], hex[u>>4&15], hex[u&15])
	}
	return dst
}

// A Marshaler is a message that encodes itself. MarshalComet returns the arguments of the
// callback, as JavaScript. [JSON] uses it instead of encoding/json. The text is checked and
// trusted as in [Messages].
//
// Play calls it CometMessage.
type Marshaler interface {
	MarshalComet() ([]byte, error)
}

// AppendJSON appends v to dst as JavaScript, for [Messages]: an ASCII expression with the
// value that JSON.parse would return for the JSON of v. It marshals v as json.Marshal does
// with a pointer to v, so methods of *E count. If E or *E is a [Marshaler], or if E is an
// interface type and v contains a Marshaler, AppendJSON appends its text unchanged.
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

// marshalers are reused, so that marshalling a message takes no allocation here.
var marshalers = sync.Pool{New: func() any {
	m := &marshaler{}
	m.json = json.NewEncoder(&m.text)
	return m
}}

type marshaler struct {
	text bytes.Buffer
	json *json.Encoder
	box  any // a *E, reused if the next message is an E too
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

// appendLiteral appends in ASCII the JSON text that encoding/json has written, with < > &
// escaped. It changes the key "__proto__", which would set the prototype, to ["__proto__"],
// which does not.
func appendLiteral(dst, text []byte) []byte {
	str := -1        // the start in dst of the current string, or -1 outside of strings
	escaped := false // by a backslash just before
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

// isProto reports whether the JSON string text, in which any letter may be escaped, is
// __proto__.
func isProto(text []byte) bool {
	if text[1] != '_' && text[1] != '\\' {
		return false // nearly all keys end here
	}
	var s string
	return json.Unmarshal(text, &s) == nil && s == "__proto__"
}
