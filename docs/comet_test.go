package docs_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
)

// The code of comet.md that is not part of an example.

func Example_json() {
	// snippet: json

	type Move struct {
		Piece string `json:"piece"`
		To    string `json:"to"`
	}
	moves := enumerator.Of(Move{"knight", "f3"}, Move{"pawn", "e4"})
	stream := enumerator.Through(moves, comet.JSON[Move]("parent.moved"))

	show(stream)
	// Output:
	// <html><body>
	// <script>parent.moved({"piece":"knight","to":"f3"});</script>
	// <script>parent.moved({"piece":"pawn","to":"e4"});</script>
}

func Example_hostile() {
	// snippet: hostile

	hostile := `');</script><script>alert('I am in`
	stream := enumerator.Through(
		enumerator.Of(hostile),
		comet.String("parent.cometMessage", comet.Preamble("<!DOCTYPE html>")),
	)
	show(stream)
	// Output:
	// <!DOCTYPE html>
	// <script>parent.cometMessage('\');\u003c\/script\u003e\u003cscript\u003ealert(\'I am in');</script>
}

// snippet: nonce

func serveWithNonce(w http.ResponseWriter, r *http.Request) {
	nonce := rand.Text() // one for each response
	stream := enumerator.Through(
		enumerator.Of("kiki", "foo", "bar"),
		comet.String("parent.cometMessage", comet.Nonce(nonce)),
	)
	err := httpadapter.Serve(w, r, stream,
		httpadapter.Comet(),
		httpadapter.Header("Content-Security-Policy", "script-src 'nonce-"+nonce+"'"),
	)
	if err != nil && !errors.Is(err, httpadapter.ErrClientGone) {
		log.Print(err)
	}
}

// end snippet

func TestServeWithNonce(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(serveWithNonce))
	defer server.Close()
	seen := map[string]bool{}
	for range 2 {
		response, err := http.Get(server.URL)
		require.NoError(t, err)
		text, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		policy := regexp.MustCompile(`^script-src 'nonce-(\w+)'$`).FindStringSubmatch(response.Header.Get("Content-Security-Policy"))
		require.NotNil(t, policy)
		require.Equal(t, 3, strings.Count(string(text), `<script nonce="`+policy[1]+`">parent.cometMessage(`))
		seen[policy[1]] = true
	}
	require.Len(t, seen, 2)
}

// show prints the chunks of a stream, without the padding.
func show(stream enumerator.Enumerator[[]byte]) {
	for chunk, err := range enumerator.All(context.Background(), stream) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s\n", bytes.TrimSpace(chunk))
	}
}
