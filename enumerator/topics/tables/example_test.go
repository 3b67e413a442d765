package tables_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/enumerator/topics/tables"
)

var background = context.Background()

// prices returns a table with two rows.
func prices() tables.Table[int] {
	table := tables.New[int](topics.Memory(100)).Table("prices")
	_, _ = table.Put(background, "EUR", 1)
	_, _ = table.Put(background, "CHF", 2)
	return table
}

// list prints the Items of e.
func list(e enumerator.Enumerator[item]) {
	for i, err := range enumerator.All(background, e) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(text(i))
	}
}

func ExampleNew() {
	all := tables.New[int](topics.Memory(100))
	table := all.Table("prices")
	_, _ = table.Put(background, "EUR", 1)
	_, _ = table.Put(background, "CHF", 2)
	_, _ = table.Put(background, "EUR", 3)
	fmt.Println(table.Name())
	list(table.Rows())
	// Output:
	// prices
	// 0 reset
	// 2 CHF=2
	// 3 EUR=3
	// 3 bookmark
}

// Two values of the same table are equal.
func ExampleTables_Table() {
	all := tables.New[int](topics.Memory(100))
	prices, same, stocks := all.Table("prices"), all.Table("prices"), all.Table("stocks")
	fmt.Println(prices == same, prices == stocks)
	// Output: true false
}

func ExampleTable_Name() {
	fmt.Println(prices().Name())
	// Output: prices
}

func ExampleTables_Close() {
	all := tables.New[int](topics.Memory(100))
	all.Close()
	_, err := all.Table("prices").Put(background, "EUR", 1)
	fmt.Println(errors.Is(err, topics.ErrClosed))
	// Output: true
}

// A reader that comes back gets the rows that have changed.
func ExampleTable_From() {
	table := prices()
	last := table.Position()
	_, _ = table.Put(background, "EUR", 3)
	_, _ = table.Remove(background, "CHF")
	list(enumerator.Through(table.From(last), enumeratee.Take[item](3)))
	// Output:
	// 3 EUR=3
	// 4 -CHF
	// 4 bookmark
}

func ExampleTable_Last() {
	list(enumerator.Through(prices().Last(1), enumeratee.Take[item](4)))
	// Output:
	// 0 reset
	// 1 EUR=1
	// 2 CHF=2
	// 2 bookmark
}

// The rows come in the order of their last changes.
func ExampleTable_Rows() {
	table := prices()
	_, _ = table.Put(background, "EUR", 3)
	list(table.Rows())
	// Output:
	// 0 reset
	// 2 CHF=2
	// 3 EUR=3
	// 3 bookmark
}

func ExampleTable_Put() {
	table := prices()
	position, err := table.Put(background, "EUR", 3)
	fmt.Println(position.Seq, err)
	price, _, _, _ := table.Get(background, "EUR")
	fmt.Println(price)
	_, err = table.Put(background, "", 4)
	fmt.Println(err)
	// Output:
	// 3 <nil>
	// 3
	// tables: a key must have 1 to 512 bytes of UTF-8
}

func ExampleTable_Remove() {
	table := prices()
	_, err := table.Remove(background, "EUR")
	fmt.Println(err)
	_, err = table.Remove(background, "EUR") // no such row
	fmt.Println(err)
	list(table.Rows())
	// Output:
	// <nil>
	// <nil>
	// 0 reset
	// 2 CHF=2
	// 4 bookmark
}

// The Position of the last change tells whether a table has changed.
func ExampleTable_Position() {
	table := prices()
	last := table.Position()
	fmt.Println(table.Position() == last)
	_, _ = table.Put(background, "EUR", 3)
	fmt.Println(table.Position() == last)
	// Output:
	// true
	// false
}

func ExampleTable_PutAfter() {
	table := prices()
	price, position, _, _ := table.Get(background, "EUR")
	_, err := table.PutAfter(background, "EUR", position, price+1)
	fmt.Println(err)
	_, err = table.PutAfter(background, "EUR", position, price+2)
	fmt.Println(errors.Is(err, topics.ErrConflict))
	// Output:
	// <nil>
	// true
}

func ExampleTable_RemoveAfter() {
	table := prices()
	_, position, _, _ := table.Get(background, "EUR")
	_, _ = table.Put(background, "EUR", 2)
	_, err := table.RemoveAfter(background, "EUR", position)
	fmt.Println(errors.Is(err, topics.ErrConflict))
	// Output: true
}

func ExampleTable_Get() {
	price, _, ok, err := prices().Get(background, "EUR")
	fmt.Println(price, ok, err)
	price, _, ok, err = prices().Get(background, "USD")
	fmt.Println(price, ok, err)
	// Output:
	// 1 true <nil>
	// 0 false <nil>
}
