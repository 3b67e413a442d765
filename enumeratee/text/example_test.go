package text_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumeratee/text"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// show prints each element that adapter hands on, and the error.
func show[To []byte | string](adapter enumeratee.Enumeratee[[]byte, To], chunks ...string) {
	bytes := enumerator.Through(enumerator.Of(chunks...), enumeratee.Map(func(s string) []byte { return []byte(s) }))
	var shown []string
	for e, err := range enumerator.All(context.Background(), enumerator.Through(bytes, adapter)) {
		if err != nil {
			shown = append(shown, err.Error())
			break
		}
		shown = append(shown, fmt.Sprintf("%q", e))
	}
	fmt.Println(strings.Join(shown, " "))
}

func ExampleDecode() {
	show(text.Decode(unicode.UTF8, text.Fail), "3 \xE2\x82", "\xAC", " each")
	show(text.Decode(unicode.UTF8, text.Fail), "caf\xE9", " au lait")
	show(text.Decode(unicode.UTF8, text.Replace), "caf\xE9", " au lait")
	// Output:
	// "3 " "€" " each"
	// "caf" enumeratee/text: malformed input, at byte 3
	// "caf" "� au lait"
}

func ExampleDecode_byName() {
	enc, err := htmlindex.Get("latin1") // Windows-1252, as in browsers
	if err != nil {
		fmt.Println(err)
		return
	}
	show(text.Decode(enc, text.Fail), "caf\xE9 3 \x80")
	// Output: "café 3 €"
}

func ExampleEncode() {
	latin := enumeratee.Compose(text.Decode(unicode.UTF8, text.Fail), text.Encode(charmap.ISO8859_1, text.Fail))
	show(latin, "caf", "é")
	show(latin, "3", " €")
	// Output:
	// "caf" "\xe9"
	// "3" " " enumeratee/text: not in the character set: U+20AC '€', at byte 2
}

func ExampleLines() {
	show(text.Lines(1024), "GET / HT", "TP/1.1\r", "\nHost: example.org\r\n\r\n")
	show(text.Lines(8), "short\nrather lo", "ng\n")
	// Output:
	// "GET / HTTP/1.1" "Host: example.org" ""
	// "short" enumeratee/text: line of more than 8 bytes, at byte 6
}

func ExampleLines_headerAndBody() {
	// The bytes after the empty line are left over for the next consumer.
	header := enumeratee.Transform(
		enumeratee.Compose(text.Lines(1024), enumeratee.TakeWhile(func(line []byte) bool { return len(line) > 0 })),
		iteratee.Fold("", func(a string, line []byte) string { return a + string(line) + "; " }))
	message := iteratee.FlatMap(header, func(header string) iteratee.Iteratee[[]byte, string] {
		return iteratee.FlatMap(enumeratee.Transform(text.Lines(1024), iteratee.Head[[]byte]()), func(*[]byte) iteratee.Iteratee[[]byte, string] {
			return iteratee.Map(iteratee.Consume[byte](), func(body []byte) string { return fmt.Sprintf("%s%q", header, body) })
		})
	})
	in := enumerator.Of([]byte("a: 1\r\nb:"), []byte(" 2\r\n\r"), []byte("\nbo\ndy\r\n"))
	fmt.Println(enumerator.Run(context.Background(), in, message))
	// Output: a: 1; b: 2; "bo\ndy\r\n" <nil>
}

func ExampleLinesOrSkip() {
	lines := text.LinesOrSkip(8, func(_ context.Context, err *text.TooLongError, beginning []byte) error {
		fmt.Printf("skipped %q...: %v\n", beginning, err)
		return nil // or the error, to end the run
	})
	show(lines, "one\nrather lo", "ng, and lon", "ger\ntwo\n")
	// Output:
	// skipped "rather l"...: enumeratee/text: line of more than 8 bytes, at byte 4
	// "one" "two"
}

func ExampleTooLongError() {
	_, err := enumerator.Run(context.Background(), enumerator.Of([]byte("12345")),
		enumeratee.Transform(text.Lines(4), iteratee.Ignore[[]byte]()))
	fmt.Println(errors.Is(err, bufio.ErrTooLong))
	// Output: true
}

func ExampleSearch() {
	in := enumerator.Of([]byte("to be--"), []byte("-or not---to b"))
	for m, err := range enumerator.All(context.Background(), enumerator.Through(in, text.Search([]byte("---")))) {
		fmt.Printf("%q %v %v\n", m.Content, m.IsMatch, err)
	}
	// Output:
	// "to be" false <nil>
	// "---" true <nil>
	// "or not" false <nil>
	// "---" true <nil>
	// "to b" false <nil>
}
