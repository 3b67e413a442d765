package eventsource_test

import (
	"context"
	"fmt"
	"log"
	"strings"
	"time"

	"github.com/halley-go/halley/comet"
	"github.com/halley-go/halley/comet/eventsource"
	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
)

// show prints the chunks that adapter makes of messages.
func show[E any](adapter enumeratee.Enumeratee[E, []byte], messages ...E) {
	stream := enumerator.Through(enumerator.Of(messages...), adapter)
	for chunk, err := range enumerator.All(context.Background(), stream) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s", chunk)
	}
}

func ExampleString() {
	show(eventsource.String(), "kiki", "two\nlines")
	// Output:
	// data: kiki
	//
	// data: two
	// data: lines
}

func ExampleJSON() {
	show(eventsource.JSON[map[string]string](), map[string]string{"who": "Zoë"})
	// Output:
	// data: {"who":"Zoë"}
}

func ExampleEncode() {
	show(eventsource.Encode(),
		eventsource.Event{NoData: true, Retry: 5 * time.Second},
		eventsource.Event{Name: "joined", ID: "1", Data: "kiki"},
		eventsource.Event{Name: "joined\ndata: forged"},
	)
	// Output:
	// retry: 5000
	//
	// event: joined
	// data: kiki
	// id: 1
	//
	// comet/eventsource: the name of an event must not hold a line end, got "joined\ndata: forged"
}

func ExampleMessages() {
	type move struct {
		N       int `json:"-"`
		Who, To string
	}
	show(eventsource.Messages(func(m move) (eventsource.Event, error) {
		e, err := eventsource.FromJSON(m)
		e.Name, e.ID = "move", fmt.Sprint(m.N)
		return e, err
	}), move{7, "knight", "f3"})
	// Output:
	// event: move
	// data: {"Who":"knight","To":"f3"}
	// id: 7
}

func ExampleEvent_AppendText() {
	text, err := eventsource.Event{NoData: true, Comment: "still here"}.AppendText(nil)
	fmt.Printf("%q %v\n", text, err)
	// Output:
	// ": still here\n" <nil>
}

const stream = `retry: 3000

: a comment
event: joined
data: kiki
id: 1

data: two
data: lines

data: cut sho`

func ExampleDecode() {
	chunks := enumerator.FromReader(strings.NewReader(stream), 16) // or the body of a response
	events := enumerator.Through(chunks, eventsource.Decode(1<<20))
	for e, err := range enumerator.All(context.Background(), events) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%q %q, id %s, retry after %v\n", e.Name, e.Data, e.ID, e.Retry)
	}
	// Output:
	// "joined" "kiki", id 1, retry after 3s
	// "" "two\nlines", id 1, retry after 3s
}

func ExampleDecodeAll() {
	chunks := enumerator.FromReader(strings.NewReader(stream), 16)
	events := enumerator.Through(chunks, eventsource.DecodeAll(1<<20))
	for e, err := range enumerator.All(context.Background(), events) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%v %q, id %s, retry after %v\n", !e.NoData, e.Data, e.ID, e.Retry)
	}
	// Output:
	// false "", id , retry after 3s
	// true "kiki", id 1, retry after 3s
	// true "two\nlines", id 1, retry after 3s
}

func ExampleWithPosition() {
	at := func(seq uint64) enumerator.Position { return enumerator.Position{Epoch: 71, Seq: seq} }
	show(eventsource.Messages(eventsource.WithPosition(eventsource.FromString)),
		enumerator.Item[string]{Value: "kiki", Position: at(8)},
		enumerator.Item[string]{Gap: enumerator.Gap{From: at(9), N: 3}, Position: at(11)},
	)
	// Output:
	// data: kiki
	// id: 1z-18
	//
	// event: gap
	// data: {"from":"1z-19","count":3}
	// id: 1z-1b
}

func ExampleWithNotices() {
	at := func(seq uint64) enumerator.Position { return enumerator.Position{Epoch: 71, Seq: seq} }
	// The page loads itself again when messages are missing.
	reload := eventsource.Refresh(eventsource.Event{Name: "reload", Data: "all"})
	show(eventsource.Messages(eventsource.WithNotices(eventsource.FromString, reload)),
		enumerator.Item[string]{Bookmark: true, Position: at(7)},
		enumerator.Item[string]{Value: "kiki", Position: at(8)},
		enumerator.Item[string]{Gap: enumerator.Gap{From: at(9), N: 3}, Position: at(11)},
	)
	// Output:
	// event: bookmark
	// data: null
	// id: 1z-17
	//
	// data: kiki
	// id: 1z-18
	//
	// event: reload
	// data: all
	// id: 1z-1b
}

// showNotice prints the event in place of a gap.
func showNotice(notice func(comet.Record) (eventsource.Event, error)) {
	gap := comet.Record{Event: comet.Gap, ID: "1z-1b", Data: comet.Missed{From: enumerator.Position{Epoch: 71, Seq: 9}, Count: 3}}
	e, err := notice(gap)
	if err != nil {
		log.Fatal(err)
	}
	show(eventsource.Encode(), e)
}

func ExampleRefresh() {
	showNotice(eventsource.Refresh(eventsource.Event{Name: "reload"}))
	// Output:
	// event: reload
	// data:
}

func ExampleTurbo() {
	showNotice(eventsource.Turbo)
	// Output: data: <turbo-stream action="refresh"></turbo-stream>
}

func ExampleHTMX() {
	showNotice(eventsource.HTMX)
	// Output: data: <script>location.reload()</script>
}

func ExampleDatastar() {
	showNotice(eventsource.Datastar)
	// Output:
	// event: datastar-patch-elements
	// data: selector body
	// data: mode append
	// data: elements <script>location.reload()</script>
}

func ExampleFromNotice() {
	e, err := eventsource.FromNotice(comet.Record{Event: comet.Bookmark, ID: "1z-18"})
	if err != nil {
		log.Fatal(err)
	}
	show(eventsource.Encode(), e)
	// Output: id: 1z-18
}

func ExampleFromRecord() {
	e, err := eventsource.FromRecord(comet.Record{Event: comet.Bookmark, ID: "1z-18"})
	if err != nil {
		log.Fatal(err)
	}
	show(eventsource.Encode(), e)
	// Output:
	// event: bookmark
	// data: null
	// id: 1z-18
}

// The events of FromString and FromJSON can be changed before they are sent.
func ExampleFromJSON() {
	type move struct {
		X int `json:"x"`
	}
	show(eventsource.Messages(func(m move) (eventsource.Event, error) {
		e, err := eventsource.FromJSON(m)
		e.Name = "move"
		return e, err
	}), move{1})
	// Output:
	// event: move
	// data: {"x":1}
}

func ExampleFromString() {
	e, err := eventsource.FromString("kiki")
	fmt.Println(e.Data, err)
	// Output: kiki <nil>
}

// The bytes of an upstream server arrive in arbitrary pieces.
func ExampleWholeEvents() {
	pieces := enumerator.Of([]byte("data: ki"), []byte("ki\n\ndata: two\nda"), []byte("ta: lines\n\ndata: cut sho"))
	for chunk, err := range enumerator.All(context.Background(), enumerator.Through(pieces, eventsource.WholeEvents(1<<20))) {
		fmt.Printf("%q %v\n", chunk, err)
	}
	// Output:
	// "data: kiki\n\n" <nil>
	// "data: two\ndata: lines\n\n" <nil>
}
