package halley_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/iteratee"
)

// snippet: readme

// clock runs in a hidden iframe. Ten times a second it calls the function tick of the page
// around the iframe, with the time, until the browser leaves.
func clock(*http.Request) (enumerator.Enumerator[[]byte], error) {
	ticks := enumerator.Interval(100 * time.Millisecond)
	show := enumeratee.Map(func(t time.Time) string { return t.Format("15:04:05.0") })
	scripts := enumeratee.Compose(show, comet.String("parent.tick"))
	return enumerator.Through(ticks, scripts), nil
}

var clockHandler = httpadapter.Handler(clock, httpadapter.Comet())

// end snippet

// The README shows this stream of script chunks.
func Example() {
	server := httptest.NewServer(clockHandler)
	defer server.Close()
	response, err := http.Get(server.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	fmt.Println(response.Status, response.Header.Get("Content-Type"))

	// Read the first two scripts. The page never ends.
	for body, n := bufio.NewReader(response.Body), 0; n < 2; n++ {
		chunk, err := body.ReadString(';')
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(len(chunk) > len(`parent.tick('15:04:05.0');`))
	}
	// Output:
	// 200 OK text/html; charset=utf-8
	// true
	// true
}

// The README shows a run without HTTP.
func Example_leftovers() {
	// snippet: leftovers

	// A letter is lines of a header, an empty line, and lines of text.
	type letter struct{ header, text []string }

	header := enumeratee.Transform(
		enumeratee.TakeWhile(func(line string) bool { return line != "" }),
		iteratee.Collect[string](),
	)
	text := enumeratee.Transform(enumeratee.Drop[string](1), iteratee.Collect[string]())

	// header stops at the empty line. That line is left over, and text gets it.
	parser := iteratee.FlatMap(header, func(h []string) iteratee.Iteratee[string, letter] {
		return iteratee.Map(text, func(t []string) letter { return letter{h, t} })
	})

	lines := enumerator.Of("to: kiki", "from: bo", "", "Hello,", "are you there?")
	l, err := enumerator.Run(context.Background(), lines, parser)
	fmt.Printf("%q %q %v", l.header, l.text, err)
	// Output: ["to: kiki" "from: bo"] ["Hello," "are you there?"] <nil>
}
