package httpadaptertest_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/halley-go/halley/httpadapter/httpadaptertest"
)

// test stands for the *testing.T that an example does not have.
type test struct {
	testing.TB
	cleanups []func()
}

func (*test) Helper()            {}
func (*test) Fatal(args ...any)  { panic(fmt.Sprint(args...)) }
func (t *test) Cleanup(f func()) { t.cleanups = append(t.cleanups, f) }

func (t *test) end() {
	for _, f := range slices.Backward(t.cleanups) {
		f()
	}
}

// flood writes until a write fails, and sends the error to ended.
func flood(ended chan<- error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for chunk := make([]byte, 10_000); ; {
			if _, err := w.Write(chunk); err != nil {
				ended <- err
				return
			}
		}
	})
}

// The client sends a request and does not read. The write deadline ends the handler.
func ExampleGet() {
	t := &test{} // a test has t already
	defer t.end()

	ended := make(chan error)
	srv := httpadaptertest.NewServer(t, flood(ended))
	httpadaptertest.Get(t, srv.URL)
	fmt.Println(strings.HasSuffix((<-ended).Error(), "i/o timeout"))
	// Output: true
}

func ExampleClient_Response() {
	t := &test{}
	defer t.end()

	srv := httpadaptertest.NewServer(t, http.NotFoundHandler())
	client := httpadaptertest.Get(t, srv.URL)
	res := client.Response()
	body, _ := io.ReadAll(res.Body)
	fmt.Printf("%s: %s", res.Status, body)
	// Output: 404 Not Found: 404 page not found
}

// The client is too slow for the response.
func ExampleClient_Trickle() {
	t := &test{}
	defer t.end()

	ended := make(chan error, 1)
	srv := httpadaptertest.NewServer(t, flood(ended))
	client := httpadaptertest.Get(t, srv.URL)
	read := make(chan int)
	go func() { read <- client.Trickle(time.Millisecond) }()
	<-ended
	client.Reset()
	fmt.Println("the client has read some bytes:", <-read > 0)
	// Output: the client has read some bytes: true
}

func ExampleClient_Reset() {
	t := &test{}
	defer t.end()

	ended := make(chan error, 1)
	srv := httpadaptertest.NewServer(t, flood(ended))
	client := httpadaptertest.Get(t, srv.URL)
	client.Response()
	client.Reset()
	fmt.Println("the handler has ended:", <-ended != nil)
	// Output: the handler has ended: true
}

// The client is closed while the proxy is frozen. The server does not learn of it, and has a
// half-open connection.
func ExampleProxy_Freeze() {
	t := &test{}
	defer t.end()

	ended := make(chan error, 1)
	srv := httpadaptertest.NewServer(t, flood(ended))
	proxy := httpadaptertest.NewProxy(t, srv.URL)
	client := httpadaptertest.Get(t, proxy.URL)
	client.Response()
	proxy.Freeze()
	client.Close()
	fmt.Println(strings.HasSuffix((<-ended).Error(), "i/o timeout"))
	// Output: true
}

// A response that is cut must not look complete.
func ExampleProxy_Cut() {
	t := &test{}
	defer t.end()

	srv := httpadaptertest.NewServer(t, flood(make(chan error, 1)))
	proxy := httpadaptertest.NewProxy(t, srv.URL)
	proxy.Cut(5_000)
	_, err := io.ReadAll(httpadaptertest.Get(t, proxy.URL).Response().Body)
	fmt.Println(err != nil && !errors.Is(err, io.EOF))
	// Output: true
}

// The proxy holds back bytes although the handler flushes.
func ExampleProxy_Hold() {
	t := &test{}
	defer t.end()

	read := make(chan bool)
	srv := httpadaptertest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "hello")
		http.NewResponseController(w).Flush()
		<-read
	}))
	proxy := httpadaptertest.NewProxy(t, srv.URL)
	proxy.Hold(100_000)
	client := httpadaptertest.Get(t, proxy.URL)
	client.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	_, err := client.Read(make([]byte, 1))
	fmt.Println(errors.Is(err, io.EOF), err != nil)

	proxy.Hold(0)
	client.SetReadDeadline(time.Time{})
	body := make([]byte, 5)
	_, err = io.ReadFull(client.Response().Body, body)
	fmt.Println(string(body), err)
	close(read)
	// Output:
	// false true
	// hello <nil>
}

// The server's timeout cuts a response that takes longer.
func ExampleNewServer() {
	t := &test{}
	defer t.end()

	srv := httpadaptertest.NewServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for range 10 {
			io.WriteString(w, "tick\n")
			http.NewResponseController(w).Flush()
			time.Sleep(httpadaptertest.Timeout / 5)
		}
	}))
	_, err := io.ReadAll(httpadaptertest.Get(t, srv.URL).Response().Body)
	fmt.Println(err)
	// Output: unexpected EOF
}
