//go:build linux

package main

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// The program starts its executable as a server and as clients. In a test, this is the executable of the test.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "-serve" || os.Args[1] == "-clients") {
		contenders = append(contenders, contender{name: "cuts", start: handler(newCutting)})
		main()
		return
	}
	os.Exit(m.Run())
}

var tiny = plan{streams: 20, messages: 3, bursts: 2, size: 100, rounds: 2, base: "floor"}

// each calls f for each contender that is installed and that a job measures by default.
func each(t *testing.T, name string, f func(t *testing.T, c contender)) {
	j := jobs[slices.IndexFunc(jobs, func(j job) bool { return j.name == name })]
	for _, c := range contenders {
		if !regexp.MustCompile(j.only).MatchString(c.name) {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			if c.check != nil {
				if err := c.check(); err != nil {
					t.Skip(err)
				}
			}
			f(t, c)
		})
	}
}

func TestCost(t *testing.T) {
	each(t, "cost", func(t *testing.T, c contender) {
		f, err := once(c, tiny)
		require.NoError(t, err)
		assert.Positive(t, f.idle)
		if c.joins {
			assert.True(t, math.IsNaN(f.busy))
		} else {
			assert.Positive(t, f.busy)
		}
		assert.Positive(t, f.median)
		assert.GreaterOrEqual(t, f.p99, f.median)
		assert.Positive(t, f.lastMedian)
		assert.GreaterOrEqual(t, f.lastP99, f.p99, "no client is later than the last one")
	})
}

func TestFrozen(t *testing.T) {
	each(t, "frozen", func(t *testing.T, c contender) {
		rows, err := frozen([]contender{c}, tiny)
		require.NoError(t, err)
		require.Len(t, rows, 4, "a head, two pairs and their median")
		for i, n := range []string{"1", "2", "median"} {
			assert.Equal(t, []string{c.name, n}, rows[i+1][:2])
			for _, figure := range rows[i+1][2:] {
				f, err := strconv.ParseFloat(figure, 64)
				assert.NoError(t, err)
				assert.Positive(t, f)
			}
		}
	})
}

func TestFrozenClientsDoNotRead(t *testing.T) {
	r, err := open(named(t, "floor"), tiny, 2)
	require.NoError(t, err)
	defer r.close()
	n := r.n
	require.NoError(t, r.freeze(2))
	require.NoError(t, r.send(burst))
	all, last := r.latencies()
	assert.Len(t, all, tiny.streams-2)
	assert.Equal(t, slices.Max(all), last)
	for i, c := range r.all {
		want := n + burst
		if i < 2 {
			want = n
		}
		assert.Equal(t, want, c.last, "client %d", i)
	}
}

func TestMinute(t *testing.T) {
	each(t, "minute", func(t *testing.T, c contender) {
		row, err := steady(c, tiny, 10*time.Millisecond, 10)
		require.NoError(t, err)
		assert.Equal(t, c.name, row[0])
		assert.Regexp(t, `^\d+ of 10$`, row[3])
		for _, i := range []int{1, 2, 4, 5, 6} {
			f, err := strconv.ParseFloat(row[i], 64)
			assert.NoError(t, err)
			assert.Positive(t, f)
		}
	})
}

func TestMany(t *testing.T) {
	c := named(t, "Halley with Fanout")
	row, err := crowd(c, tiny, 8)
	require.NoError(t, err)
	assert.Equal(t, []string{c.name, "3", "20"}, row[:3])
	assert.Equal(t, "each process by its limit of 108 descriptors, all by -streams", row[6])

	row, err = crowd(c, tiny, 1000)
	require.NoError(t, err)
	assert.Equal(t, []string{c.name, "1", "20"}, row[:3])
	assert.Equal(t, "-streams", row[6])
}

func TestManyUntilTheLimit(t *testing.T) {
	cs, err := start("-clients")
	require.NoError(t, err)
	defer cs.stop()
	s, err := startServer("floor", 100)
	require.NoError(t, err)
	defer s.stop()
	limit := unix.Rlimit{Cur: 50, Max: 50}
	require.NoError(t, unix.Prlimit(cs.cmd.Process.Pid, unix.RLIMIT_NOFILE, &limit, nil))
	r, err := cs.ask("connect 100 %d", s.Port)
	require.NoError(t, err)
	assert.Equal(t, "socket: too many open files", r.Refused)
	assert.Less(t, r.Clients, 50)
	assert.Greater(t, r.Clients, 30)
}

func TestLimitOfDescriptors(t *testing.T) {
	assert.Equal(t, 10, raise(10))
	var limit unix.Rlimit
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
	assert.Equal(t, limit.Max, limit.Cur)
}

func TestLatencyToAllGroups(t *testing.T) {
	var groups []*group
	for range 2 {
		g, err := newGroup(named(t, "floor"), tiny, 5)
		require.NoError(t, err)
		defer g.stop()
		groups = append(groups, g)
	}
	took, err := sendAll(groups)
	require.NoError(t, err)
	assert.Positive(t, took)
}

func TestContendersThatAreChosen(t *testing.T) {
	saved := contenders
	defer func() { contenders = saved }()
	contenders = []contender{{name: "a"}, {name: "b"}, {name: "bc", check: func() error { return errors.New("not installed") }}}
	for _, test := range []struct{ job, only, base, want string }{
		{"cost", "", "a", "a b"},
		{"cost", "b", "a", "a b"},
		{"frozen", "b", "a", "b"},
	} {
		some, err := choose(test.job, regexp.MustCompile(test.only), test.base)
		require.NoError(t, err)
		var names []string
		for _, c := range some {
			names = append(names, c.name)
		}
		assert.Equal(t, test.want, strings.Join(names, " "), test)
	}
	for _, base := range []string{"bc", "d"} {
		_, err := choose("cost", regexp.MustCompile(""), base)
		assert.EqualError(t, err, "-base "+base+": no such server, or not installed")
	}
	_, err := choose("many", regexp.MustCompile("d"), "a")
	assert.EqualError(t, err, "-only d: no such server, or not installed")
}

func TestServerThatCannotServe(t *testing.T) {
	_, err := once(contender{name: "nobody"}, tiny)
	assert.ErrorContains(t, err, "the process has ended")
}

// newCutting makes a server that ends each stream at once.
func newCutting() (http.Handler, func(string)) {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Connection", "close") }), func(string) {}
}

func TestServerThatCutsItsStreams(t *testing.T) {
	for _, j := range jobs {
		_, err := j.run([]contender{{name: "cuts"}}, tiny)
		assert.ErrorContains(t, err, "cuts: ", j.name)
	}
}

func TestNginxEndsWithItsService(t *testing.T) {
	if err := checkNchan(); err != nil {
		t.Skip(err)
	}
	s, err := startNchan()
	require.NoError(t, err)
	require.Len(t, s.pids, 1)
	s.stop()
	_, err = resident(s.pids[0])
	assert.ErrorIs(t, err, os.ErrNotExist)
	_, err = net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.port))
	assert.ErrorIs(t, err, unix.ECONNREFUSED)
}

func named(t *testing.T, name string) contender {
	i := slices.IndexFunc(contenders, func(c contender) bool { return c.name == name })
	require.GreaterOrEqual(t, i, 0, name)
	return contenders[i]
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
	s, err := startServer("loop", 100)
	require.NoError(t, err)
	defer s.stop()
	cs, err := connect(3, 0, s.Port, false)
	defer cs.close()
	require.NoError(t, err)
	missing, err := cs.await(1, time.Millisecond)
	assert.NoError(t, err)
	assert.Equal(t, 3, missing)
}

func TestTable(t *testing.T) {
	rows := rowsOf([]contender{{name: "a"}, {name: "b"}}, map[string][]figures{
		"a": {{1, 2, 3, 4, 5, 6, 7}, {2, 2, 2, 2, 2, 2, 2}, {3, 2, 1, 0, 0, 0, 0}},
		"b": {{2, 1, 3, 4, 5, 6, 7}, {1, 1, 1, 1, 1, 1, 1}, {6, 1, 1, 1, 1, 1, 1}},
	}, "a")
	require.Len(t, rows, 3)
	assert.Equal(t, []string{"a", "2.00", "1.00", "2.00", "1.00", "2.00", "2.00", "2.00", "2.00", "2.00"}, rows[1])
	assert.Equal(t, []string{"b", "2.00", "2.00", "1.00", "0.50", "1.00", "1.00", "1.00", "1.00", "1.00"}, rows[2])
	for _, row := range rows {
		assert.Len(t, row, len(rows[0]))
	}

}
