package follow_test

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"

	"github.com/halley-go/halley/comet/follow"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/retry"
)

// The body of a response can be any bytes. The Items do not depend on how the bytes arrive, and a run ends.
func FuzzItems(f *testing.F) {
	for _, body := range []string{
		"id: 1z-18\ndata: \"a\"\n\n", "retry: 0\nevent: gap\ndata: {\"count\":1}\n\n", "event: heartbeat\ndata: 15000\n\n",
		"event: end\ndata\n\n", "id\x00\nid: \x01\n\n", "{\"event\":\"end\"}\n", "{\"id\":\"a\",\"data\":[1]}\n\n{\"data\":null}", "\xff",
	} {
		f.Add([]byte(body), uint64(1))
	}
	f.Fuzz(func(t *testing.T, body []byte, seed uint64) {
		for _, contentType := range []string{"text/event-stream", "application/x-ndjson"} {
			items := func(chunks ...any) (all []enumerator.Item[any], err error) {
				synctest.Test(t, func(t *testing.T) {
					s := newScript(answer{header: "Content-Type: " + contentType + "\n", steps: chunks}, gone)
					all, err = run(t.Context(), t, s, follow.Items[any](get(), s.client(), follow.Limit(1000), follow.Retry(retry.MaxTries(3))))
				})
				return all, err
			}
			random := rand.New(rand.NewPCG(seed, 0))
			var chunks []any
			for rest := string(body); rest != ""; {
				n := 1 + random.IntN(len(rest))
				chunks = append(chunks, rest[:n])
				rest = rest[n:]
			}
			whole, err := items(string(body))
			pieces, errOfPieces := items(chunks...)
			assert.Equal(t, whole, pieces)
			assert.Equal(t, err == nil, errOfPieces == nil)
		}
	})
}
