//go:build unix

package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"

	"github.com/nats-io/nats.go"

	"github.com/halley-go/halley/enumerator/topics/jetstream/embedded"
)

// startElsewhere starts a server in another process, and connects to it.
func startElsewhere(dir string) (nc *nats.Conn, stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	address := l.Addr().String()
	l.Close()
	cmd := exec.Command(os.Args[0], "-serve", address, "-dir", dir)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe() // its end tells the server to end
	if err != nil {
		return nil, nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	end := func() { in.Close(); _ = cmd.Wait() }
	if _, err := io.ReadFull(out, make([]byte, 1)); err != nil {
		end()
		return nil, nil, fmt.Errorf("the server has ended: %w", err)
	}
	if nc, err = nats.Connect("nats://" + address); err != nil {
		end()
		return nil, nil, err
	}
	return nc, func() { nc.Close(); end() }, nil
}

// serve is the other process.
func serve(address, dir string) error {
	_, stop, err := embedded.Start(dir, embedded.Clients(address))
	if err != nil {
		return err
	}
	defer stop()
	fmt.Print(".") // clients can connect
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}
