package presence_test

import (
	"context"
	"fmt"
	"time"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/enumerator/topics/presence"
	"github.com/halley-go/halley/enumerator/topics/tables"
)

// Two nodes share a store. A visitor of one of them is seen on the other.
func ExamplePresence_Join() {
	store := topics.Memory(100)
	one, other := presence.New[string](store, presence.Beat(time.Second)), presence.New[string](store, presence.Beat(time.Second))
	defer one.Close()
	defer other.Close()
	if err := one.Join(context.Background(), "lobby", "user 7", "Kiki"); err != nil {
		fmt.Println(err)
	}
	members := enumerator.Through(other.Members("lobby"), enumeratee.Take[enumerator.Item[tables.Change[string]]](3))
	for item := range enumerator.All(context.Background(), members) {
		if item.IsMessage() {
			fmt.Println(item.Value.Key, item.Value.Value)
		}
	}
	// Output: user 7 Kiki
}
