package text

import (
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/transform"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/iteratee"
)

// Malformed tells [Decode] and [Encode] how to treat malformed input.
type Malformed int

const (
	Fail    Malformed = iota // end the run with an error
	Replace                  // put a replacement character in its place and go on
)

var (
	// ErrMalformed is the cause of an error about bytes that do not encode a character.
	ErrMalformed = errors.New("enumeratee/text: malformed input")

	// ErrIncomplete is the cause of an error about input that ends within a character.
	// It is an ErrMalformed.
	ErrIncomplete = fmt.Errorf("%w: incomplete character at the end", ErrMalformed)

	// ErrUnencodable is the cause of an error about a character that the character set
	// does not have.
	ErrUnencodable = errors.New("enumeratee/text: not in the character set")
)

// A coder decodes or encodes src, appends the result to dst, and returns the number of
// bytes of src that it took. It takes all of src, except from an error on, and except an
// incomplete character at the end unless atEOF is set. It keeps the state of one run.
type coder func(dst, src []byte, atEOF bool) (out []byte, n int, err error)

// coding is Decode or Encode in one run.
type coding[From, To []byte | string] struct {
	stop     iteratee.Step
	consumer iteratee.Outlet[To]
	code     coder
	to       func([]byte) To // copies
	fail     func(offset int64, at []byte, cause error) error
	same     bool // a To has the same bytes as its source

	held     []byte // the beginning of a character
	joined   []byte // memory for held and the next chunk
	out      []byte // memory for the output of the coder
	offset   int64  // of the first byte that is not coded
	end      iteratee.Step
	made, at []byte // set at the end: the source of the last To, and the bytes after it
}

func attach[From, To []byte | string](start func() *coding[From, To]) enumeratee.Enumeratee[From, To] {
	return enumeratee.New(func(stage enumeratee.Stage, out iteratee.Outlet[To]) (iteratee.Sink[From], iteratee.Step) {
		c := start()
		c.stop, c.consumer = stage.Stop(), out
		return c, iteratee.StepCont
	})
}

func (c *coding[From, To]) Next(chunk From) iteratee.Step {
	if c.end.IsCont() && len(chunk) > 0 {
		c.feed(chunk, false)
	}
	return c.end
}

func (c *coding[From, To]) EOF() iteratee.Step {
	if c.end.IsCont() {
		var nothing From
		if c.feed(nothing, true); c.end.IsCont() {
			c.end = c.stop
		}
	}
	return c.end
}

func (c *coding[From, To]) feed(chunk From, atEOF bool) {
	src, isBytes := any(chunk).([]byte)
	if !isBytes || len(c.held) > 0 {
		c.joined = append(append(c.joined[:0], c.held...), chunk...)
		src = c.joined
	}
	out, n, err := c.code(c.out[:0], src, atEOF)
	c.out = out
	if len(out) > 0 {
		c.end = c.consumer.Next(c.to(out))
	}
	if c.end.IsCont() && err != nil {
		c.end = iteratee.StepError(c.fail(c.offset+int64(n), src[n:], err))
	}
	c.offset += int64(n)
	if !c.end.IsCont() {
		c.made, c.at = src[:n], src[n:]
		return
	}
	c.held = append(c.held[:0], src[n:]...)
}

func (c *coding[From, To]) Rest() iteratee.Input[From] {
	var left []byte
	for _, to := range c.consumer.Rest().Els() {
		left = append(left, to...)
	}
	if len(left) > 0 && !c.same {
		left = c.made
	}
	if len(left)+len(c.at) == 0 {
		return iteratee.Empty[From]()
	}
	return iteratee.El(From(slices.Concat(left, c.at)))
}

// transformAll is t.Transform, except that it appends to dst and lets it grow.
func transformAll(t transform.Transformer, dst, src []byte, atEOF bool) (_ []byte, n int, err error) {
	for room := len(src) + 64; ; room *= 2 {
		dst = slices.Grow(dst, room)
		nDst, nSrc, err := t.Transform(dst[len(dst):cap(dst)], src[n:], atEOF)
		dst, n = dst[:len(dst)+nDst], n+nSrc
		if err != transform.ErrShortDst {
			return dst, n, err
		}
	}
}

// validUTF8 returns the number of bytes at the start of src that are well-formed UTF-8.
func validUTF8(src []byte) (n int) {
	whole := len(src)
	for i := 1; i <= min(len(src), utf8.UTFMax-1); i++ { // the last character is often cut off
		if last := src[len(src)-i:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				whole -= i
			}
			break
		}
	}
	if utf8.Valid(src[:whole]) {
		return whole
	}
	for {
		r, size := utf8.DecodeRune(src[n:])
		if r == utf8.RuneError && size <= 1 {
			return n
		}
		n += size
	}
}

// first returns the size of the first character of src. If src does not begin with a
// character, it returns the number of bytes that one U+FFFD replaces: the beginning of a
// character, or one byte, as Unicode recommends and golang.org/x/text does.
func first(src []byte) (n int) {
	if r, size := utf8.DecodeRune(src); r != utf8.RuneError || size > 1 {
		return size
	}
	for n = 1; n < len(src) && !utf8.FullRune(src[:n+1]); n++ {
	}
	return n
}

func checkCoding(operator string, enc encoding.Encoding, malformed Malformed) {
	if enc == nil {
		panic(fmt.Sprintf("enumeratee/text: %s: the encoding must not be nil", operator))
	}
	if malformed != Fail && malformed != Replace {
		panic(fmt.Sprintf("enumeratee/text: %s: malformed must be Fail or Replace, got %d", operator, malformed))
	}
}
