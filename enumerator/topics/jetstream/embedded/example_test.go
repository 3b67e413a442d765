package embedded_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/nats-io/nats-server/v2/logger"
	"github.com/nats-io/nats.go"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/enumerator/topics/jetstream"
	"github.com/halley-go/halley/enumerator/topics/jetstream/embedded"
)

// The history of a topic survives a restart of the program.
func ExampleStart() {
	dir, err := os.MkdirTemp("", "halley")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	program := func(text string) {
		// snippet: start
		nc, stop, err := embedded.Start(dir)
		if err != nil {
			log.Fatal(err)
		}
		defer stop()
		ctx := context.Background()
		store, err := jetstream.Open(ctx, nc, "chat") // keeps 100 messages of each topic
		// end snippet
		if err != nil {
			log.Fatal(err)
		}
		lobby := topics.New[string](store).Topic("lobby")
		if _, err := lobby.Publish(ctx, "", text); err != nil {
			log.Fatal(err)
		}
		for item, err := range enumerator.All(ctx, lobby.Read(topics.Place{})) {
			if err != nil {
				log.Fatal(err)
			}
			if !item.Bookmark {
				fmt.Println(item.Value)
			}
		}
	}
	program("the first time")
	program("the second time")
	// Output:
	// the first time
	// the first time
	// the second time
}

// One process runs one node. Here are three in one process.
func ExampleCluster() {
	dir, err := os.MkdirTemp("", "halley")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	addresses := []string{"127.0.0.1:14221", "127.0.0.1:14222", "127.0.0.1:14223"}
	var nodes []*nats.Conn
	for i, address := range addresses {
		name := fmt.Sprint("node", i)
		nc, stop, err := embedded.Start(dir+"/"+name, embedded.Cluster(name, address, addresses...))
		if err != nil {
			log.Fatal(err)
		}
		defer stop()
		nodes = append(nodes, nc)
	}
	for _, nc := range nodes {
		_, err := jetstream.Open(context.Background(), nc, "chat", jetstream.Replicas(3))
		fmt.Println(err)
	}
	// Output:
	// <nil>
	// <nil>
	// <nil>
}

func ExampleClients() {
	dir, err := os.MkdirTemp("", "halley")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	_, stop, err := embedded.Start(dir, embedded.Clients("127.0.0.1:14224"))
	if err != nil {
		log.Fatal(err)
	}
	defer stop()
	nc, err := nats.Connect("nats://127.0.0.1:14224")
	if err != nil {
		log.Fatal(err)
	}
	defer nc.Close()
	fmt.Println(nc.IsConnected())
	// Output: true
}

// A node listens at an address of its own machine, and the others reach it at the address of a proxy.
func ExampleAdvertise() {
	dir, err := os.MkdirTemp("", "halley")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	_, stop, err := embedded.Start(dir,
		embedded.Cluster("node1", "127.0.0.1:14221", "node2.example:6222", "node3.example:6222"),
		embedded.Advertise("node1.example:6222"))
	fmt.Println(err)
	stop()
	// Output: <nil>
}

func ExampleSyncLater() {
	dir, err := os.MkdirTemp("", "halley")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	_, stop, err := embedded.Start(dir, embedded.SyncLater())
	fmt.Println(err)
	stop()
	// Output: <nil>
}

func ExampleLogger() {
	dir, err := os.MkdirTemp("", "halley")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	const noTime, noDebug, noTrace, noPID = false, false, false, false
	file := logger.NewFileLogger(dir+"/log", noTime, noDebug, noTrace, noPID)
	_, stop, err := embedded.Start(dir+"/data", embedded.Logger(file))
	if err != nil {
		log.Fatal(err)
	}
	stop()
	text, err := os.ReadFile(dir + "/log")
	fmt.Println(strings.Contains(string(text), "Server is ready"), err)
	// Output: true <nil>
}
