package halley_test

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
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
