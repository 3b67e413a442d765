package items_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/halley-go/halley/enumeratee/items"
	"github.com/halley-go/halley/enumerator"
)

// hubOf returns a hub that has ended after the elements es.
func hubOf[E any](es ...E) *enumerator.Hub[E] {
	hub := enumerator.Broadcast[E]()
	for _, e := range es {
		_ = hub.Push(context.Background(), e)
	}
	hub.End()
	return hub
}

// list prints the Items of e.
func list[E any](e enumerator.Enumerator[enumerator.Item[E]]) {
	for item := range enumerator.All(context.Background(), e) {
		switch {
		case item.IsMessage():
			fmt.Println(item.Position.Seq, item.Value)
		case item.Bookmark:
			fmt.Println(item.Position.Seq, "bookmark")
		}
	}
}

// The client comes back after the last message, though that message was dropped.
func ExampleFilter() {
	news := hubOf("rain", "goal", "snow", "corner")
	weather := items.Filter(func(s string) bool { return s == "rain" || s == "snow" })
	list(enumerator.Through(news.Last(4), weather))
	// Output:
	// 0 bookmark
	// 1 rain
	// 3 snow
	// 4 bookmark
}

func ExampleMap() {
	list(enumerator.Through(hubOf("rain", "goal").Last(1), items.Map(strings.ToUpper)))
	// Output:
	// 1 bookmark
	// 2 GOAL
}

func ExampleFilterMap() {
	numbers := items.FilterMap(func(s string) (int, bool) {
		n, err := strconv.Atoi(s)
		return n, err == nil
	})
	list(enumerator.Through(hubOf("1", "one", "2").Last(3), numbers))
	// Output:
	// 0 bookmark
	// 1 1
	// 3 2
}

// Two clients read the hub, and each message is encoded once.
func ExampleEncode() {
	hub := hubOf("rain", "snow")
	encode := items.Encode(func(s string) ([]byte, error) {
		fmt.Println("encodes", s)
		return strconv.AppendQuote(nil, s), nil
	})
	for range 2 {
		for item := range enumerator.All(context.Background(), enumerator.Through(hub.Last(2), encode)) {
			if item.IsMessage() {
				fmt.Printf("sends %s\n", item.Value)
			}
		}
	}
	// Output:
	// encodes rain
	// sends "rain"
	// encodes snow
	// sends "snow"
	// sends "rain"
	// sends "snow"
}

func ExampleVia() {
	var weather enumerator.Source[string] = items.Via(hubOf("rain", "goal", "snow"), items.Filter(func(s string) bool { return s != "goal" }))
	after := weather.Position()
	after.Seq = 1 // the client has got rain
	list(weather.From(after))
	// Output:
	// 1 bookmark
	// 3 snow
}

// A page shows news and prices over one connection. It comes back with one cursor, and gets from each hub the messages
// that it has missed.
func ExampleJoin() {
	news, prices := enumerator.Broadcast[string](), enumerator.Broadcast[float64]()
	page := func(cursor string) (last string) {
		for item := range enumerator.All(context.Background(), items.Join(cursor, map[string]enumerator.Source[any]{
			"news":   items.Any(news),
			"prices": items.Any(prices),
		}, 0)) {
			last = item.ID()
			if item.IsMessage() {
				fmt.Println(item.Event, item.Value)
			}
			if item.Bookmark && cursor == "" {
				break // the connection is cut
			}
		}
		return last
	}
	cursor := page("")
	_ = news.Push(context.Background(), "rain")
	_ = prices.Push(context.Background(), 9.5)
	news.End()
	prices.End()
	page(cursor)
	// Unordered output:
	// news rain
	// prices 9.5
}

// A new page begins with the last message of each hub. A page that comes back gets those that it has missed.
func ExampleJoin_last() {
	hubs := map[string]enumerator.Source[string]{"news": hubOf("rain", "snow"), "sports": hubOf("goal")}
	for item := range enumerator.All(context.Background(), items.Join("", hubs, 1)) {
		if item.IsMessage() {
			fmt.Println(item.Event, item.Value)
		}
	}
	// Unordered output:
	// news snow
	// sports goal
}

// The names of topics come from a client here.
func ExampleCheckName() {
	for _, name := range []string{"news", "error"} {
		fmt.Println(items.CheckName(name))
	}
	// Output:
	// <nil>
	// enumeratee/items: a source must not have the name "error", which has a meaning of its own
}

func ExampleAny() {
	list(items.Any(hubOf(1, 2)).From(enumerator.Position{}))
	// Output: 2 bookmark
}

func ExampleCursor() {
	text := items.Cursor(map[string]enumerator.Position{"prices": {Epoch: 300, Seq: 9}, "news": {Epoch: 71, Seq: 8}})
	fmt.Println(text)
	// Output: news:1z-18,prices:8c-19
}

func ExampleParseCursor() {
	positions, err := items.ParseCursor("news:1z-18,prices:8c-19")
	fmt.Println(positions["news"], positions["prices"].Seq, err)
	_, err = items.ParseCursor("yesterday")
	fmt.Println(err)
	// Output:
	// 1z-18 9 <nil>
	// enumeratee/items: ParseCursor: "yesterday" is not a cursor
}
