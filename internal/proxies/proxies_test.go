// Package proxies_test runs streams through the proxies whose configurations docs/production.md shows.
// Each test skips if its proxy is not installed. With CI=true it fails instead.
package proxies_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	coder "github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/websocket"
	"github.com/halley-go/halley/internal/probe"
)

const patience = 5 * time.Second

// A proxy is a program with a configuration in testdata. Its arguments name the file that the test writes.
type proxy struct {
	program, config string
	args            func(folder, config string) []string

	lateHead bool                  // over HTTP/2, the head waits for the first chunk
	lateCut  bool                  // over HTTP/2, a cut can wait for the next bytes of another stream of the connection
	hidesCut func(http2 bool) bool // a cut stream looks complete, at least with the version of Debian 12
}

func never(bool) bool        { return false }
func always(bool) bool       { return true }
func overHTTP2(h2 bool) bool { return h2 }

var proxies = []proxy{
	{"nginx", "nginx.conf", func(folder, config string) []string {
		globals := "daemon off; pid nginx.pid; error_log stderr;"
		if os.Getuid() == 0 {
			globals += " user root;"
		}
		return []string{"-p", folder, "-e", "stderr", "-c", config, "-g", globals}
	}, true, true, never},
	{"caddy", "Caddyfile", func(_, config string) []string {
		return []string{"run", "--adapter", "caddyfile", "--config", config}
	}, false, false, always},
	{"haproxy", "haproxy.cfg", func(_, config string) []string { return []string{"-db", "-f", config} }, false, false, overHTTP2},
}

// start starts the proxy before the server at backend, and returns its URL.
func (p proxy) start(t *testing.T, backend string) string {
	program, err := exec.LookPath(p.program)
	if err != nil {
		if probe.Long() {
			t.Fatalf("CI must not skip this test: %v", err)
		}
		t.Skip(err)
	}
	folder := t.TempDir()
	cert, key := certificate(t)
	for name, data := range map[string][]byte{"cert.pem": append(slices.Clone(cert), key...), "key.pem": key} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), data, 0o600))
	}
	config, err := os.ReadFile(filepath.Join("testdata", p.config))
	require.NoError(t, err)

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	listener.Close() // the proxy takes the port
	port := address[strings.LastIndex(address, ":")+1:]
	if p.program == "caddy" && strings.Contains(backend, "{") {
		config = bytes.Replace(config, []byte("127.0.0.1:9000 {"), []byte("127.0.0.1:9000"), 1) // backend has the brace
	}
	text := strings.NewReplacer(
		"127.0.0.1:9000", backend,
		"listen 443", "listen "+address,
		"bind :443", "bind "+address,
		"\nlive.example.com {", "\nhttps://127.0.0.1:"+port+" {",
		"/etc/ssl/live.example.com.pem", filepath.Join(folder, "cert.pem"),
		"/etc/ssl/live.example.com.key", filepath.Join(folder, "key.pem"),
	).Replace(string(config))
	file := filepath.Join(folder, p.config)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))

	ctx, cancel := context.WithCancel(context.Background())
	var output bytes.Buffer
	cmd := exec.CommandContext(ctx, program, p.args(folder, file)...)
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.Env = append(os.Environ(), "HOME="+folder)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	require.NoError(t, cmd.Start())
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		if t.Failed() {
			t.Log(output.String())
		}
	})
	deadline := time.Now().Add(patience)
	for {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			return "https://" + address
		}
		select {
		case <-ended:
			t.Fatalf("%s has ended: %s", p.program, output.String())
		case <-time.After(20 * time.Millisecond):
		}
		require.True(t, time.Now().Before(deadline), "%s does not listen", p.program)
	}
}

func certificate(t *testing.T) (cert, key []byte) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "127.0.0.1"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		NotAfter:     time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

// client returns a client of one version of HTTP.
func client(t *testing.T, http2 bool) *http.Client {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!http2)
	protocols.SetHTTP2(http2)
	transport := &http.Transport{
		TLSClientConfig:    &tls.Config{InsecureSkipVerify: true}, // the certificate is that of the test
		Protocols:          protocols,
		DisableCompression: true,
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// backend is the server behind the proxies.
type backend struct {
	chunks chan []byte   // of /events, /lines, /page, /bytes, /broken and /cut
	beside chan []byte   // of /beside
	cut    chan struct{} // a value makes /cut fail
	ended  chan struct{} // gets a value when a stream has ended
}

func (b backend) handler() http.Handler {
	ended := httpadapter.OnEnd(func(*http.Request, httpadapter.Outcome) { b.ended <- struct{}{} })
	stream := func(*http.Request) (enumerator.Enumerator[[]byte], error) { return enumerator.FromChan(b.chunks), nil }
	mux := http.NewServeMux()
	mux.Handle("/events", httpadapter.Handler(stream, httpadapter.EventStream(), ended))
	mux.Handle("/lines", httpadapter.Handler(stream, httpadapter.NDJSON(), ended))
	mux.Handle("/page", httpadapter.Handler(stream, httpadapter.Comet(), ended))
	mux.Handle("/bytes", httpadapter.Handler(stream, ended))
	mux.Handle("/broken", httpadapter.Handler(func(*http.Request) (enumerator.Enumerator[[]byte], error) {
		failing := enumerator.Generate(func(context.Context) ([]byte, bool, error) { return nil, false, errors.New("lost") })
		return enumerator.Through(enumerator.FromChan(b.chunks), enumeratee.Take[[]byte](1)).AndThen(failing), nil
	}, httpadapter.EventStream()))
	mux.Handle("/cut", httpadapter.Handler(func(*http.Request) (enumerator.Enumerator[[]byte], error) {
		failing := enumerator.Generate(func(ctx context.Context) ([]byte, bool, error) {
			select {
			case <-b.cut:
			case <-ctx.Done():
			}
			return nil, false, errors.New("lost")
		})
		return enumerator.Through(enumerator.FromChan(b.chunks), enumeratee.Take[[]byte](1)).AndThen(failing), nil
	}, httpadapter.EventStream()))
	mux.Handle("/beside", httpadapter.Handler(func(*http.Request) (enumerator.Enumerator[[]byte], error) {
		return enumerator.FromChan(b.beside), nil
	}, httpadapter.EventStream(), ended))
	mux.Handle("/beats", httpadapter.Handler(func(*http.Request) (enumerator.Enumerator[[]byte], error) {
		return enumerator.Never[[]byte](), nil
	}, httpadapter.EventStream(), httpadapter.Heartbeat(10*time.Millisecond, nil), ended))
	mux.HandleFunc("/headers", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Header.Get("Last-Event-ID"), " ", r.Header.Get("X-Real-IP"), " ", r.Host)
	})
	mux.Handle("/socket", websocket.Adapter(websocket.Text(), func(*http.Request) (enumeratee.Enumeratee[string, string], error) {
		return enumeratee.Map(strings.ToUpper), nil
	}))
	return mux
}

func TestProxies(t *testing.T) {
	for _, p := range proxies {
		t.Run(p.program, func(t *testing.T) {
			b := backend{make(chan []byte), make(chan []byte), make(chan struct{}), make(chan struct{}, 10)}
			server := httptest.NewUnstartedServer(b.handler())
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			server.Start()
			t.Cleanup(server.Close)
			url := p.start(t, server.Listener.Addr().String())
			for name, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
				t.Run(name, func(t *testing.T) { b.test(t, p, url, client(t, http2), http2) })
			}
			t.Run("WebSocket", func(t *testing.T) { testSocket(t, url) })
		})
	}
}

// TestProxiesTryTheNextProcess restarts two processes in turn. With the lines for several processes in docs/production.md, no
// request fails, although each process restarts soon after the other.
func TestProxiesTryTheNextProcess(t *testing.T) {
	for i, c := range []struct{ method, both string }{
		{http.MethodPost, "A max_fails=0;\n    server B max_fails=0"},
		{http.MethodGet, "A B {\n\t\tlb_try_duration 5s"}, // Caddy does not repeat a request with a body
		{http.MethodPost, "A\n    server two B\n    option redispatch 1"},
	} {
		t.Run(proxies[i].program, func(t *testing.T) { testTheNextProcess(t, proxies[i], c.method, c.both) })
	}
}

// testTheNextProcess sends requests with method to two processes. In the configuration of p, both replaces the address of one
// process: A and B in it are the addresses of the two.
func testTheNextProcess(t *testing.T, p proxy, method, both string) {
	serve := func(address string) *http.Server {
		listener, err := net.Listen("tcp", address)
		require.NoError(t, err)
		server := &http.Server{Addr: listener.Addr().String(), Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
		go func() { _ = server.Serve(listener) }()
		t.Cleanup(func() { server.Close() })
		return server
	}
	servers := []*http.Server{serve("127.0.0.1:0"), serve("127.0.0.1:0")}
	url := p.start(t, strings.NewReplacer("A", servers[0].Addr, "B", servers[1].Addr).Replace(both))
	c := client(t, true)
	for range 2 {
		for i, server := range servers {
			require.NoError(t, server.Shutdown(t.Context()))
			for range 6 {
				var body io.Reader
				if method == http.MethodPost {
					body = strings.NewReader("hello")
				}
				request, err := http.NewRequestWithContext(t.Context(), method, url, body)
				require.NoError(t, err)
				response, err := c.Do(request)
				require.NoError(t, err)
				response.Body.Close()
				assert.Equal(t, http.StatusOK, response.StatusCode)
			}
			servers[i] = serve(server.Addr)
		}
	}
}

func (b backend) test(t *testing.T, p proxy, url string, c *http.Client, http2 bool) {
	open := func(t *testing.T, path string) (*http.Response, *bufio.Reader, context.CancelFunc) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		t.Cleanup(cancel)
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+path, nil)
		require.NoError(t, err)
		request.Header.Set("Accept-Encoding", "gzip, br, zstd")
		response, err := c.Do(request)
		require.NoError(t, err)
		t.Cleanup(func() { response.Body.Close() })
		require.Equal(t, http2, response.ProtoMajor == 2)
		require.Equal(t, http.StatusOK, response.StatusCode)
		return response, bufio.NewReader(response.Body), cancel
	}
	send := func(t *testing.T, chunk string) {
		select {
		case b.chunks <- []byte(chunk):
		case <-time.After(patience):
			t.Error("the source is not asked for a chunk")
		}
	}
	for _, path := range []string{"/events", "/lines", "/page", "/bytes"} {
		t.Run("each chunk of "+path+" arrives before the next is made", func(t *testing.T) {
			sendFirst := func() { send(t, "chunk 0\n") }
			late := p.lateHead && http2
			if late {
				go sendFirst()
			}
			response, body, cancel := open(t, path)
			assert.Empty(t, response.Header.Get("Content-Encoding"))
			if !late {
				go sendFirst()
			}
			for n := range 3 {
				if n > 0 {
					send(t, fmt.Sprintf("chunk %d\n", n))
				}
				line, err := body.ReadString('\n')
				require.NoError(t, err)
				require.Equal(t, fmt.Sprintf("chunk %d\n", n), line)
			}
			cancel()
			select {
			case <-b.ended:
			case <-time.After(patience):
				t.Fatal("the client has left, and its source has not ended")
			}
		})
	}
	t.Run("heartbeats arrive", func(t *testing.T) {
		_, body, cancel := open(t, "/beats")
		for range 3 {
			line, err := body.ReadString('\n')
			require.NoError(t, err)
			require.Equal(t, ":\n", line)
		}
		cancel()
		<-b.ended
	})
	t.Run("a cut stream does not look complete", func(t *testing.T) {
		go send(t, "data: 1\n\n")
		_, body, _ := open(t, "/broken")
		rest, err := io.ReadAll(body)
		assert.Equal(t, "data: 1\n\n", string(rest))
		if err == nil && p.hidesCut(http2) {
			t.Skip("this version of the proxy ends the response in good order")
		}
		assert.Error(t, err)
	})
	t.Run("a cut beside another stream of the connection", func(t *testing.T) {
		chunk := []byte("data: 2\n\n")
		go func() {
			select {
			case b.beside <- chunk:
			case <-time.After(patience):
			}
		}()
		_, other, leave := open(t, "/beside")
		go io.Copy(io.Discard, other)
		go send(t, "data: 1\n\n")
		_, body, _ := open(t, "/cut")
		for range 2 {
			_, err := body.ReadString('\n')
			require.NoError(t, err)
		}
		select {
		case b.cut <- struct{}{}:
		case <-time.After(patience):
			t.Fatal("the server has lost the stream")
		}
		ended := make(chan struct{})
		go func() {
			_, _ = io.ReadAll(body)
			close(ended)
		}()
		var beside chan<- []byte
		if p.lateCut && http2 {
			beside = b.beside // the next bytes that the proxy sends bring the cut
		}
		for deadline := time.After(patience); ; {
			select {
			case beside <- chunk:
				continue
			case <-ended:
			case <-deadline:
				t.Error("the cut does not arrive")
			}
			break
		}
		leave()
		<-b.ended
	})
	t.Run("the server gets the headers", func(t *testing.T) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/headers", nil)
		require.NoError(t, err)
		request.Header.Set("Last-Event-ID", "7")
		response, err := c.Do(request)
		require.NoError(t, err)
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		assert.Equal(t, "7 127.0.0.1 "+strings.TrimPrefix(url, "https://"), string(text))
	})
}

func testSocket(t *testing.T, url string) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, _, err := coder.Dial(ctx, url+"/socket", &coder.DialOptions{
		HTTPClient: client(t, false),
		HTTPHeader: http.Header{"Origin": {url}},
	})
	require.NoError(t, err)
	defer conn.CloseNow()
	for _, m := range []string{"one", "two"} {
		require.NoError(t, conn.Write(ctx, coder.MessageText, []byte(m)))
		_, got, err := conn.Read(ctx)
		require.NoError(t, err)
		require.Equal(t, strings.ToUpper(m), string(got))
	}
	require.NoError(t, conn.Close(coder.StatusNormalClosure, ""))
}
