package comet_test

import (
	"bytes"
	"context"
	"fmt"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// show prints the chunks that adapter makes of messages.
func show[E any](adapter enumeratee.Enumeratee[E, []byte], messages ...E) {
	chunks := enumerator.Through(enumerator.Of(messages...), adapter)
	_, err := enumerator.Run(context.Background(), chunks, iteratee.ForEach(func(_ context.Context, chunk []byte) error {
		fmt.Printf("%d bytes: %s\n", len(chunk), bytes.TrimSpace(chunk))
		return nil
	}))
	if err != nil {
		fmt.Println(err)
	}
}

func ExampleString() {
	show(comet.String("parent.cometMessage"), "kiki", "it's </script>")
	// Output:
	// 5132 bytes: <html><body>
	// 45 bytes: <script>parent.cometMessage('kiki');</script>
	// 67 bytes: <script>parent.cometMessage('it\'s \u003c\/script\u003e');</script>
}

func ExampleJSON() {
	type move struct {
		Who  string `json:"who"`
		X, Y float64
	}
	show(comet.JSON[move]("game.moved"), move{"Zoë", 1, 2.5})
	// Output:
	// 5132 bytes: <html><body>
	// 62 bytes: <script>game.moved({"who":"Zo\u00eb","X":1,"Y":2.5});</script>
}

func ExampleNonce() {
	show(comet.String("parent.cometMessage", comet.Nonce("c2VjcmV0")), "kiki")
	// Output:
	// 5132 bytes: <html><body>
	// 62 bytes: <script nonce="c2VjcmV0">parent.cometMessage('kiki');</script>
}

func ExamplePreamble() {
	show(comet.String("console.log", comet.Preamble("<!doctype html><title>Log</title>")), "kiki")
	// Output:
	// 33 bytes: <!doctype html><title>Log</title>
	// 37 bytes: <script>console.log('kiki');</script>
}
