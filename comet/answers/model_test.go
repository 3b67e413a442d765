package answers_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/comet/answers"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
)

// Readers in two processes are cut off at random and come back. They get each message once, up to the same end.
func TestReadersAgree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(struct{ rapid.TB }{t}, func(t *rapid.T) {
			store := topics.Memory(1000)
			dying := &fickle{Store: store}
			a, b := answers.New(dying, marked, answers.Logger(&logs{})), answers.New(store, marked, answers.Logger(&logs{}))
			defer a.Close()
			defer b.Close()

			source := enumerator.Empty[string]()
			var texts []string
			for i, pause := range rapid.SliceOfN(rapid.IntRange(0, 20), 0, 10).Draw(t, "pauses in seconds") {
				texts = append(texts, fmt.Sprint(i))
				source = source.AndThen(slowly(time.Duration(pause)*time.Second, texts[i]))
			}
			end := rapid.SampledFrom([]answers.Reason{answers.Complete, answers.Failed, answers.Stopped, answers.Lost}).Draw(t, "end")
			if end == answers.Failed {
				source = source.AndThen(enumerator.Throw[string](errors.New("ouch")))
			}
			results := make(chan []string, 3)
			all := rapid.SliceOfN(rapid.SliceOfN(rapid.IntRange(0, 30_000), 0, 10), 3, 3).Draw(t, "cuts in ms")
			at := time.Duration(rapid.IntRange(0, 100_000).Draw(t, "time of a stop or a loss in ms")) * time.Millisecond
			require.NoError(t, a.Start(context.Background(), "a", source))
			if end == answers.Stopped || end == answers.Lost {
				time.AfterFunc(at, func() {
					if end == answers.Stopped {
						_ = b.Stop(context.Background(), "a")
					} else {
						dying.set(true)
					}
				})
			}

			read := func(a *answers.Answers[string], cuts []int) (got []string) {
				var p enumerator.Position
				for i := 0; ; i++ {
					ctx, cancel := context.WithCancel(context.Background())
					if i < len(cuts) {
						time.AfterFunc(time.Duration(cuts[i])*time.Millisecond, cancel)
					}
					var err error
					for item, failure := range enumerator.All(ctx, a.From("a", p)) {
						if err = failure; err != nil {
							break
						}
						require.False(t, item.Reset || item.Gap.N > 0)
						if p = item.Position; item.IsMessage() {
							got = append(got, item.Value)
						}
					}
					cancel()
					if err == nil {
						return got
					}
					require.ErrorIs(t, err, context.Canceled)
				}
			}
			for _, cuts := range all {
				go func() { results <- read(b, cuts) }()
			}
			first := <-results
			require.Equal(t, first, <-results)
			require.Equal(t, first, <-results)
			require.Equal(t, first, read(b, nil), "again")

			n := len(first)
			if n > 0 && first[n-1][0] == '(' {
				require.Equal(t, marked(end), first[n-1])
				n--
			} else {
				require.NotEqual(t, answers.Failed, end)
				require.Len(t, first, len(texts), "it is complete")
			}
			require.Equal(t, strings.Join(texts[:n], " "), strings.Join(first[:n], " "))
		})
	})
}
