//go:build linux

package main

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// A service is a contender that was started in the child process.
type service struct {
	port int
	pids []int          // its processes
	send func([]string) // sends messages to all clients
	stop func()
}

// handler returns a function that starts a service in this process. make returns the handler of the service, and a
// function that sends a message to all its streams.
func handler(make func() (http.Handler, func(string))) func() (service, error) {
	return bursts(func() (http.Handler, func([]string)) {
		handler, send := make()
		return handler, func(burst []string) {
			for _, data := range burst {
				send(data)
			}
		}
	})
}

// bursts is like handler, but make returns a function that sends a burst of messages.
func bursts(make func() (http.Handler, func([]string))) func() (service, error) {
	return func() (service, error) {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return service{}, err
		}
		handler, send := make()
		srv := &http.Server{Handler: handler}
		go func() { must(srv.Serve(l)) }()
		return service{l.Addr().(*net.TCPAddr).Port, []int{os.Getpid()}, send, func() {}}, nil
	}
}

func sum[N int | time.Duration](pids []int, f func(pid int) (N, error)) (all N, err error) {
	for _, pid := range pids {
		n, err := f(pid)
		if err != nil {
			return 0, err
		}
		all += n
	}
	return all, nil
}

// processorTime returns the processor time of a process so far.
func processorTime(pid int) (time.Duration, error) {
	var t unix.Timespec
	err := unix.ClockGettime(int32(^pid<<3|2), &t) // as clock_getcpuclockid does
	return time.Duration(t.Nano()), err
}

// resident returns the resident memory of a process.
func resident(pid int) (int, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	pages, err := strconv.Atoi(string(bytes.Fields(b)[1]))
	return pages * os.Getpagesize(), err
}
