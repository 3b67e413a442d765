//go:build linux

// Durable sends the same requests to the reference server of Durable Streams and to package durable, and prints the costs:
//
//	go run ./durable           # about two minutes; installs the reference server with npm
//	go run ./durable -markdown # as in docs/scale.md
//
// Both servers keep the streams in memory, each in a process of its own. In each round, one server does all jobs, and
// then the other does them:
//
//   - append: POST of a JSON message of 100 bytes, by one client that waits for each answer, and by 16 clients to as
//     many streams.
//   - read: a client reads a stream from its beginning to its end, as pages of JSON messages of 100 bytes, and as pages of
//     bytes that were appended 10 KB at a time.
//
// The processor time is that of the server. A ratio compares the reference server with package durable within a round:
// 2 means that package durable is twice as fast or needs half of the time. All figures are medians of all rounds.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/halley-go/halley/enumerator/topics"
	"github.com/halley-go/halley/httpadapter/durable"
	"github.com/halley-go/halley/internal/table"
)

// plan is the amount of work in a round.
type plan struct {
	appends int // of each job
	clients int // of the second job
	small   int // messages of 100 bytes in a stream that is read
	large   int // appends of 10 KB in a stream that is read
	reads   int // of each stream
}

var whole = plan{appends: 5000, clients: 16, small: 20_000, large: 3000, reads: 3}

func main() {
	rounds := flag.Int("rounds", 5, "the number of measurements of each server")
	markdown := flag.Bool("markdown", false, "print a markdown table")
	child := flag.Bool("serve", false, "be the server (for the program's own use)")
	flag.Parse()
	log.SetFlags(0)
	if *child {
		log.Fatal(serve())
	}
	all, err := measure(whole, *rounds)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s, %s/%s, GOMAXPROCS %d, medians of %d rounds\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0), *rounds)
	table.Write(os.Stdout, rows(all), *markdown)
}

// serve serves streams until its standard input ends, and prints its URL.
func serve() error {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("http://" + l.Addr().String())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	return http.Serve(l, durable.Handler(topics.Memory(1<<20, topics.MaxBytes(1<<30)), func(r *http.Request) (string, error) { return r.URL.Path, nil }))
}

// A server is a child process.
type server struct {
	cmd *exec.Cmd
	in  io.Closer
	url string
}

var servers = []struct {
	name  string
	start func() (*server, error)
}{
	{"reference", func() (*server, error) {
		dir, err := install()
		if err != nil {
			return nil, err
		}
		return start(dir, "node", "server.mjs")
	}},
	{"durable", func() (*server, error) { return start("", os.Args[0], "-serve") }},
}

// install installs the reference server, unless it is there, and returns its folder.
func install() (dir string, err error) {
	_, file, _, _ := runtime.Caller(0)
	dir = filepath.Dir(file)
	if _, err := os.Stat(filepath.Join(dir, "node_modules/.package-lock.json")); err == nil {
		return dir, nil
	}
	cmd := exec.Command("npm", "ci", "--ignore-scripts")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci has failed: %w: %s", err, out)
	}
	return dir, nil
}

func start(dir, name string, args ...string) (*server, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &server{cmd: cmd, in: in}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		s.stop()
		return nil, fmt.Errorf("%s has ended: %w", name, err)
	}
	s.url = strings.TrimSpace(line)
	return s, nil
}

func (s *server) stop() {
	_ = s.in.Close()
	_ = s.cmd.Wait()
}

// cpu returns the processor time that the process has taken.
func (s *server) cpu() (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond, errors.Join(err1, err2)
}

// cost is the cost of a job.
type cost struct{ wall, cpu time.Duration }

func (s *server) cost(do func() error) (c cost, err error) {
	before, err := s.cpu()
	if err != nil {
		return c, err
	}
	began := time.Now()
	if err := do(); err != nil {
		return c, err
	}
	c.wall = time.Since(began)
	after, err := s.cpu()
	c.cpu = after - before
	return c, err
}

var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100, DisableCompression: true}}

// do sends a request, reads the answer to its end, and returns its header and its size.
func (s *server) do(method, path, kind string, body []byte) (http.Header, int64, error) {
	r, err := http.NewRequest(method, s.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, 0, err
	}
	r.Header.Set("Content-Type", kind)
	answer, err := client.Do(r)
	if err != nil {
		return nil, 0, err
	}
	defer answer.Body.Close()
	n, err := io.Copy(io.Discard, answer.Body)
	if err == nil && answer.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s", method, path, answer.Status)
	}
	return answer.Header, n, err
}

const asJSON, asBytes = "application/json", "application/octet-stream"

var message = []byte(`{"text":"` + strings.Repeat("x", 89) + `"}`)

func (s *server) create(path, kind string) error {
	_, _, err := s.do("PUT", path, kind, nil)
	return err
}

func (s *server) append(path, kind string, body []byte, n int) error {
	for range n {
		if _, _, err := s.do("POST", path, kind, body); err != nil {
			return err
		}
	}
	return nil
}

// read reads a stream, and returns the number of bytes.
func (s *server) read(path string) (sum int64, err error) {
	for offset, upToDate := "-1", false; !upToDate; {
		header, n, err := s.do("GET", path+"?offset="+offset, asJSON, nil)
		if err != nil {
			return 0, err
		}
		sum += n
		offset, upToDate = header.Get("Stream-Next-Offset"), header.Get("Stream-Up-To-Date") != ""
	}
	return sum, nil
}

// fill creates a stream of count messages.
func (s *server) fill(path, kind string, count int, body []byte) error {
	if err := s.create(path, kind); err != nil {
		return err
	}
	if kind == asBytes {
		return s.append(path, kind, body, count)
	}
	const batch = 1000
	list := append(append([]byte("["), bytes.Join(slices.Repeat([][]byte{body}, batch), []byte(","))...), ']')
	return s.append(path, kind, list, count/batch)
}

// once does all jobs, and returns their costs per append, or per MB that is read.
func (s *server) once(p plan) (costs []cost, err error) {
	add := func(c cost, err error, units float64) error {
		costs = append(costs, cost{time.Duration(float64(c.wall) / units), time.Duration(float64(c.cpu) / units)})
		return err
	}
	if err := s.create("/one", asJSON); err != nil {
		return nil, err
	}
	c, err := s.cost(func() error { return s.append("/one", asJSON, message, p.appends) })
	if err := add(c, err, float64(p.appends)); err != nil {
		return nil, err
	}
	for i := range p.clients {
		if err := s.create(fmt.Sprint("/many", i), asJSON); err != nil {
			return nil, err
		}
	}
	c, err = s.cost(func() error {
		var all sync.WaitGroup
		errs := make([]error, p.clients)
		for i := range p.clients {
			all.Go(func() { errs[i] = s.append(fmt.Sprint("/many", i), asJSON, message, p.appends/p.clients) })
		}
		all.Wait()
		return errors.Join(errs...)
	})
	if err := add(c, err, float64(p.appends)); err != nil {
		return nil, err
	}
	for _, stream := range []struct {
		path, kind string
		count      int
		body       []byte
	}{{"/small", asJSON, p.small, message}, {"/large", asBytes, p.large, bytes.Repeat([]byte("x"), 10_000)}} {
		if err := s.fill(stream.path, stream.kind, stream.count, stream.body); err != nil {
			return nil, err
		}
		sum := int64(0)
		c, err := s.cost(func() error {
			for range p.reads {
				n, err := s.read(stream.path)
				if err != nil {
					return err
				}
				sum += n
			}
			return nil
		})
		if want := int64(p.reads * stream.count * len(stream.body)); err == nil && sum < want {
			err = fmt.Errorf("read %d bytes of %d", sum, want)
		}
		if err := add(c, err, float64(sum)/1e6); err != nil {
			return nil, err
		}
	}
	return costs, nil
}

var jobs = []string{"append, 1 client", "append, 16 clients", "read messages of 100 B, per MB", "read appends of 10 KB, per MB"}

// measure returns the costs of all rounds, by server and job.
func measure(p plan, rounds int) ([][][]cost, error) {
	all := make([][][]cost, len(servers))
	for range rounds {
		for i, c := range servers {
			s, err := c.start()
			if err != nil {
				return nil, err
			}
			costs, err := s.once(p)
			s.stop()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			all[i] = append(all[i], costs)
			log.Println(c.name, costs)
		}
	}
	return all, nil
}

// rows returns the table of the medians, with a head.
func rows(all [][][]cost) [][]string {
	table := [][]string{{"job", "reference, µs", "durable, µs", "ratio", "reference, CPU µs", "durable, CPU µs", "ratio"}}
	for j, job := range jobs {
		row := []string{job}
		for _, value := range []func(cost) float64{
			func(c cost) float64 { return float64(c.wall) / 1e3 },
			func(c cost) float64 { return float64(c.cpu) / 1e3 },
		} {
			var values [2][]float64
			var ratios []float64
			for round := range all[0] {
				for i := range values {
					values[i] = append(values[i], value(all[i][round][j]))
				}
				ratios = append(ratios, values[0][round]/values[1][round])
			}
			row = append(row, fmt.Sprintf("%.0f", median(values[0])), fmt.Sprintf("%.0f", median(values[1])), fmt.Sprintf("%.1f", median(ratios)))
		}
		table = append(table, row)
	}
	return table
}

func median(values []float64) float64 {
	slices.Sort(values)
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}
