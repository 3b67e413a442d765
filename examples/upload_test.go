package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The stream of an upload reports the bytes received before the upload is complete.
func TestUploadStream(t *testing.T) {
	server := serve(t)
	type progress struct {
		Received, Total int64
		Name, SHA256    string
		Ended, Failed   bool
	}
	watch := func(id string) (next func(wanted func(progress) bool) progress, end func()) {
		stream := get(t, server.addr, "/upload/stream?id="+id)
		stream.checkHead(t)
		first, err := stream.chunk()
		require.NoError(t, err)
		require.Equal(t, padding, first)
		next = func(wanted func(progress) bool) (p progress) {
			for {
				chunk, err := stream.chunk()
				require.NoError(t, err)
				p = progress{}
				message := strings.TrimSuffix(strings.TrimPrefix(chunk, "<script>document.currentScript.remove();parent.uploadProgress("), ");</script>")
				require.NoError(t, json.Unmarshal([]byte(message), &p), chunk)
				if wanted(p) {
					return p
				}
			}
		}
		return next, func() {
			_, err := stream.chunk()
			require.Equal(t, io.EOF, err)
		}
	}
	const (
		head = "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"zeros.bin\"\r\n\r\n"
		tail = "\r\n--XX--\r\n"
		half = 1 << 20
	)
	zeros := strings.Repeat("\x00", half)
	begin := func(id string) net.Conn {
		conn, err := net.Dial("tcp", server.addr)
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close() })
		require.NoError(t, conn.SetDeadline(time.Now().Add(waitAtMost)))
		_, err = fmt.Fprintf(conn, "POST /upload/file?id=%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=XX\r\nContent-Length: %d\r\n\r\n%s%s",
			id, len(head)+2*half+len(tail), head, zeros)
		require.NoError(t, err)
		return conn
	}
	near := func(p progress) bool { return p.Received > half-8<<10 } // bytes that may begin a boundary are held back

	next, end := watch("one")
	require.Equal(t, progress{}, next(func(progress) bool { return true }), "nothing yet")
	conn := begin("one")
	p := next(near)
	require.LessOrEqual(t, p.Received, int64(half))
	require.EqualValues(t, len(head)+2*half+len(tail), p.Total)
	require.False(t, p.Ended)
	_, err := io.WriteString(conn, zeros+tail)
	require.NoError(t, err)
	p = next(func(p progress) bool { return p.Ended })
	sum := sha256.Sum256(make([]byte, 2*half))
	require.Equal(t, progress{2 * half, p.Total, "zeros.bin", hex.EncodeToString(sum[:]), true, false}, p)
	end()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusNoContent, res.StatusCode)

	next, end = watch("two")
	conn = begin("two")
	next(near)
	conn.Close() // with half of it sent
	require.True(t, next(func(p progress) bool { return p.Ended }).Failed)
	end()

	conn = begin("nobody")
	_, err = io.WriteString(conn, zeros+tail)
	require.NoError(t, err)
	res, err = http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusNoContent, res.StatusCode)

	for contentType, want := range map[string]int{"text/plain": 415, "multipart/form-data; boundary=XX": 400} {
		res, err := http.Post(server.URL+"/upload/file", contentType, strings.NewReader("hello"))
		require.NoError(t, err)
		res.Body.Close()
		require.Equal(t, want, res.StatusCode)
	}
}
