// Stream sends a line each second through package httpadapter.
package main

import (
	"context"
	"log"
	"net/http"
	"time"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
)

func main() {
	ticks := enumerator.Generate(func(ctx context.Context) ([]byte, bool, error) {
		select {
		case <-time.After(time.Second):
			return []byte("tick\n"), true, nil
		case <-ctx.Done():
			return nil, false, ctx.Err()
		}
	})
	http.Handle("GET /", httpadapter.Handler(func(*http.Request) (enumerator.Enumerator[[]byte], error) { return ticks, nil }))
	log.Fatal(http.ListenAndServe("127.0.0.1:9000", nil))
}
