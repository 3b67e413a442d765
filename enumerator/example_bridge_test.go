package enumerator_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumeratee/text"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

func ExampleFromSeq2() {
	rows := func(yield func(string, error) bool) { // like the rows of a query
		_ = yield("one", nil) && yield("two", nil) && yield("", io.ErrUnexpectedEOF)
	}
	show(enumerator.FromSeq2(rows))
	// Output: one two unexpected EOF
}

func ExampleAll_pull() {
	next, stop := iter.Pull2(enumerator.All(context.Background(), enumerator.Of("a", "b", "c")))
	defer stop()
	first, _, _ := next()
	second, _, _ := next()
	fmt.Println(first, second)
	// Output: a b
}

func ExampleFromReadCloser() {
	chunks := enumerator.FromReadCloser(func(context.Context) (io.ReadCloser, error) {
		return os.DirFS("testdata").Open("hello.txt") // or an archive, or a response
	}, 8<<10)
	all, err := enumerator.Run(context.Background(), chunks, iteratee.Consume[byte]())
	fmt.Printf("%s%v\n", all, err)
	// Output:
	// hello
	// <nil>
}

func ExampleFromScanner() {
	words := bufio.NewScanner(strings.NewReader("the comet comes back"))
	words.Split(bufio.ScanWords)
	show(enumerator.Map(enumerator.FromScanner(words), func(word []byte) string { return string(word) }))
	// Output: the comet comes back
}

// Lines splits the chunks of a reader into lines.
func ExampleFromReader_lines() {
	r := strings.NewReader("one\ntwo\r\nthree")
	lines := enumerator.Through(enumerator.FromReader(r, 8<<10), text.Lines(1<<20))
	for line, err := range enumerator.All(context.Background(), lines) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%q ", line)
	}
	fmt.Println()
	// Output: "one" "two" "three"
}

// An io.WriterTo becomes a source.
func ExampleFromWriter_writerTo() {
	var w io.WriterTo = bytes.NewBufferString("hello")
	e := enumerator.FromWriter(func(to io.Writer) error { _, err := w.WriteTo(to); return err })
	show(enumerator.Map(e, func(chunk []byte) string { return string(chunk) }))
	// Output: hello
}

func ExampleToReader() {
	chunks := enumerator.Map(enumerator.Of("one\n", "two\n"), func(s string) []byte { return []byte(s) })
	r := enumerator.ToReader(context.Background(), chunks)
	defer r.Close()
	_, err := io.Copy(os.Stdout, r)
	fmt.Println(err)
	// Output:
	// one
	// two
	// <nil>
}

// A decoder reads from the source, as from the body of a request.
func ExampleToReader_decoder() {
	upper := enumeratee.Map(func(s string) []byte { return []byte(strings.ToUpper(s)) })
	r := enumerator.ToReader(context.Background(), enumerator.Through(enumerator.Of("one ", "two"), upper))
	defer r.Close()
	var first, second string
	_, err := fmt.Fscan(r, &first, &second)
	fmt.Println(first, second, err)
	// Output: ONE TWO <nil>
}
