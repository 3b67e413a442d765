//go:build linux

package main

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The program starts itself as a server. In a test, that is the test's executable.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "-serve" {
		main()
		return
	}
	os.Exit(m.Run())
}

func TestServersDoAllJobs(t *testing.T) {
	if _, err := exec.LookPath("npm"); err != nil && os.Getenv("CI") != "true" {
		t.Skip("the reference server needs npm: ", err)
	}
	all, err := measure(plan{appends: 32, clients: 16, small: 2000, large: 3, reads: 1}, 1)
	require.NoError(t, err)
	for i := range servers {
		require.Len(t, all[i][0], len(jobs))
		for j := range jobs {
			assert.Positive(t, all[i][0][j].wall)
		}
	}
}

func TestRows(t *testing.T) {
	of := func(wall, cpu int) []cost {
		c := cost{time.Duration(wall) * time.Microsecond, time.Duration(cpu) * time.Microsecond}
		return []cost{c, c, c, c}
	}
	table := rows([][][]cost{{of(4, 2), of(9, 9), of(6, 1)}, {of(2, 2), of(3, 3), of(1, 1)}})
	assert.Equal(t, []string{jobs[0], "6", "2", "3.0", "2", "2", "1.0"}, table[1])
}
