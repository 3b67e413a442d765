package compress_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/compress"
)

func ExampleOption() {
	h := httpadapter.Handler(func(*http.Request) (enumerator.Enumerator[[]byte], error) {
		return enumerator.Of([]byte("to whom it may concern")), nil
	}, compress.Option())
	for _, accept := range []string{"gzip, br", "br", "gzip;q=0.5, zstd"} {
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Accept-Encoding", accept)
		h.ServeHTTP(w, r)
		fmt.Printf("%s: %q\n", accept, w.Header().Get("Content-Encoding"))
	}
	// Output:
	// gzip, br: "gzip"
	// br: ""
	// gzip;q=0.5, zstd: "zstd"
}
