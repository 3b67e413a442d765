//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// nchanModule is the module of nginx, as Debian installs it.
const nchanModule = "/usr/lib/nginx/modules/ngx_nchan_module.so"

func checkNchan() error {
	_, program := exec.LookPath("nginx")
	_, module := os.Stat(nchanModule)
	if errors.Join(program, module) != nil {
		return errors.New("not installed (in Debian, the packages are nginx and libnginx-mod-nchan)")
	}
	return nil
}

// nchanConfig has one worker. With two workers on two cores, the latency was longer. The buffer of a channel has
// room for the messages of several bursts.
const nchanConfig = `
daemon off;
worker_processes 1;
worker_rlimit_nofile %[1]d;
pid nginx.pid;
error_log stderr crit;
load_module %[2]s;
events { worker_connections %[1]d; }
http {
	access_log off;
	keepalive_requests 1000000000;
	keepalive_time 1d;
	keepalive_timeout 1d;
	client_body_temp_path body;
	proxy_temp_path proxy;
	fastcgi_temp_path fastcgi;
	scgi_temp_path scgi;
	uwsgi_temp_path uwsgi;
	server {
		nchan_channel_id messages;
		nchan_message_buffer_length 256;
		listen 127.0.0.1:%[3]d backlog=4096;
		location = /events { nchan_subscriber eventsource; nchan_subscriber_first_message newest; }
		location = /publish { nchan_publisher; }
	}
}
`

// startNchan starts nginx. A message is published by a POST, as an application would publish it.
func startNchan() (service, error) {
	dir, err := os.MkdirTemp("", "nchan")
	if err != nil {
		return service{}, err
	}
	var limit syscall.Rlimit
	must(syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	port, err := freePort()
	if err != nil {
		return service{}, err
	}
	config := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, nchanConfig, min(limit.Max, 1<<16), nchanModule, port), 0o600); err != nil {
		return service{}, err
	}
	nginx := exec.Command("nginx", "-p", dir, "-c", config, "-e", "stderr")
	nginx.Stderr = os.Stderr
	nginx.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := nginx.Start(); err != nil {
		return service{}, err
	}
	ended := make(chan error, 1)
	go func() { ended <- nginx.Wait() }()
	stop := func() {
		_ = nginx.Process.Signal(syscall.SIGTERM)
		<-ended
		_ = os.RemoveAll(dir)
	}
	address := fmt.Sprintf("http://127.0.0.1:%d/publish", port)
	publish := func(data string) error {
		r, err := http.Post(address, "text/plain", strings.NewReader(data))
		if err != nil {
			return err
		}
		defer r.Body.Close()
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return err
		}
		if r.StatusCode/100 != 2 {
			return errors.New(r.Status)
		}
		return nil
	}
	for publish("ready") != nil {
		select {
		case err := <-ended:
			return service{}, errors.Join(fmt.Errorf("nginx has ended: %w", err), os.RemoveAll(dir))
		case <-time.After(10 * time.Millisecond):
		}
	}
	workers, err := children(nginx.Process.Pid)
	if err != nil {
		stop()
	}
	return service{port, workers, func(burst []string) {
		for _, data := range burst {
			must(publish(data))
		}
	}, stop}, err
}

// freePort returns a port that is free now.
func freePort() (int, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// children returns the processes that a process has started.
func children(pid int) (pids []int, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%[1]d/task/%[1]d/children", pid))
	for _, field := range bytes.Fields(b) {
		child, err := strconv.Atoi(string(field))
		if err != nil {
			return nil, err
		}
		pids = append(pids, child)
	}
	return pids, err
}
