package topics_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
)

var background = context.Background()

// newsOf returns a topic that has ended after messages.
func newsOf(messages ...string) topics.Topic[string] {
	news := topics.New[string](topics.Memory(100)).Topic("news")
	for _, m := range messages {
		_, _ = news.Publish(background, "", m)
	}
	_ = news.End(background)
	return news
}

// list prints the Items of e.
func list(e items) {
	for i, err := range enumerator.All(background, e) {
		if err != nil {
			fmt.Println(err)
			return
		}
		switch {
		case i.IsMessage():
			fmt.Println(i.Position.Seq, i.Value)
		case i.Bookmark:
			fmt.Println(i.Position.Seq, "bookmark")
		case i.Reset:
			fmt.Println(i.Position.Seq, "reset")
		}
	}
}

// A room of a chat. Nothing creates it, and it needs no memory when its last message is gone.
func ExampleNew() {
	rooms := topics.New[string](topics.Memory(100))
	_, _ = rooms.Publish(background, "lobby", "", "hello")
	_, _ = rooms.Publish(background, "lobby", "", "is anybody here?")
	_ = rooms.End(background, "lobby")
	list(rooms.Last("lobby", 20))
	// Output:
	// 0 bookmark
	// 1 hello
	// 2 is anybody here?
	// 3 bookmark
}

// The client sends its message again, because it does not know whether the first request has arrived.
func ExampleTopics_Publish() {
	rooms := topics.New[string](topics.Memory(100))
	first, _ := rooms.Publish(background, "lobby", "key of the message", "hello")
	second, _ := rooms.Publish(background, "lobby", "key of the message", "hello")
	fmt.Println(first == second)
	// Output: true
}

// Two players move at once. The second does not know of the first move yet.
func ExampleTopics_PublishAfter() {
	games := topics.New[string](topics.Memory(100))
	start, _ := games.PublishAfter(background, "chess", "", enumerator.Position{}, "start")
	_, err := games.PublishAfter(background, "chess", "", start, "e4")
	fmt.Println(err)
	_, err = games.PublishAfter(background, "chess", "", start, "d4")
	fmt.Println(errors.Is(err, topics.ErrConflict))
	// Output:
	// <nil>
	// true
}

func ExampleTopics_End() {
	games := topics.New[string](topics.Memory(100))
	_, _ = games.Publish(background, "chess", "", "checkmate")
	_ = games.End(background, "chess")
	_, err := games.Publish(background, "chess", "", "e4")
	fmt.Println(err)
	// Output: topics: the topic has ended
}

func ExampleTopics_Delete() {
	rooms := topics.New[string](topics.Memory(100))
	_, _ = rooms.Publish(background, "lobby", "", "hello")
	_ = rooms.Delete(background, "lobby")
	_, _ = rooms.Publish(background, "lobby", "", "a new beginning")
	list(rooms.Topic("lobby").Read(topics.Place{}))
	// Output:
	// 2 bookmark
	// 3 a new beginning
	// 3 bookmark
}

// A function that takes a Source takes a Topic or a Hub.
func ExampleTopics_Topic() {
	rooms := topics.New[string](topics.Memory(100))
	var lobby enumerator.Source[string] = rooms.Topic("lobby")
	_, _ = rooms.Publish(background, "lobby", "", "hello")
	fmt.Println(lobby.Position().Seq)
	// Output: 1
}

// The client has got the first message before its connection was cut.
func ExampleTopics_From() {
	rooms := topics.New[string](topics.Memory(100))
	last, _ := rooms.Publish(background, "lobby", "", "hello")
	_, _ = rooms.Publish(background, "lobby", "", "is anybody here?")
	_ = rooms.End(background, "lobby")
	list(rooms.From("lobby", last))
	// Output:
	// 1 bookmark
	// 2 is anybody here?
	// 3 bookmark
}

func ExampleTopics_Last() {
	rooms := topics.New[string](topics.Memory(100))
	for _, m := range []string{"a", "b", "c"} {
		_, _ = rooms.Publish(background, "lobby", "", m)
	}
	_ = rooms.End(background, "lobby")
	list(rooms.Last("lobby", 1))
	// Output:
	// 2 bookmark
	// 3 c
	// 4 bookmark
}

func ExampleTopics_Runs() {
	rooms := topics.New[string](topics.Memory(100))
	for i, err := range enumerator.All(background, rooms.Last("lobby", 10)) {
		fmt.Println(i.Bookmark, err, rooms.Runs("lobby"))
		break
	}
	fmt.Println(rooms.Runs("lobby"))
	// Output:
	// true <nil> 1
	// 0
}

func ExampleTopics_Stats() {
	rooms := topics.New[string](topics.Memory(100))
	_, _ = rooms.Publish(background, "lobby", "", "hello")
	_, _ = rooms.Publish(background, strings.Repeat("lobby", 1000), "", "hello")
	stats := rooms.Stats()
	fmt.Println(stats.Published, stats.Refused)
	// Output: 1 1
}

func ExampleTopics_Close() {
	rooms := topics.New[string](topics.Memory(100))
	rooms.Close()
	list(rooms.Last("lobby", 1))
	// Output: topics: closed
}

func ExampleTopic_Name() {
	fmt.Println(topics.New[string](topics.Memory(100)).Topic("news").Name())
	// Output: news
}

func ExampleTopic_From() {
	news := newsOf("rain", "snow")
	after := news.Position()
	after.Seq = 1 // the client has got rain
	list(news.From(after))
	// Output:
	// 1 bookmark
	// 2 snow
	// 3 bookmark
}

func ExampleTopic_Last() {
	list(newsOf("rain", "snow").Last(1))
	// Output:
	// 1 bookmark
	// 2 snow
	// 3 bookmark
}

// A new client gets the last message. A client that comes back gets the messages that it has missed.
func ExampleTopic_FromOrLast() {
	news := newsOf("rain", "snow", "sun")
	list(news.FromOrLast(enumerator.Position{}, 1))
	after := news.Position()
	after.Seq = 1
	list(news.FromOrLast(after, 1))
	// Output:
	// 2 bookmark
	// 3 sun
	// 4 bookmark
	// 1 bookmark
	// 2 snow
	// 3 sun
	// 4 bookmark
}

func ExampleTopic_Since() {
	news := newsOf("rain", "snow")
	list(news.Since(time.Now().Add(-time.Minute)))
	// Output:
	// 0 bookmark
	// 1 rain
	// 2 snow
	// 3 bookmark
}

func ExampleTopic_Beginning() {
	list(newsOf("rain", "snow").Beginning())
	// Output:
	// 0 bookmark
	// 1 rain
	// 2 snow
	// 3 bookmark
}

// A program reads the history, and does not wait for more.
func ExampleTopic_Read() {
	news := topics.New[string](topics.Memory(100)).Topic("news")
	for _, m := range []string{"rain", "snow", "sun"} {
		_, _ = news.Publish(background, "", m)
	}
	list(news.Read(topics.Place{Last: 2}))
	// Output:
	// 1 bookmark
	// 2 snow
	// 3 sun
	// 3 bookmark
}

func ExampleTopic_Position() {
	news := topics.New[string](topics.Memory(100)).Topic("news")
	p, _ := news.Publish(background, "", "rain")
	fmt.Println(news.Position() == p)
	// Output: true
}

func ExampleTopic_LastPosition() {
	topic := topics.New[string](topics.Memory(100)).Topic("room 1")
	_, _ = topic.Publish(context.Background(), "", "hello")
	last, err := topic.LastPosition(context.Background())
	fmt.Println(last.Seq, err)
	// Output: 1 <nil>
}

func ExampleTopic_Publish() {
	news := topics.New[string](topics.Memory(100)).Topic("news")
	p, err := news.Publish(background, "", "rain")
	fmt.Println(p.Seq, err)
	// Output: 1 <nil>
}

// The last writer must have seen the last entry.
func ExampleTopic_PublishAfter() {
	document := topics.New[string](topics.Memory(100)).Topic("document")
	seen := document.Position()
	_, _ = document.Publish(background, "", "changed by another")
	_, err := document.PublishAfter(background, "", seen, "changed by me")
	fmt.Println(errors.Is(err, topics.ErrConflict))
	// Output: true
}

func ExampleTopic_End() {
	news := topics.New[string](topics.Memory(100)).Topic("news")
	fmt.Println(news.End(background), news.End(background))
	// Output: <nil> <nil>
}

func ExampleTopic_Delete() {
	news := newsOf("rain")
	fmt.Println(news.Delete(background))
	_, err := news.Publish(background, "", "snow")
	fmt.Println(err)
	// Output:
	// <nil>
	// <nil>
}

func ExampleMemory() {
	news := topics.New[string](topics.Memory(2)).Topic("news")
	first, _ := news.Publish(background, "", "rain")
	for _, m := range []string{"snow", "sun", "wind"} {
		_, _ = news.Publish(background, "", m)
	}
	list(news.Read(topics.Place{After: first})) // snow is gone
	// Output:
	// 2 reset
	// 3 sun
	// 4 wind
	// 4 bookmark
}

func ExampleMaxAge() {
	news := topics.New[string](topics.Memory(100, topics.MaxAge(time.Nanosecond))).Topic("news")
	_, _ = news.Publish(background, "", "rain")
	time.Sleep(time.Millisecond)
	list(news.Read(topics.Place{}))
	// Output: 1 bookmark
}

// The messages and keys of all topics together may need 3,000 bytes.
func ExampleMaxBytes() {
	all := topics.New[string](topics.Memory(100, topics.MaxBytes(3000)))
	for _, name := range []string{"weather", "sports", "chess"} {
		_, _ = all.Publish(background, name, "", strings.Repeat("x", 500))
	}
	list(all.Topic("weather").Read(topics.Place{})) // the oldest message is gone
	// Output: 1 bookmark
}
