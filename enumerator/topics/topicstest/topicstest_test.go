package topicstest_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/enumerator/topics/topicstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func memory(keep int) (one, other topics.Store) {
	s := topics.Memory(keep)
	return s, s
}

func TestMemoryKeepsTheLaws(t *testing.T) { require.NoError(t, topicstest.Test(memory)) }
