//go:build linux

package main

import (
	"bytes"
	"os"
	"strings"
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

var tiny = plan{streams: 20, messages: 3, bursts: 2, size: 100}

func TestAllContendersDeliverEverything(t *testing.T) {
	for _, c := range contenders {
		t.Run(c.name, func(t *testing.T) {
			f, err := once(c, tiny)
			require.NoError(t, err)
			assert.Positive(t, f.idle)
			assert.Positive(t, f.busy)
			assert.Positive(t, f.median)
			assert.GreaterOrEqual(t, f.p99, f.median)
		})
	}
}

func TestServerThatCannotServe(t *testing.T) {
	_, err := once(contender{name: "nobody"}, tiny)
	assert.ErrorContains(t, err, "the server has ended")
}

func TestClientTakesMessagesWhereverTheyAreCut(t *testing.T) {
	text := "HTTP/1.1 200 OK\r\n\r\n70\r\ndata: " + message(7, 100) + "\n\n\r\n70\r\ndata: " + message(8, 100)
	for cut := range len(text) {
		var c client
		require.NoError(t, c.take([]byte(text[:cut])))
		require.NoError(t, c.take([]byte(text[cut:])))
		require.Equal(t, 8, c.last)
	}
	c := client{last: 5}
	assert.EqualError(t, c.take([]byte(message(7, 0))), "message 7 came after 5", "a message was lost")
	assert.EqualError(t, c.take([]byte(message(5, 0))), "message 5 came after 5", "a message came twice")
}

func TestClientCountsChunksWhereverTheyAreCut(t *testing.T) {
	text := "HTTP/1.1 200 OK\r\nA: b\r\n\r\n2\r\n\r\n\r\n1a\r\n" + strings.Repeat("1", 0x1a) + "\r\n1\r\nx"
	for cut := range len(text) {
		c := client{gzip: true}
		require.NoError(t, c.take([]byte(text[:cut])))
		require.NoError(t, c.take([]byte(text[cut:])))
		require.Equal(t, 2, c.chunks)
		require.NoError(t, c.take([]byte("\r\n")))
		require.Equal(t, 3, c.chunks)
	}
}

func TestClientsThatGetNothingAreCounted(t *testing.T) {
	s, err := startServer(contenders[0].name, 100)
	require.NoError(t, err)
	defer s.stop()
	cs, err := connect(3, s.Port, false)
	defer cs.close()
	require.NoError(t, err)
	missing, err := cs.await(1, time.Millisecond)
	assert.NoError(t, err)
	assert.Equal(t, 3, missing)
}

func TestTable(t *testing.T) {
	rows := rowsOf(map[string][]figures{
		"loop":   {{1, 2, 3, 4, 5}, {2, 2, 2, 2, 2}, {3, 2, 1, 0, 0}},
		"Halley": {{2, 1, 3, 4, 5}, {1, 1, 1, 1, 1}, {6, 1, 1, 1, 1}},
	})
	require.Len(t, rows, 3)
	assert.Equal(t, []string{"loop", "2.0", "1.00", "2.0", "1.00", "2.0", "1.00", "2.0", "2.0"}, rows[1])
	assert.Equal(t, []string{"Halley", "2.0", "2.00", "1.0", "0.50", "1.0", "1.00", "1.0", "1.0"}, rows[2])
	for _, row := range rows {
		assert.Len(t, row, len(rows[0]))
	}

	for markdown, want := range map[bool]string{
		false: "server  x\nloop    1.0\n",
		true:  "| server | x |\n|---|--:|\n| loop | 1.0 |\n",
	} {
		var out bytes.Buffer
		table(&out, [][]string{{"server", "x"}, {"loop", "1.0"}}, markdown)
		assert.Equal(t, want, out.String())
	}
}
