package ndjson_test

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/halley-go/halley/enumeratee/ndjson"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

type sighting struct {
	Comet string `json:"comet"`
	Year  int    `json:"year"`
}

func ExampleEncode() {
	sightings := enumerator.Of(sighting{"Halley", 1986}, sighting{"<Hale & Bopp>", 1997})
	_, err := enumerator.Run(context.Background(), enumerator.Through(sightings, ndjson.Encode[sighting]()), iteratee.ToWriter(os.Stdout))
	fmt.Println(err)
	// Output:
	// {"comet":"Halley","year":1986}
	// {"comet":"<Hale & Bopp>","year":1997}
	// <nil>
}

func ExampleDecode() {
	r := strings.NewReader(`{"comet":"Halley","year":1986}

{"comet":"Hale-Bopp","year":1997}
{"comet":"Encke","year":"often"}
`)
	sightings := enumerator.Through(enumerator.FromReader(r, 16), ndjson.Decode[sighting](1<<20))
	for s, err := range enumerator.All(context.Background(), sightings) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(s.Comet, s.Year)
	}
	// Output:
	// Halley 1986
	// Hale-Bopp 1997
	// enumeratee/ndjson: record 4, at byte 66: json: cannot unmarshal string into Go struct field sighting.year of type int
}

func ExampleEncodeSeq() {
	seq := enumerator.Through(enumerator.Of(1, 2), ndjson.EncodeSeq[int]())
	for chunk := range enumerator.All(context.Background(), seq) {
		fmt.Printf("%q\n", chunk)
	}
	// Output:
	// "\x1e1\n"
	// "\x1e2\n"
}

func ExampleDecodeSeq() {
	log := enumerator.Of([]byte("\x1E[1,\n2]\n\x1E{\"cut"), []byte("\x1E3\n"))
	report := func(err error) error {
		fmt.Println(err)
		return nil // go on with the next record
	}
	for value := range enumerator.All(context.Background(), enumerator.Through(log, ndjson.DecodeSeq[any](1<<20, report))) {
		fmt.Println(value)
	}
	// Output:
	// [1 2]
	// enumeratee/ndjson: record 2, at byte 9: unexpected end of JSON input
	// 3
}

// Another server sends bytes in arbitrary pieces.
func ExampleWholeLines() {
	pieces := enumerator.Of([]byte("[1"), []byte(",2]\n[3]\n["), []byte("4]"))
	for chunk := range enumerator.All(context.Background(), enumerator.Through(pieces, ndjson.WholeLines(1<<20))) {
		fmt.Printf("%q\n", chunk)
	}
	// Output:
	// "[1,2]\n[3]\n"
	// "[4]\n"
}

func ExampleMediaTypes() {
	fmt.Println(ndjson.MediaTypes()[:2])
	// Output: [application/x-ndjson application/ndjson]
}
