//go:build unix

package main

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLink(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer server.Close()
	l, err := newLink("127.0.0.1:0", server.Addr().String())
	require.NoError(t, err)
	defer l.close()
	dial := func() (here, far net.Conn) {
		here, err := net.Dial("tcp", l.listener.Addr().String())
		require.NoError(t, err)
		far, err = server.Accept()
		require.NoError(t, err)
		t.Cleanup(func() { here.Close(); far.Close() })
		return here, far
	}
	read := func(conn net.Conn) string {
		b := make([]byte, 2)
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		_, err := io.ReadFull(conn, b)
		require.NoError(t, err)
		return string(b)
	}
	silent := func(conn net.Conn) {
		_ = conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		_, err := conn.Read(make([]byte, 1))
		require.ErrorContains(t, err, "timeout")
	}
	here, far := dial()
	send := func(conn net.Conn, text string) {
		_, err := conn.Write([]byte(text))
		require.NoError(t, err)
	}

	send(here, "h1")
	send(far, "f1")
	assert.Equal(t, "h1", read(far))
	assert.Equal(t, "f1", read(here))

	for _, held := range [][2]bool{{true, false}, {false, true}, {true, true}} {
		l.hold(there, held[there])
		l.hold(back, held[back])
		send(here, "h2")
		send(far, "f2")
		for direction, conn := range []net.Conn{far, here} {
			if held[direction] {
				silent(conn)
			} else {
				read(conn)
			}
		}
		l.hold(there, false)
		l.hold(back, false)
		for direction, conn := range []net.Conn{far, here} {
			if held[direction] {
				assert.Contains(t, read(conn), "2", "what was held comes later")
			}
		}
	}

	// A new connection is refused, and the end of an old one is held, too.
	l.hold(back, true)
	refused, err := net.Dial("tcp", l.listener.Addr().String())
	require.NoError(t, err)
	defer refused.Close()
	_ = refused.SetReadDeadline(time.Now().Add(10 * time.Second))
	_, err = refused.Read(make([]byte, 1))
	assert.ErrorIs(t, err, io.EOF)
	far.Close()
	silent(here)
	l.hold(back, false)
	_ = here.SetReadDeadline(time.Now().Add(10 * time.Second))
	_, err = here.Read(make([]byte, 1))
	assert.ErrorIs(t, err, io.EOF)

	here, _ = dial()
	l.close()
	_ = here.SetReadDeadline(time.Now().Add(10 * time.Second))
	_, err = here.Read(make([]byte, 1))
	assert.NotErrorIs(t, err, nil)
	assert.NotContains(t, err.Error(), "timeout")
}
