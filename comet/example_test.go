package comet_test

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"time"

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

func ExampleRemoveScripts() {
	show(comet.String("parent.cometMessage", comet.RemoveScripts(), comet.Preamble("")), "kiki")
	// Output:
	// 77 bytes: <script>document.currentScript.remove();parent.cometMessage('kiki');</script>
}

type tick struct {
	At    time.Time
	Price float64
}

func ExampleMessages() {
	encode := func(dst []byte, t tick) ([]byte, error) {
		dst, _ = comet.AppendString(dst, t.At.Format(time.TimeOnly))
		dst = append(dst, ", "...)
		return strconv.AppendFloat(dst, t.Price, 'f', 2, 64), nil
	}
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	show(comet.Messages("chart.add", encode, comet.Preamble("")), tick{noon, 9.5})
	// Output:
	// 45 bytes: <script>chart.add('12:00:00', 9.50);</script>
}

type celsius float64

// MarshalComet writes the temperature as a call of a function of the page.
func (c celsius) MarshalComet() ([]byte, error) {
	return fmt.Appendf(nil, "parent.degrees(%g, 'C')", c), nil
}

func ExampleMarshaler() {
	show(comet.JSON[celsius]("parent.weather", comet.Preamble("")), 21.5)
	// Output:
	// 59 bytes: <script>parent.weather(parent.degrees(21.5, 'C'));</script>
}

func ExampleAppendString() {
	dst, _ := comet.AppendString(nil, "it's </script>")
	fmt.Printf("%s\n", dst)
	// Output:
	// 'it\'s \u003c\/script\u003e'
}

func ExampleAppendJSON() {
	dst, err := comet.AppendJSON(nil, map[string]string{"who": "Zoë"})
	fmt.Printf("%s %v\n", dst, err)
	// Output:
	// {"who":"Zo\u00eb"} <nil>
}
