package jetstream_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/enumerator/topics/jetstream"
	"github.com/halley-go/halley/enumerator/topics/jetstream/embedded"
)

var _ = rapid.Check

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t testing.TB, opts ...jetstream.Option) topics.Store {
	nc, stop, err := embedded.Start(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(stop)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	s, err := jetstream.Open(ctx, nc, "test", opts...)
	require.NoError(t, err)
	return s
}

func TestSmoke(t *testing.T) {
	s := open(t, jetstream.Keep(3))
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	got := make(chan topics.Entry, 100)
	last, stop, err := s.Watch(ctx, "a b", func(e topics.Entry) { got <- e }, func(err error) { t.Error(err) })
	require.NoError(t, err)
	assert.Zero(t, last.Seq)
	var ps []enumerator.Position
	for _, text := range []string{"one", "two", "three", "four", "five"} {
		p, err := s.Append(ctx, "a b", topics.Record{Key: text, Data: []byte(text)})
		require.NoError(t, err)
		ps = append(ps, p)
		e := <-got
		assert.Equal(t, p, e.Position)
		assert.Equal(t, text, string(e.Data))
	}
	p, err := s.Append(ctx, "a b", topics.Record{Key: "two", Data: []byte("x")})
	require.NoError(t, err)
	assert.Equal(t, ps[1], p)
	es, ok, err := s.Read(ctx, "a b", topics.Place{After: ps[2]}, 10)
	require.NoError(t, err)
	assert.True(t, ok)
	assert.Len(t, es, 2)
	_, err = s.Append(ctx, "a b", topics.Record{Kind: topics.Ended})
	require.NoError(t, err)
	assert.Equal(t, topics.Ended, (<-got).Kind)
	_, err = s.Append(ctx, "a b", topics.Record{Data: []byte("x")})
	assert.ErrorIs(t, err, topics.ErrEnded)
	_, err = s.Append(ctx, "a b", topics.Record{Kind: topics.Ended})
	assert.ErrorIs(t, err, topics.ErrEnded)
	p, err = s.Append(ctx, "a b", topics.Record{Key: "five", Data: []byte("x")})
	require.NoError(t, err)
	assert.Equal(t, ps[4], p)
	_, err = s.Append(ctx, "a b", topics.Record{Kind: topics.Deleted})
	require.NoError(t, err)
	assert.Equal(t, topics.Deleted, (<-got).Kind)
	_, err = s.Append(ctx, "a b", topics.Record{Data: []byte("six")})
	require.NoError(t, err)
	assert.Equal(t, "six", string((<-got).Data))
	stop()
}
