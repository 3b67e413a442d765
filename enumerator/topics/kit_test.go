package topics_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/enumeratortest"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/iteratee"
)

// The Enumerators of a topic that has ended run out, so the kit can check them.
func TestRunsKeepTheLawsOfSources(t *testing.T) {
	all := topics.New[string](topics.Memory(1000), enumerator.Capacity(2))
	news := all.Topic("news")
	first := publish(t, news, numbers(5)...)
	require.NoError(t, news.End(t.Context()))
	first.Seq -= 4
	for name, source := range map[string]items{
		"From":      news.From(first),
		"Live":      news.From(position{}),
		"Last":      news.Last(3),
		"in memory": news.Last(1),
		"Beginning": news.Beginning(),
		"Read":      news.Read(topics.Place{Last: 2}),
	} {
		want, err := enumerator.Run(context.Background(), source, iteratee.Collect[item]())
		require.NoError(t, err, name)
		require.NoError(t, enumeratortest.Test(source, want), name)
	}
	require.Zero(t, all.Runs("news"))
}
