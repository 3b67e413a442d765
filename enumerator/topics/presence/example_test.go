package presence_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/enumerator/topics/presence"
	"github.com/halley-go/halley/enumerator/topics/tables"
)

var background = context.Background()

// list prints the first n Items of the members of a topic.
func list(p *presence.Presence[string], name string, n int) {
	members := enumerator.Through(p.Members(name), enumeratee.Take[enumerator.Item[tables.Change[string]]](n))
	for item, err := range enumerator.All(background, members) {
		switch {
		case err != nil:
			fmt.Println(err)
		case item.Reset:
			fmt.Println("reset")
		case item.Bookmark:
			fmt.Println("bookmark")
		default:
			fmt.Println(item.Value.Key, item.Value.Value)
		}
	}
}

func ExampleNew() {
	visitors := presence.New[string](topics.Memory(100))
	defer visitors.Close()
	_ = visitors.Join(background, "lobby", "user 7", "Kiki")
	list(visitors, "lobby", 3)
	// Output:
	// reset
	// user 7 Kiki
	// bookmark
}

// If a program vanishes, the others remove its members within three seconds.
func ExampleBeat() {
	visitors := presence.New[string](topics.Memory(100), presence.Beat(time.Second))
	defer visitors.Close()
	fmt.Println(visitors.Join(background, "lobby", "user 7", "Kiki"))
	// Output: <nil>
}

// A page gets the members of a topic and then each change.
func ExamplePresence_Members() {
	visitors := presence.New[string](topics.Memory(100))
	defer visitors.Close()
	ctx, leave := context.WithCancel(background)
	defer leave()
	_ = visitors.Join(ctx, "lobby", "user 7", "Kiki")
	for item, err := range enumerator.All(background, visitors.Members("lobby")) {
		switch {
		case err != nil:
			fmt.Println(err)
		case item.Bookmark:
			fmt.Println("these are all")
			leave()
		case item.IsMessage() && item.Value.Deleted:
			fmt.Println(item.Value.Key, "has left")
			return
		case item.IsMessage():
			fmt.Println(item.Value.Key, item.Value.Value)
		}
	}
	// Output:
	// user 7 Kiki
	// these are all
	// user 7 has left
}

func ExamplePresence_Close() {
	visitors := presence.New[string](topics.Memory(100))
	visitors.Close()
	err := visitors.Join(background, "lobby", "user 7", "Kiki")
	fmt.Println(errors.Is(err, topics.ErrClosed))
	// Output: true
}

// Two nodes share a store. A visitor of one of them is seen on the other.
func ExamplePresence_Join() {
	store := topics.Memory(100)
	one, other := presence.New[string](store), presence.New[string](store)
	defer one.Close()
	defer other.Close()
	_ = one.Join(background, "lobby", "user 7", "Kiki")
	list(other, "lobby", 3)
	// Output:
	// reset
	// user 7 Kiki
	// bookmark
}
