package parse_test

import (
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/httpadapter/parse"
	"github.com/halley-go/halley/iteratee"
)

// BenchmarkParse parses bodies in memory, in turns with code written by hand. "ratio" is the time of
// the parser divided by the time of that code.
func BenchmarkParse(b *testing.B) {
	small := `{"item":"tea","n":2}`
	upload := form(value("title", "zeros"), file("f", "zeros.bin", strings.Repeat("\x00", 16<<20)))
	ignore := parse.Multipart(parse.DefaultMax, func(parse.FilePart) (iteratee.Iteratee[[]byte, struct{}], error) {
		return iteratee.Ignore[[]byte](), nil
	})
	for name, c := range map[string]struct {
		body, contentType string
		parse, byHand     func(*http.Request) error
	}{
		"small JSON": {small, "application/json",
			func(r *http.Request) error { _, err := parse.Body(r, parse.JSON[order](1000)); return err },
			func(r *http.Request) error {
				var o order
				return json.NewDecoder(http.MaxBytesReader(nil, r.Body, 1000)).Decode(&o)
			}},
		"16 MiB in a form": {upload, formType,
			func(r *http.Request) error { _, err := parse.Body(r, ignore); return err },
			func(r *http.Request) error {
				parts, err := r.MultipartReader()
				var part *multipart.Part
				for err == nil {
					if part, err = parts.NextPart(); err == nil {
						_, err = io.Copy(io.Discard, part)
					}
				}
				if err == io.EOF {
					return nil
				}
				return err
			}},
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(c.body)))
			var took [2]time.Duration
			for b.Loop() {
				for i, way := range []func(*http.Request) error{c.parse, c.byHand} {
					r := &http.Request{Header: http.Header{"Content-Type": {c.contentType}}, Body: io.NopCloser(strings.NewReader(c.body)), ContentLength: int64(len(c.body))}
					start := time.Now()
					require.NoError(b, way(r))
					took[i] += time.Since(start)
				}
			}
			b.ReportMetric(float64(took[0])/float64(took[1]), "ratio")
		})
	}
}
