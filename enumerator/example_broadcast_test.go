package enumerator_test

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

// list prints the elements of e on one line.
func list[E any](e enumerator.Enumerator[E]) {
	fmt.Println(enumerator.Run(context.Background(), e, iteratee.Collect[E]()))
}

func ExampleUnicast() {
	list(enumerator.Unicast(func(ch enumerator.Channel[string]) {
		for _, s := range []string{"FOO", "bar"} {
			if err := ch.Push(ch.Context(), s); err != nil {
				return // the run is over
			}
		}
		ch.EOFAndEnd()
	}))
	// Output: [FOO bar] <nil>
}

// Other goroutines can push into the channel until the run is over.
func ExampleChannel() {
	var others sync.WaitGroup
	var cause error
	register := func(ch enumerator.Channel[int]) {
		others.Go(func() {
			i := 0
			for ch.Push(context.Background(), i) == nil {
				i++
			}
			cause = context.Cause(ch.Context())
		})
	}
	list(enumerator.Through(enumerator.Unicast(register), enumeratee.Take[int](3)))
	others.Wait()
	fmt.Println(cause)
	// Output:
	// [0 1 2] <nil>
	// enumerator: the consumer is done
}

func ExampleBroadcast() {
	hub := enumerator.Broadcast[string]()
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			all, err := enumerator.Run(context.Background(), enumerator.Values(hub.Last(10), nil), iteratee.Collect[string]())
			fmt.Println(all, err)
		})
	}
	_ = hub.Push(context.Background(), "beep")
	_ = hub.Push(context.Background(), "beep")
	hub.End()
	wg.Wait()
	// Output:
	// [beep beep] <nil>
	// [beep beep] <nil>
	// [beep beep] <nil>
}

func ExampleHub_Last() {
	hub := enumerator.Broadcast[int]()
	for i := range 10 {
		_ = hub.Push(context.Background(), i)
	}
	hub.End()
	list(enumerator.Values(hub.Last(3), nil))
	// Output: [7 8 9] <nil>
}

// A client that comes back continues where it left off.
func ExampleHub_From() {
	hub := enumerator.Broadcast[string](enumerator.Capacity(3))
	push := func(s string) { _ = hub.Push(context.Background(), s) }
	client := func(lastEventID string) {
		p, err := enumerator.ParsePosition(lastEventID)
		if err != nil {
			fmt.Println(err)
			return
		}
		list(enumerator.Map(hub.From(p), func(item enumerator.Item[string]) string {
			switch {
			case item.Bookmark:
				return "resume"
			case item.Reset:
				return "reload"
			}
			return item.Value
		}))
	}

	push("a")
	then := hub.Position().String()
	push("b")
	push("c")
	push("d")
	hub.End()
	client(then)
	client(enumerator.Position{Epoch: hub.Position().Epoch}.String()) // the position before a; the hub has dropped a
	client("2s-11")                                                   // from another hub
	client("nonsense")
	// Output:
	// [resume b c d] <nil>
	// [reload b c d] <nil>
	// [reload b c d] <nil>
	// enumerator: ParsePosition: "nonsense" is not a position
}

// A hub hands on the entries of a log with their numbers in the log, so a client can come back to any server that
// reads the same log.
func ExampleHub_PushAt() {
	log := map[uint64]string{7: "rain", 12: "snow", 30: "sun"} // the numbers in between belong to other entries
	hub := enumerator.Broadcast[string]()
	hub.Reset(enumerator.Position{Epoch: 71}) // the number that identifies the log
	for _, seq := range []uint64{7, 12, 30} {
		if err := hub.PushAt(context.Background(), enumerator.Position{Epoch: 71, Seq: seq}, log[seq]); err != nil {
			fmt.Println(err)
		}
	}
	hub.End()
	list(enumerator.Values(hub.From(enumerator.Position{Epoch: 71, Seq: 12}), nil))
	// Output: [sun] <nil>
}

// The log was made anew, so all clients load their state anew.
func ExampleHub_Reset() {
	hub := enumerator.Broadcast[string]()
	_ = hub.Push(context.Background(), "rain")
	for item := range enumerator.All(context.Background(), hub.Last(1)) {
		switch {
		case item.Reset:
			fmt.Println("reload, then go on after", item.Position)
			hub.End()
		case item.IsMessage():
			fmt.Println(item.Value)
			hub.Reset(enumerator.Position{Epoch: 72, Seq: 4})
		}
	}
	// Output:
	// rain
	// reload, then go on after 20-14
}

// A page shows the current state and gets all later changes. The program asks for the Position before
// the state.
func ExampleHub_Position() {
	hub := enumerator.Broadcast[string]()
	_ = hub.Push(context.Background(), "before")
	seen := hub.Position()
	_ = hub.Push(context.Background(), "after")
	hub.End()

	list(enumerator.Values(hub.From(seen), nil))
	// Output: [after] <nil>
}

// A client that comes for the first time gets the last two messages. A client that comes back gets the messages
// that it has missed.
func ExampleHub_FromOrLast() {
	hub := enumerator.Broadcast[string]()
	push := func(s string) { _ = hub.Push(context.Background(), s) }
	client := func(lastEventID string) {
		p, _ := enumerator.ParsePosition(lastEventID)
		list(enumerator.Values(hub.FromOrLast(p, 2), nil))
	}

	push("a")
	then := hub.Position().String()
	push("b")
	push("c")
	push("d")
	hub.End()
	client("")
	client(then)
	// Output:
	// [c d] <nil>
	// [b c d] <nil>
}

// A client stores the ID of each Item, and sends the last one when it comes back.
func ExampleItem_ID() {
	p := enumerator.Position{Epoch: 71, Seq: 8}
	for _, item := range []enumerator.Item[string]{
		{Position: p, Bookmark: true},
		{Position: p, Cursor: "news:1z-18,prices:8c-19", Event: "news", Value: "rain"},
	} {
		fmt.Printf("%s %q\n", item.ID(), item.Value)
	}
	// Output:
	// 1z-18 ""
	// news:1z-18,prices:8c-19 "rain"
}

func ExampleItem_IsMessage() {
	hub := enumerator.Broadcast[string]()
	_ = hub.Push(context.Background(), "rain")
	hub.End()
	for item := range enumerator.All(context.Background(), hub.Last(1)) {
		fmt.Printf("%d %v %q\n", item.Position.Seq, item.IsMessage(), item.Value)
	}
	// Output:
	// 0 false ""
	// 1 true "rain"
}

// A run that is too slow learns which elements it has lost.
func ExampleValues() {
	hub := enumerator.Broadcast[int](enumerator.Capacity(2))
	_ = hub.Push(context.Background(), 1)
	late := enumerator.Through(hub.Last(1), enumeratee.Map(func(i enumerator.Item[int]) enumerator.Item[int] {
		if i.Value == 1 { // while the run is busy with 1
			for e := 2; e <= 5; e++ {
				_ = hub.Push(context.Background(), e)
			}
			hub.End()
		}
		return i
	}))
	list(enumerator.Values(late, func(i enumerator.Item[int]) error {
		fmt.Println(i.Gap.N, "lost")
		return nil
	}))
	// Output:
	// 2 lost
	// [1 4 5] <nil>
}

func ExampleWhenFull() {
	hub := enumerator.Broadcast[int](enumerator.Capacity(2), enumerator.WhenFull(enumerator.FailSlow))
	_ = hub.Push(context.Background(), 1)
	_, err := enumerator.Run(context.Background(), hub.Last(1), iteratee.ForEach(func(ctx context.Context, _ enumerator.Item[int]) error {
		for e := 2; e <= 5; e++ {
			_ = hub.Push(ctx, e)
		}
		return nil
	}))
	fmt.Println(errors.Is(err, enumerator.ErrSlow))
	// Output: true
}

func ExampleShare() {
	starts := 0
	shared := enumerator.Share(enumerator.Defer(func(context.Context) (enumerator.Enumerator[int], error) {
		starts++
		return enumerator.Of(1, 2, 3), nil
	}))
	list(enumerator.Values(shared.Live(), nil))
	list(enumerator.Values(shared.Live(), nil)) // the first run has left
	fmt.Println(starts, "starts")
	// Output:
	// [1 2 3] <nil>
	// [1 2 3] <nil>
	// 2 starts
}

func ExampleShared_Hold() {
	starts := 0
	shared := enumerator.Share(enumerator.Defer(func(context.Context) (enumerator.Enumerator[int], error) {
		starts++
		return enumerator.Unfold(1, func(n int) (int, int, bool) { return n, n + 1, true }), nil
	}))
	release := shared.Hold()
	two := enumerator.Through(enumerator.Values(shared.Live(), nil), enumeratee.Take[int](2))
	list(two)
	_, _ = enumerator.Run(context.Background(), two, iteratee.Ignore[int]())
	fmt.Println(starts, "start,", release())
	// Output:
	// [1 2] <nil>
	// 1 start, <nil>
}

func ExamplePosition() {
	p := enumerator.Position{Epoch: 1<<31 - 1, Seq: 100}
	text := p.String()
	parsed, err := enumerator.ParsePosition(text)
	fmt.Println(text, parsed == p, err)
	// Output: zik0zj-22s true <nil>
}

func ExampleParsePosition() {
	hub := enumerator.Broadcast[string]()
	p, err := enumerator.ParsePosition(hub.Position().String())
	fmt.Println(p == hub.Position(), err)
	_, err = enumerator.ParsePosition("yesterday")
	fmt.Println(err)
	// Output:
	// true <nil>
	// enumerator: ParsePosition: "yesterday" is not a position
}

func ExampleCapacity() {
	hub := enumerator.Broadcast[int](enumerator.Capacity(2))
	for n := range 4 {
		if err := hub.Push(context.Background(), n); err != nil {
			fmt.Println(err)
		}
	}
	hub.End()
	fmt.Println(enumerator.Run(context.Background(), enumerator.Values(hub.Last(10), nil), iteratee.Collect[int]()))
	// Output: [2 3] <nil>
}

// Messages of clients can have any size, so a limit on their number does not limit memory.
func ExampleCapacityFunc() {
	hub := enumerator.Broadcast[string](enumerator.CapacityFunc(10, func(s string) int { return len(s) }))
	for _, message := range []string{"hello", "you", "and you too", "bye"} {
		if err := hub.Push(context.Background(), message); err != nil {
			fmt.Println(err)
		}
		fmt.Println(len(hold(hub)), hold(hub))
	}
	// Output:
	// 1 [hello]
	// 2 [hello you]
	// 1 [and you too]
	// 1 [bye]
}

// hold returns the elements that hub holds.
func hold(hub *enumerator.Hub[string]) (held []string) {
	for item, err := range enumerator.All(context.Background(), hub.Last(100)) {
		if err == nil && item.IsMessage() {
			held = append(held, item.Value)
		}
		if item.Position == hub.Position() {
			break
		}
	}
	return held
}

func ExampleShared_Position() {
	shared := enumerator.Share(enumerator.Of("a"))
	fmt.Println(shared.Position() == enumerator.Position{})
	for item := range enumerator.All(context.Background(), shared.Last(0)) {
		if item.IsMessage() {
			fmt.Println(item.Value, shared.Position() == item.Position)
		}
	}
	// Output:
	// true
	// a true
}

func ExampleShared_Runs() {
	shared := enumerator.Share(enumerator.Of(1))
	_, err := enumerator.Run(context.Background(), enumerator.Values(shared.Live(), nil), iteratee.ForEach(func(context.Context, int) error {
		fmt.Println(shared.Runs())
		return nil
	}))
	fmt.Println(shared.Runs(), err)
	// Output:
	// 1
	// 0 <nil>
}

func ExampleHub_EndWithError() {
	hub := enumerator.Broadcast[int]()
	_ = hub.Push(context.Background(), 1)
	hub.EndWithError(errors.New("the sensor is broken"))
	list(enumerator.Values(hub.Last(1), nil))
	// Output: [] the sensor is broken
}

func ExampleItem_Lost() {
	hub := enumerator.Broadcast[int](enumerator.Capacity(2))
	_ = hub.Push(context.Background(), 1)
	_, _ = enumerator.Run(context.Background(), hub.Last(1), iteratee.ForEach(func(ctx context.Context, i enumerator.Item[int]) error {
		switch {
		case i.Lost() != nil:
			fmt.Println(i.Gap.N, "lost")
		case i.IsMessage():
			fmt.Println(i.Value)
		}
		if i.Value == 1 {
			for e := 2; e <= 5; e++ {
				_ = hub.Push(ctx, e)
			}
			hub.End()
		}
		return nil
	}))
	// Output:
	// 1
	// 2 lost
	// 4
	// 5
}

func ExampleChannel_Dropped() {
	var channel enumerator.Channel[int]
	e := enumerator.Unicast(func(ch enumerator.Channel[int]) {
		channel = ch
		_ = ch.Push(ch.Context(), 1)
	}, enumerator.Capacity(2), enumerator.WhenFull(enumerator.DropNewest))
	list(enumerator.Map(e, func(n int) int {
		if n == 1 { // while the consumer is busy with 1
			for n := 2; n <= 5; n++ {
				_ = channel.Push(channel.Context(), n)
			}
			channel.End()
		}
		return n
	}))
	fmt.Println(channel.Dropped(), "dropped")
	// Output:
	// [1 2 3] <nil>
	// 2 dropped
}

// The ring holds two elements.
func ExampleHub_Held() {
	hub := enumerator.Broadcast[string](enumerator.Capacity(2))
	for _, e := range []string{"rain", "snow", "sun"} {
		_ = hub.Push(context.Background(), e)
	}
	fmt.Println(hub.Held())
	// Output: 2
}

func ExampleHub_Policy() {
	hub := enumerator.Broadcast[string](enumerator.WhenFull(enumerator.FailSlow))
	fmt.Println(hub.Policy())
	// Output: FailSlow
}

func ExampleHub_Live() {
	hub := enumerator.Broadcast[string]()
	_ = hub.Push(context.Background(), "before")
	for item := range enumerator.All(context.Background(), hub.Live()) {
		if item.Bookmark { // the run has begun
			_ = hub.Push(context.Background(), "after")
			hub.End()
			continue
		}
		fmt.Println(item.Value)
	}
	// Output: after
}

func ExampleShared_Live() {
	news := make(chan string, 1)
	shared := enumerator.Share(enumerator.FromChan(news))
	for first := range enumerator.All(context.Background(), shared.Live()) {
		if first.Bookmark { // this run has started the source, and gets all elements
			news <- "rain"
			continue
		}
		fmt.Println("first:", first.Value)
		for second := range enumerator.All(context.Background(), shared.Live()) {
			if second.Bookmark { // this run comes later
				news <- "snow"
				continue
			}
			fmt.Println("second:", second.Value)
			break
		}
		break
	}
	// Output:
	// first: rain
	// second: snow
}

func ExampleShared_Last() {
	news := make(chan string, 2)
	news <- "rain"
	news <- "snow"
	shared := enumerator.Share(enumerator.FromChan(news))
	for first := range enumerator.All(context.Background(), shared.Live()) {
		if first.Value == "snow" { // a second run comes, and gets the last element at once
			list(enumerator.Through(enumerator.Values(shared.Last(1), nil), enumeratee.Take[string](1)))
			break
		}
	}
	// Output: [snow] <nil>
}

func ExampleShared_From() {
	news := make(chan string, 3)
	news <- "rain"
	news <- "snow"
	news <- "sun"
	shared := enumerator.Share(enumerator.FromChan(news))
	for first := range enumerator.All(context.Background(), shared.Live()) {
		if first.Value == "rain" { // a client that got the rain comes back, while the source runs
			list(enumerator.Through(enumerator.Values(shared.From(first.Position), nil), enumeratee.Take[string](2)))
			break
		}
	}
	// Output: [snow sun] <nil>
}

func ExampleShared_FromOrLast() {
	news := make(chan string, 2)
	news <- "rain"
	news <- "snow"
	shared := enumerator.Share(enumerator.FromChan(news))
	var rain enumerator.Position
	for first := range enumerator.All(context.Background(), shared.Live()) {
		if first.Value == "rain" {
			rain = first.Position
		}
		if first.Value == "snow" {
			client := func(after enumerator.Position, n int) {
				list(enumerator.Through(enumerator.Values(shared.FromOrLast(after, 10), nil), enumeratee.Take[string](n)))
			}
			client(enumerator.Position{}, 2) // a new client
			client(rain, 1)                  // a client that comes back
			break
		}
	}
	// Output:
	// [rain snow] <nil>
	// [snow] <nil>
}
