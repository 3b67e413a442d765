package websocket_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/websocket"
	"github.com/halley-go/halley/iteratee"
)

// prices returns text of n bytes like that of an application. It becomes about six times smaller.
func prices(n int) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	var text []byte
	for len(text) < n {
		text = fmt.Appendf(text, `{"id":"1z141z3-%d","data":{"symbol":"HALY","price":%.2f,"volume":%d}}`, random.IntN(1e5), 100*random.Float64(), random.IntN(1e6))
	}
	return text[:n]
}

// sending serves clients, which get first and then messages of the channel. stop ends it when the clients have left.
func sending(first []byte, opts []websocket.Option) (addr string, next chan []byte, stop func()) {
	next = make(chan []byte)
	h := websocket.Handler(websocket.Bytes(), func(*http.Request) (iteratee.Iteratee[[]byte, struct{}], enumerator.Enumerator[[]byte], error) {
		return iteratee.Ignore[[]byte](), enumerator.Of(first).AndThen(enumerator.FromChan(next)), nil
	}, opts...)
	var handlers sync.WaitGroup
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handlers.Add(1)
		defer handlers.Done()
		h.ServeHTTP(w, r)
	}))
	srv.Config.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		_ = conn.(*net.TCPConn).SetWriteBuffer(64 << 10) // so that a client that does not read holds up the server
		return ctx
	}
	srv.Start()
	return srv.Listener.Addr().String(), next, func() {
		handlers.Wait()
		srv.Close()
	}
}

var variants = map[string][]websocket.Option{"plain": nil, "Compression": {websocket.Compression()}}

// BenchmarkMemory measures the memory of a connection: after messages in both directions, and while a message
// of 4 MiB is sent to a client that does not read.
func BenchmarkMemory(b *testing.B) {
	const n = 100
	message, large := string(prices(2000)), prices(4<<20)
	small := deflate([]byte(message))
	for name, opts := range variants {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				addr, next, stop := sending([]byte(message), opts)
				before := memory()
				var conns []net.Conn
				for range n {
					_, conn := open(b, addr, deflateOffer)
					conns = append(conns, conn)
					_ = conn.(bufferedConn).Conn.(*net.TCPConn).SetReadBuffer(64 << 10)
					if opts == nil {
						write(conn, frame(0x82, len(message), message))
					} else {
						write(conn, frame(0x80|compressed|2, len(small), small))
					}
					skip(b, conn)
				}
				b.ReportMetric((memory()-before)/n/1024, "KiB-idle/conn")
				for range n {
					next <- large
				}
				b.ReportMetric((memory()-before)/n/1024, "KiB-sending/conn")
				for _, conn := range conns {
					conn.Close()
				}
				stop()
			}
		})
	}
}

// skip reads a message of less than 64 KiB.
func skip(b *testing.B, conn net.Conn) {
	var head [4]byte
	_, err := io.ReadFull(conn, head[:2])
	require.NoError(b, err)
	size := int64(head[1])
	if size == 126 {
		_, err = io.ReadFull(conn, head[2:])
		require.NoError(b, err)
		size = int64(binary.BigEndian.Uint16(head[2:]))
	}
	_, err = io.CopyN(io.Discard, conn, size)
	require.NoError(b, err)
}

// memory returns the bytes that are in use. Two collections empty all pools.
func memory() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapInuse + m.StackInuse)
}

// BenchmarkSend measures the time of a message, including that of a client which only reads the bytes.
func BenchmarkSend(b *testing.B) {
	for size, text := range map[int]string{2 << 10: "2 KiB", 64 << 10: "64 KiB", 2 << 20: "2 MiB"} {
		for name, opts := range variants {
			b.Run(text+" "+name, func(b *testing.B) {
				message := prices(size)
				addr, next, stop := sending(nil, opts)
				_, conn := open(b, addr, deflateOffer)
				read := make(chan struct{})
				go func() { defer close(read); _, _ = io.Copy(io.Discard, conn) }()
				b.SetBytes(int64(size))
				for b.Loop() {
					next <- message
				}
				conn.Close()
				<-read
				stop()
			})
		}
	}
}

// BenchmarkFanout measures Handler and Fanout in turn. A hub sends messages of 100 bytes to clients. The figures are the
// memory of an idle connection, the time of a message for one client, and the ratio of the times of Fanout and Handler.
// The time includes that of the client, which only reads the bytes.
func BenchmarkFanout(b *testing.B) {
	const n, bursts = 1000, 20
	element := prices(100)
	type cost struct{ memory, time float64 }
	measure := func(make func(*enumerator.Hub[[]byte]) http.Handler) (c cost) {
		hub := enumerator.Broadcast[[]byte]()
		h := make(hub)
		var handlers sync.WaitGroup
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			handlers.Add(1)
			defer handlers.Done()
			h.ServeHTTP(w, r)
		}))
		defer srv.Close()
		require.NoError(b, hub.Push(b.Context(), element)) // each client begins with it
		before := memory()
		var conns []net.Conn
		for range n {
			_, conn := open(b, srv.Listener.Addr().String())
			conns = append(conns, conn)
		}
		read := func() {
			for _, conn := range conns {
				_, err := io.CopyN(io.Discard, conn, int64(len(element)+2))
				require.NoError(b, err)
			}
		}
		read()
		c.memory = (memory() - before) / n / 1024
		began := time.Now()
		for range bursts {
			require.NoError(b, hub.Push(b.Context(), element))
			read()
		}
		c.time = float64(time.Since(began)) / n / bursts
		for _, conn := range conns {
			_ = conn.Close()
		}
		handlers.Wait() // or the next measurement would count their memory
		require.NoError(b, httpadapter.Shutdown(b.Context(), srv.Config))
		return c
	}
	values := func(hub *enumerator.Hub[[]byte]) http.Handler {
		return websocket.Handler(websocket.Bytes(), func(*http.Request) (iteratee.Iteratee[[]byte, struct{}], enumerator.Enumerator[[]byte], error) {
			return iteratee.Ignore[[]byte](), enumerator.Values(hub.Last(1), nil), nil
		})
	}
	shared := func(hub *enumerator.Hub[[]byte]) http.Handler {
		encode := enumeratee.FilterMap(func(i enumerator.Item[[]byte]) (websocket.Message, bool) {
			return websocket.Message{Binary: true, Data: i.Value}, i.IsMessage()
		})
		return websocket.Fanout(hub, encode, func(*http.Request) (after enumerator.Position, last int, err error) { return after, 1, nil })
	}
	var handler, fanout cost
	for b.Loop() {
		one, other := measure(values), measure(shared)
		handler.memory, handler.time = handler.memory+one.memory, handler.time+one.time
		fanout.memory, fanout.time = fanout.memory+other.memory, fanout.time+other.time
	}
	b.ReportMetric(handler.memory/float64(b.N), "KiB-Handler/conn")
	b.ReportMetric(fanout.memory/float64(b.N), "KiB-Fanout/conn")
	b.ReportMetric(handler.time/1000/float64(b.N), "us-Handler/delivery")
	b.ReportMetric(fanout.time/1000/float64(b.N), "us-Fanout/delivery")
	b.ReportMetric(fanout.time/handler.time, "ratio")
	b.ReportMetric(0, "ns/op")
}
