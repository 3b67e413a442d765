package jetstream

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumerator/topics"
)

func FuzzToken(f *testing.F) {
	for _, name := range []string{"", "a", "a.b", ">", "*", " ", "%", "\x00\xff", "é", strings.Repeat("x", 513)} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		text, err := token(name)
		if name == "" || len(name) > topics.MaxName {
			require.ErrorIs(t, err, topics.ErrName)
			return
		}
		require.NoError(t, err)
		require.NotEmpty(t, text)
		require.False(t, strings.ContainsFunc(text, func(r rune) bool {
			return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_%", r)
		}), text)
		back, err := url.PathUnescape(text)
		require.NoError(t, errors.Join(err))
		require.Equal(t, name, back) // so no two names have the same token
	})
}
