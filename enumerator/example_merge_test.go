package enumerator_test

import (
	"context"
	"fmt"
	"slices"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/iteratee"
)

func ExampleFlatMapConcurrent() {
	pages := enumerator.Of("/a", "/b", "/c", "/d")
	lines := func(page string) enumerator.Enumerator[string] {
		return enumerator.Of(page+" 1", page+" 2") // fetches two pages at a time
	}
	all, err := enumerator.Run(context.Background(), enumerator.FlatMapConcurrent(pages, 2, lines), iteratee.Collect[string]())
	slices.Sort(all) // the pages come in any order
	fmt.Println(all, err)
	// Output: [/a 1 /a 2 /b 1 /b 2 /c 1 /c 2 /d 1 /d 2] <nil>
}

func ExampleSwitchMap() {
	typed := enumerator.Of("h", "ha", "hal")
	search := func(word string) enumerator.Enumerator[string] {
		if word != "hal" {
			return silence[string]() // takes too long, so the next word stops it
		}
		return enumerator.Of("halley", "halogen")
	}
	show(enumerator.SwitchMap(typed, search))
	// Output: halley halogen
}

func ExamplePatchPanel() {
	sighted := make(chan struct{})
	music := enumerator.Unfold(1, func(n int) (string, int, bool) {
		if n == 3 {
			close(sighted)
		}
		return "la", n + 1, n <= 3
	})
	radio := enumerator.PatchPanel(func(_ context.Context, patchIn func(enumerator.Enumerator[string]) bool) error {
		patchIn(music.AndThen(silence[string]()))
		<-sighted
		patchIn(enumerator.Of("a", "comet!")) // at once
		return nil
	})
	all, err := enumerator.Run(context.Background(), radio, iteratee.Collect[string]())
	fmt.Println(all[:2], all[len(all)-2:], err)
	// Output: [la la] [a comet!] <nil>
}

// silence returns a source that gives no elements and does not end by itself.
func silence[E any]() enumerator.Enumerator[E] {
	return enumerator.Generate(func(ctx context.Context) (e E, ok bool, err error) {
		<-ctx.Done()
		return e, false, context.Cause(ctx)
	})
}
