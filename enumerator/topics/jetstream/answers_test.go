//go:build !fuzz

package jetstream_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/comet/answers"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/enumerator/topics/jetstream"
	"github.com/halley-go/halley/iteratee"
)

// ticking gives n texts, one each 20 ms, and then waits for its end if hangs is set. It closes ended at the end of its run.
func ticking(n int, hangs bool) (source enumerator.Enumerator[string], ended chan bool) {
	ended = make(chan bool)
	return enumerator.New(func(ctx context.Context, sink iteratee.Sink[string]) iteratee.Step {
		defer close(ended)
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		for i := 0; i < n || hangs; i++ {
			select {
			case <-ctx.Done():
				return iteratee.Cancelled(ctx)
			case <-ticker.C:
			}
			if i >= n {
				continue
			}
			if step := sink.Next(fmt.Sprint(i)); !step.IsCont() {
				return step
			}
		}
		return iteratee.StepCont
	}), ended
}

// count returns the texts of ticking, and then more.
func count(n int, more ...string) (texts []string) {
	for i := range n {
		texts = append(texts, fmt.Sprint(i))
	}
	return append(texts, more...)
}

// readAnswer returns the messages of an answer up to its end.
func readAnswer(t *testing.T, a *answers.Answers[string], id string, p enumerator.Position) []string {
	t.Helper()
	texts, err := enumerator.Run(timeout(t), enumerator.Values(a.From(id, p), nil), iteratee.Collect[string]())
	require.NoError(t, err)
	return texts
}

// Answers are generated on one node of a cluster, and read, stopped, replaced and ended on others.
func TestAnswersOnSeveralNodes(t *testing.T) {
	t.Parallel()
	conns := startCluster(t)
	var nodes, keeping []*answers.Answers[string] // nodes forget an answer five seconds after its end
	var stores []topics.Store
	last := func(reason answers.Reason) string { return string(reason) }
	for _, nc := range conns {
		store := open(t, nc, "answers", jetstream.Replicas(3), jetstream.Keep(1000))
		a := answers.New(store, last, answers.Beat(time.Second), answers.Keep(5*time.Second), answers.Logger(slog.New(slog.DiscardHandler)))
		t.Cleanup(a.Close)
		stores, nodes, keeping = append(stores, store), append(nodes, a), append(keeping, openAnswers(store))
		t.Cleanup(keeping[len(keeping)-1].Close)
	}

	source, _ := ticking(50, false)
	require.NoError(t, keeping[0].Start(timeout(t), "whole", source))
	for _, a := range keeping {
		assert.Equal(t, count(50), readAnswer(t, a, "whole", enumerator.Position{}))
	}
	items, err := enumerator.Run(timeout(t), keeping[1].From("whole", enumerator.Position{}), iteratee.Collect[enumerator.Item[string]]())
	require.NoError(t, err)
	seen := 0
	for _, item := range items {
		if item.IsMessage() {
			seen++
		}
		assert.Equal(t, append([]string(nil), count(50)[seen:]...), readAnswer(t, keeping[2], "whole", item.Position), "after %v", item)
	}
	assert.Equal(t, 50, seen)

	source, ended := ticking(10, true)
	require.NoError(t, nodes[0].Start(timeout(t), "stopped", source))
	for range enumerator.All(timeout(t), nodes[1].From("stopped", enumerator.Position{})) {
		break // it has begun
	}
	require.NoError(t, nodes[1].Stop(timeout(t), "stopped"))
	texts := readAnswer(t, nodes[2], "stopped", enumerator.Position{})
	assert.Equal(t, count(len(texts)-1, "stopped"), texts)
	<-ended

	source, ended = ticking(10, true)
	require.NoError(t, nodes[0].Start(timeout(t), "replaced", source))
	source, _ = ticking(10, false)
	require.NoError(t, nodes[2].Start(timeout(t), "replaced", source))
	assert.Equal(t, count(10), readAnswer(t, nodes[1], "replaced", enumerator.Position{}))
	<-ended

	// The node that generates loses the others for good.
	source, _ = ticking(10, true)
	require.NoError(t, nodes[0].Start(timeout(t), "lost", source))
	before := make(chan []string)
	go func() {
		texts, _ := enumerator.Run(timeout(t), enumerator.Values(nodes[1].From("lost", enumerator.Position{}), nil), iteratee.Collect[string]())
		before <- texts
	}()
	time.AfterFunc(2*time.Second, conns[0].Close) // beats have come
	assert.Equal(t, count(10, "lost"), <-before)
	assert.Equal(t, count(10, "lost"), readAnswer(t, nodes[2], "lost", enumerator.Position{}))

	// The answers that living nodes have ended are forgotten.
	for _, id := range []string{"stopped", "replaced", "lost"} {
		require.Eventually(t, func() bool {
			entries, _, err := stores[1].Read(timeout(t), "answers/"+id, topics.Place{}, 10)
			return err == nil && len(entries) == 0
		}, time.Minute, 100*time.Millisecond, id)
		assert.ErrorIs(t, nodes[2].Stop(timeout(t), id), answers.ErrUnknown, id)
	}
}

// openAnswers opens Answers with a short beat.
func openAnswers(store topics.Store) *answers.Answers[string] {
	last := func(reason answers.Reason) string { return string(reason) }
	return answers.New(store, last, answers.Beat(time.Second), answers.Logger(slog.New(slog.DiscardHandler)))
}

// becomeModel generates an answer that gives ten texts, and then is silent until the process is killed.
func becomeModel(addresses []string) error {
	s, err := becomeLast(addresses)
	if err != nil {
		return err
	}
	source, _ := ticking(10, true)
	if err := openAnswers(s).Start(context.Background(), "killed", source); err != nil {
		return err
	}
	select {}
}

// The process that generates an answer is killed. All readers on the other nodes get the same end, also those that come
// later.
func TestAnAnswerOfANodeThatIsKilled(t *testing.T) {
	conns, kill := startWithLast(t, answerNode)
	var stores []topics.Store
	var nodes []*answers.Answers[string]
	for _, nc := range conns {
		stores = append(stores, open(t, nc, "test", jetstream.Replicas(3)))
		a := openAnswers(stores[len(stores)-1])
		t.Cleanup(a.Close)
		nodes = append(nodes, a)
	}
	require.Eventually(t, func() bool { // beats have come
		entries, _, err := stores[0].Read(timeout(t), "answers/killed", topics.Place{}, 100)
		return err == nil && len(entries) > 1+10+1
	}, time.Minute, 100*time.Millisecond)
	type outcome struct {
		texts []string
		err   error
	}
	outcomes := make(chan outcome)
	for _, a := range nodes {
		seen := make(chan bool)
		see := sync.OnceFunc(func() { close(seen) })
		go func() {
			var o outcome
			for item, err := range enumerator.All(timeout(t), a.From("killed", enumerator.Position{})) {
				if o.err = err; err == nil && item.IsMessage() {
					o.texts = append(o.texts, item.Value)
				}
				if len(o.texts) == 10 {
					see()
				}
			}
			outcomes <- o
		}()
		<-seen
	}
	kill()
	killed := time.Now()
	for range nodes {
		assert.Equal(t, outcome{texts: count(10, "lost")}, <-outcomes)
	}
	t.Logf("the readers got the end %v after the process was killed", time.Since(killed))
	for i, a := range nodes {
		assert.Equal(t, count(10, "lost"), readAnswer(t, a, "killed", enumerator.Position{}))
		entries, _, err := stores[i].Read(timeout(t), "answers/killed", topics.Place{}, 100)
		require.NoError(t, err)
		ends := 0
		for _, e := range entries {
			if strings.Contains(string(e.Data), `"end":`) {
				ends++
			}
		}
		assert.Equal(t, 1, ends)
	}
}
