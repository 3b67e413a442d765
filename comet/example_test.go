package comet_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"math"
	"net/http/httptest"
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

func ExampleDefaultPreamble() {
	const style = "<style>p { color: green }</style>"
	show(comet.String("parent.cometMessage", comet.Preamble(comet.DefaultPreamble+style)), "kiki")
	// Output:
	// 5165 bytes: <html><body><style>p { color: green }</style>
	// 45 bytes: <script>parent.cometMessage('kiki');</script>
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

func ExampleWithPosition() {
	at := func(seq uint64) enumerator.Position { return enumerator.Position{Epoch: 71, Seq: seq} }
	show(comet.Messages("parent.cometMessage", comet.WithPosition(comet.AppendString), comet.Preamble("")),
		enumerator.Item[string]{Reset: true, Position: at(7)},
		enumerator.Item[string]{Value: "kiki", Position: at(8)},
		enumerator.Item[string]{Gap: enumerator.Gap{From: at(9), N: 3}, Position: at(11)},
	)
	// Output:
	// 59 bytes: <script>parent.cometMessage(null,'1z-17','reset');</script>
	// 53 bytes: <script>parent.cometMessage('kiki','1z-18');</script>
	// 79 bytes: <script>parent.cometMessage({"from":"1z-19","count":3},'1z-1b','gap');</script>
}

func ExampleRecordOf() {
	item := enumerator.Item[string]{Value: "kiki", Position: enumerator.Position{Epoch: 71, Seq: 8}}
	line, err := json.Marshal(comet.RecordOf(item))
	fmt.Printf("%s %v\n", line, err)
	// Output:
	// {"id":"1z-18","data":"kiki"} <nil>
}

func ExampleCursor() {
	r := httptest.NewRequest("GET", "/stream?lastEventId=1z-18", nil)
	fmt.Println(comet.Cursor(r.Header, r.URL.Query()))
	r.Header.Set("Last-Event-ID", "1z-1b") // the browser has connected again
	fmt.Println(comet.Cursor(r.Header, r.URL.Query()))
	// Output:
	// 1z-18
	// 1z-1b
}

// A client of several sources has read one of them up to 1z-18, and the other up to 5k-12.
func ExampleCursorText() {
	r := httptest.NewRequest("GET", "/stream?lastEventId=orders:1z-18,prices:5k-12", nil)
	fmt.Println(comet.CursorText(r.Header, r.URL.Query()))
	// Output: orders:1z-18,prices:5k-12
}

func ExampleCheckName() {
	fmt.Println(comet.CheckName("order"))
	fmt.Println(comet.CheckName("gap"))
	// Output:
	// <nil>
	// comet: a message must not have the name gap, which has a meaning of its own
}

func ExampleLongPoll() {
	ctx := context.Background()
	hub := enumerator.Broadcast[string]()
	poll := func(after enumerator.Position, wait time.Duration) (next enumerator.Position) {
		next = after
		for item, err := range enumerator.All(ctx, comet.LongPoll(hub, after, wait)) {
			if err != nil {
				log.Fatal(err)
			}
			fmt.Printf("%q bookmark: %v\n", item.Value, item.Bookmark)
			next = item.Position
		}
		fmt.Println("-- answered")
		return next
	}
	position := poll(enumerator.Position{}, time.Minute)
	for _, name := range []string{"kiki", "foo"} {
		if err := hub.Push(ctx, name); err != nil {
			log.Fatal(err)
		}
	}
	position = poll(position, time.Minute)
	poll(position, time.Millisecond)
	// Output:
	// "" bookmark: true
	// -- answered
	// "kiki" bookmark: false
	// "foo" bookmark: false
	// -- answered
	// -- answered
}

func ExampleNewSocket() {
	stream := comet.NewSocket("parent.cometMessage", func(s *comet.Socket) error {
		defer s.Close()
		s.OnDisconnected(func() { fmt.Println("disconnected") })
		if err := s.SendMessage("kiki"); err != nil {
			return err
		}
		return s.SendJSON(map[string]int{"points": 3})
	}, comet.Preamble("<html><body>"))

	for chunk, err := range enumerator.All(context.Background(), stream) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s\n", chunk)
	}
	// Output:
	// <html><body>
	// <script>parent.cometMessage('kiki');</script>
	// <script>parent.cometMessage({"points":3});</script>
	// disconnected
}

func ExampleHeartbeat() {
	fmt.Println(string(comet.Heartbeat("parent.alive", comet.RemoveScripts())))
	// Output: <script>document.currentScript.remove();parent.alive();</script>
}

// The bytes of an upstream server arrive in arbitrary pieces.
func ExampleWholeScripts() {
	pieces := enumerator.Of([]byte("<html><body><scr"), []byte("ipt>f('kiki');</scrip"), []byte("t><script>f('foo');</script>"))
	for chunk := range enumerator.All(context.Background(), enumerator.Through(pieces, comet.WholeScripts(1<<20))) {
		fmt.Printf("%s\n", chunk)
	}
	// Output:
	// <html><body>
	// <script>f('kiki');</script><script>f('foo');</script>
}

func ExampleRecover() {
	encode := comet.Messages("parent.measured", comet.WithPosition(comet.AppendJSON[float64]), comet.Preamble(""))
	report := func(_ context.Context, err error, item enumerator.Item[float64]) error {
		fmt.Println(item.Position, err)
		return nil // go on
	}
	at := func(seq uint64) enumerator.Position { return enumerator.Position{Epoch: 71, Seq: seq} }
	show(comet.Recover(encode, report),
		enumerator.Item[float64]{Value: 1.5, Position: at(8)},
		enumerator.Item[float64]{Value: math.NaN(), Position: at(9)},
		enumerator.Item[float64]{Value: 2.5, Position: at(10)},
	)
	// Output:
	// 46 bytes: <script>parent.measured(1.5,'1z-18');</script>
	// 1z-19 comet: Messages: json: unsupported value: NaN
	// 75 bytes: <script>parent.measured({"from":"1z-19","count":1},'1z-19','gap');</script>
	// 46 bytes: <script>parent.measured(2.5,'1z-1a');</script>
}

// A client polls for the messages of two hubs with one cursor.
func ExampleLongPollJoin() {
	ctx := context.Background()
	news, sports := enumerator.Broadcast[string](), enumerator.Broadcast[string]()
	sources := map[string]enumerator.Source[string]{"news": news, "sports": sports}
	cursor := ""
	poll := func(wait time.Duration) {
		for item, err := range enumerator.All(ctx, comet.LongPollJoin(cursor, sources, 1, wait)) {
			if err != nil {
				log.Fatal(err)
			}
			if item.IsMessage() {
				fmt.Println(item.Event, item.Value)
			}
			cursor = item.ID()
		}
		fmt.Println("-- answered")
	}
	push := func(hub *enumerator.Hub[string], messages ...string) {
		for _, message := range messages {
			if err := hub.Push(ctx, message); err != nil {
				log.Fatal(err)
			}
		}
	}
	push(news, "rain", "snow")
	poll(time.Minute) // a new client gets the last one
	push(sports, "goal", "foul")
	poll(time.Minute)
	poll(time.Millisecond)
	// Output:
	// news snow
	// -- answered
	// sports goal
	// sports foul
	// -- answered
	// -- answered
}
