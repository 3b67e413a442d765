package topicstest_test

import (
	"errors"
	"fmt"

	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/enumerator/topics/topicstest"
)

func ExampleTest() {
	err := topicstest.Test(func(keep int) (one, other topics.Store) {
		s := topics.Memory(keep)
		return s, s
	})
	fmt.Println(err)
	// Output: <nil>
}

func ExampleTestLost() {
	s := &losing{Store: topics.Memory(100)} // a test has a way to cut its connection
	err := topicstest.TestLost(s, func() { s.lose(errors.New("the connection is cut")) })
	fmt.Println(err)
	// Output: <nil>
}
