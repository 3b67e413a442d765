package httpadapter_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/parse"
	"github.com/halley-go/halley/iteratee"
)

// post is a request as a server sees it, whose body comes as it is read from body, with
// its length if that is a strings.Reader.
func post(body io.Reader, contentType string) *http.Request {
	r := httptest.NewRequest("POST", "/", body)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return r
}

// unsized hides how long a body is.
func unsized(body string) io.Reader { return io.MultiReader(strings.NewReader(body)) }

// statusIs checks that err is answered with status; 0 is for no error.
func statusIs(t *testing.T, status int, err error) {
	t.Helper()
	if status == 0 {
		require.NoError(t, err)
		return
	}
	var e *httpadapter.StatusError
	require.ErrorAs(t, err, &e)
	assert.Equal(t, status, e.Status, err)
}

func TestBody(t *testing.T) {
	all := func(r *http.Request, opts ...httpadapter.BodyOption) (string, error) {
		body, err := enumerator.Run(t.Context(), httpadapter.Body(r, opts...), iteratee.Consume[byte]())
		return string(body), err
	}
	for name, c := range map[string]struct {
		body   io.Reader
		opts   []httpadapter.BodyOption
		status int
	}{
		"empty":                 {strings.NewReader(""), nil, 0},
		"some":                  {strings.NewReader("hello"), nil, 0},
		"unsized":               {unsized("hello"), nil, 0},
		"at the limit":          {strings.NewReader("hello"), []httpadapter.BodyOption{httpadapter.MaxBytes(5)}, 0},
		"at the limit, unsized": {unsized("hello"), []httpadapter.BodyOption{httpadapter.MaxBytes(5)}, 0},
		"over it":               {strings.NewReader("hello"), []httpadapter.BodyOption{httpadapter.MaxBytes(4)}, 413},
		"over it, unsized":      {unsized("hello"), []httpadapter.BodyOption{httpadapter.MaxBytes(4)}, 413},
		"nothing is allowed":    {unsized("h"), []httpadapter.BodyOption{httpadapter.MaxBytes(0)}, 413},
		"nothing, and is there": {unsized(""), []httpadapter.BodyOption{httpadapter.MaxBytes(0)}, 0},
		"a read that fails":     {iotest.ErrReader(errBoom), nil, 400},
		"cut short":             {iotest.ErrReader(io.ErrUnexpectedEOF), nil, 400},
		"a status of its own":   {iotest.ErrReader(&httpadapter.StatusError{Status: 422}), nil, 422},
		"a timeout":             {iotest.ErrReader(os.ErrDeadlineExceeded), nil, 408},
	} {
		t.Run(name, func(t *testing.T) {
			body, err := all(post(c.body, ""), c.opts...)
			statusIs(t, c.status, err)
			if err == nil {
				assert.Contains(t, []string{"", "hello"}, body)
			}
		})
	}

	r := post(nil, "")
	r.Body = nil // as a client makes them
	body, err := all(r)
	require.NoError(t, err)
	assert.Empty(t, body)

	_, err = all(post(iotest.ErrReader(http.ErrBodyReadAfterClose), ""))
	assert.Equal(t, http.ErrBodyReadAfterClose, err, "that is no fault of the client")
	_, err = all(post(iotest.ErrReader(io.ErrUnexpectedEOF), ""))
	assert.ErrorIs(t, err, httpadapter.ErrClientGone)
	_, err = all(post(iotest.ErrReader(errBoom), ""))
	assert.ErrorIs(t, err, errBoom)
	assert.NotErrorIs(t, err, httpadapter.ErrClientGone)
}

func TestBodyThatIsDeclaredTooLongIsNotRead(t *testing.T) {
	src := strings.NewReader("hello")
	_, err := enumerator.Run(t.Context(), httpadapter.Body(post(src, ""), httpadapter.MaxBytes(4)), iteratee.Consume[byte]())
	statusIs(t, 413, err)
	assert.Equal(t, 5, src.Len())
	var max *http.MaxBytesError
	require.ErrorAs(t, err, &max)
	assert.EqualValues(t, 4, max.Limit)
}

func TestBodyGoesOnWhereARunHasStopped(t *testing.T) {
	body := httpadapter.Body(post(iotest.OneByteReader(unsized("hello")), ""), httpadapter.MaxBytes(5))
	head, err := enumerator.Run(t.Context(), enumerator.Through(body, enumeratee.Take[[]byte](2)), iteratee.Consume[byte]())
	require.NoError(t, err)
	assert.Equal(t, "he", string(head))
	rest, err := enumerator.Run(t.Context(), body, iteratee.Consume[byte]())
	require.NoError(t, err)
	assert.Equal(t, "llo", string(rest))

	body = httpadapter.Body(post(iotest.OneByteReader(unsized("hello")), ""), httpadapter.MaxBytes(4))
	_, err = enumerator.Run(t.Context(), body, iteratee.TakeUpTo[[]byte](2))
	require.NoError(t, err)
	_, err = enumerator.Run(t.Context(), body, iteratee.Consume[byte]())
	statusIs(t, 413, err)
}

func TestBodyOptionsThatAreWrong(t *testing.T) {
	assert.PanicsWithValue(t, "httpadapter: MaxBytes: limit must not be negative, got -1", func() { httpadapter.MaxBytes(-1) })
	assert.PanicsWithValue(t, "httpadapter: ReadTimeout: d must be positive, got 0s", func() { httpadapter.ReadTimeout(0) })
	assert.PanicsWithValue(t, "httpadapter: BodyTimeout: d must be positive, got -1ns", func() { httpadapter.BodyTimeout(-1) })
	r := post(nil, "")
	assert.PanicsWithValue(t, "httpadapter: Body: ReadTimeout needs the option Writer", func() { httpadapter.Body(r, httpadapter.ReadTimeout(1)) })
	assert.PanicsWithValue(t, "httpadapter: Body: FullDuplex needs the option Writer", func() { httpadapter.Body(r, httpadapter.FullDuplex()) })

	w := noUnwrap{httptest.NewRecorder()}
	_, err := enumerator.Run(t.Context(), httpadapter.Body(r, httpadapter.FullDuplex(), httpadapter.Writer(w)), iteratee.Consume[byte]())
	assert.ErrorIs(t, err, http.ErrNotSupported)
	_, err = enumerator.Run(t.Context(), httpadapter.Body(r, httpadapter.Writer(w)), iteratee.Consume[byte]())
	assert.NoError(t, err, "deadlines it does without")
}

// counted answers with how many bytes it has read, or with why it could not.
func counted(errs chan<- error, opts ...httpadapter.BodyOption) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		count := iteratee.Fold(0, func(n int, chunk []byte) int { return n + len(chunk) })
		n, err := parse.Body(r, count, append(opts, httpadapter.Writer(w))...)
		if errs != nil {
			errs <- err
		}
		if err != nil {
			httpadapter.Error(w, r, err)
			return
		}
		_, _ = io.WriteString(w, strconv.Itoa(n))
	})
}

// Each fault goes to the wire by hand. The other client of the server is served all the
// while, and no goroutine stays: see TestMain.
func TestBodyFaults(t *testing.T) {
	const head = "POST / HTTP/1.1\r\nHost: halley\r\n"
	for name, c := range map[string]struct {
		request string
		hangUp  bool // the client sends no more
		status  int
		gone    bool
	}{
		"cut short":                 {head + "Content-Length: 10\r\n\r\nhello", true, 400, true},
		"chunks cut short":          {head + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", true, 400, true},
		"cut within a chunk":        {head + "Transfer-Encoding: chunked\r\n\r\n5\r\nhe", true, 400, true},
		"no number":                 {head + "Transfer-Encoding: chunked\r\n\r\nxyz\r\nhello\r\n0\r\n\r\n", false, 400, false},
		"a negative number":         {head + "Transfer-Encoding: chunked\r\n\r\n-1\r\nhello\r\n0\r\n\r\n", false, 400, false},
		"a number that is too long": {head + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nhello\r\n0\r\n\r\n", false, 400, false},
		"more than it says":         {head + "Transfer-Encoding: chunked\r\n\r\n4\r\nhello\r\n0\r\n\r\n", false, 400, false},
		"an endless size":           {head + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("0", 8<<10), false, 400, false},
		"an endless extension":      {head + "Transfer-Encoding: chunked\r\n\r\n1;" + strings.Repeat("x", 8<<10), false, 400, false},
		"an endless trailer":        {head + "Transfer-Encoding: chunked\r\n\r\n0\r\nX: " + strings.Repeat("x", 8<<10), false, 400, false},
		"too long":                  {head + "Content-Length: 101\r\n\r\n", false, 413, false},
		"too long in chunks":        {head + "Transfer-Encoding: chunked\r\n\r\n65\r\n" + strings.Repeat("x", 101) + "\r\n", false, 413, false},
		"silent":                    {head + "Content-Length: 10\r\n\r\n", false, 408, false},
		"silent after a part":       {head + "Content-Length: 10\r\n\r\nhello", false, 408, false},
		"silent within a chunk":     {head + "Transfer-Encoding: chunked\r\n\r\n5\r\nhe", false, 408, false},
		"waits for a go-ahead":      {head + "Content-Length: 101\r\nExpect: 100-continue\r\n\r\n", false, 413, false},
	} {
		t.Run(name, func(t *testing.T) {
			errs := make(chan error, 1)
			srv := start(t, "HTTP/1.1", counted(errs, httpadapter.MaxBytes(100), httpadapter.ReadTimeout(100*time.Millisecond)))
			conn, r := dial(t, srv, c.request)
			if c.hangUp {
				require.NoError(t, conn.(interface{ CloseWrite() error }).CloseWrite())
			}
			err := receive(t, errs, "the end of the body")
			statusIs(t, c.status, err)
			assert.Equal(t, c.gone, errors.Is(err, httpadapter.ErrClientGone), err)

			res, err := http.ReadResponse(r, nil)
			require.NoError(t, err)
			assert.Equal(t, c.status, res.StatusCode)
			text, err := io.ReadAll(res.Body)
			require.NoError(t, err)
			assert.Regexp(t, `^`+http.StatusText(c.status)+`(: the limit is 100 bytes)?\n$`, string(text))
			_, err = r.ReadByte()
			assert.Error(t, err, "what follows is not taken for a request")
			assert.NotErrorIs(t, err, os.ErrDeadlineExceeded)

			res, err = srv.Client().Post(srv.URL, "", strings.NewReader("hello"))
			require.NoError(t, err)
			defer res.Body.Close()
			text, err = io.ReadAll(res.Body)
			require.NoError(t, err)
			assert.Equal(t, "5", string(text))
			require.NoError(t, <-errs)
		})
	}
}

func TestAClientThatLeavesWithinTheBody(t *testing.T) {
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		errs := make(chan error, 1)
		srv := start(t, proto, counted(errs))
		body, write := io.Pipe()
		sent := make(chan error, 1)
		go func() {
			res, err := srv.Client().Post(srv.URL, "", body)
			if err == nil {
				res.Body.Close()
			}
			sent <- err
		}()
		_, err := write.Write([]byte("hello"))
		require.NoError(t, err)
		write.CloseWithError(errBoom) // which aborts the request
		err = receive(t, errs, "the end of the body")
		statusIs(t, 400, err)
		assert.ErrorIs(t, err, httpadapter.ErrClientGone, proto)
		assert.ErrorIs(t, receive(t, sent, "the client"), errBoom)
	}
}

// A deadline is for one read: a body may take any time if it comes little by little.
// drip returns a body of size bytes, each after a pause, and what is closed when it is over.
func drip(size int, pause time.Duration) (*io.PipeReader, <-chan struct{}) {
	body, write := io.Pipe()
	over := make(chan struct{})
	go func() {
		defer close(over)
		defer write.Close()
		for range size {
			time.Sleep(pause)
			if _, err := write.Write([]byte("x")); err != nil {
				return
			}
		}
	}()
	return body, over
}

// A byte each second, for ever, is never late for ReadTimeout.
func TestBodyTimeoutIsForAllReads(t *testing.T) {
	for _, proto := range plain {
		synctest.Test(t, func(t *testing.T) {
			action := parse.Action(parse.Bytes(1000), func(w http.ResponseWriter, _ *http.Request, body []byte) error {
				_, err := w.Write(body)
				return err
			}, httpadapter.ReadTimeout(2*time.Second), httpadapter.BodyTimeout(10*time.Second+500*time.Millisecond))
			p := listen(t, action, func(*http.Server) {})
			client := p.client(t, proto)
			for size, want := range map[int]string{10: strings.Repeat("x", 10), 1000: "Request Timeout\n"} {
				start := time.Now()
				body, written := drip(size, time.Second)
				res, err := client.Post("http://halley/", "", body)
				if !assert.NoError(t, err, proto) {
					return
				}
				text, err := io.ReadAll(res.Body)
				assert.NoError(t, err)
				assert.Equal(t, want, string(text), proto)
				assert.Less(t, time.Since(start), 11*time.Second, proto)
				res.Body.Close()
				body.Close()
				<-written
			}
			time.Sleep(time.Minute) // a deadline that is left does no harm to the next request
			res, err := client.Post("http://halley/", "", strings.NewReader("again"))
			if assert.NoError(t, err, proto) {
				text, _ := io.ReadAll(res.Body)
				assert.Equal(t, "again", string(text), proto)
				res.Body.Close()
			}
		})
	}
}

func TestReadTimeoutIsForOneRead(t *testing.T) {
	for _, proto := range plain {
		synctest.Test(t, func(t *testing.T) {
			var seen atomic.Int32
			p := listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				n, err := parse.Body(r, iteratee.Fold(0, func(n int, chunk []byte) int { seen.Add(1); return n + len(chunk) }),
					httpadapter.Writer(w), httpadapter.ReadTimeout(2*time.Second))
				if err != nil {
					httpadapter.Error(w, r, err)
					return
				}
				time.Sleep(time.Minute) // with no deadline of the body any more
				if assert.NoError(t, r.Context().Err()) {
					_, _ = io.WriteString(w, strconv.Itoa(n))
				}
			}), func(s *http.Server) { s.ReadTimeout = 5 * time.Second })
			client := p.client(t, proto)
			for pause, want := range map[time.Duration]string{time.Second: "20", 3 * time.Second: "Request Timeout\n"} {
				body, written := drip(20, pause)
				res, err := client.Post("http://halley/", "", body)
				if !assert.NoError(t, err, proto) {
					return
				}
				text, err := io.ReadAll(res.Body)
				assert.NoError(t, err)
				assert.Equal(t, want, string(text), proto)
				res.Body.Close()
				body.Close()
				<-written
			}
		})
	}
}

// With Writer, the end of the run's context interrupts a read.
func TestCancelInterruptsAReadOfABody(t *testing.T) {
	for _, proto := range plain {
		synctest.Test(t, func(t *testing.T) {
			errs := make(chan error, 1)
			p := listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				ctx, cancel := context.WithTimeoutCause(r.Context(), time.Second, errBoom)
				defer cancel()
				begin := time.Now()
				_, err := enumerator.Run(ctx, httpadapter.Body(r, httpadapter.Writer(w)), iteratee.Consume[byte]())
				assert.Equal(t, time.Second, time.Since(begin))
				errs <- err
				w.Header().Set("Connection", "close")
				w.WriteHeader(503)
			}), nil)
			body, write := io.Pipe()
			res, err := p.client(t, proto).Post("http://halley/", "", body)
			if assert.NoError(t, err) {
				assert.Equal(t, 503, res.StatusCode)
				res.Body.Close()
			}
			write.Close()
			assert.ErrorIs(t, <-errs, errBoom)
			time.Sleep(time.Second) // Go 1.27 closes the connection half a second later
		})
	}
}

// Both directions at once: each chunk is answered before the next is sent.
func TestFullDuplex(t *testing.T) {
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		for name, h := range map[string]http.Handler{
			"by hand": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body := httpadapter.Body(r, httpadapter.Writer(w), httpadapter.FullDuplex())
				rc := http.NewResponseController(w)
				_, err := enumerator.Run(r.Context(), body, iteratee.ForEach(func(_ context.Context, chunk []byte) error {
					_, _ = w.Write(chunk)
					return rc.Flush()
				}))
				assert.NoError(t, err)
			}),
			"with Serve": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				assert.NoError(t, httpadapter.Serve(w, r, httpadapter.Body(r, httpadapter.Writer(w))))
			}),
		} {
			t.Run(proto+" "+name, func(t *testing.T) {
				srv := start(t, proto, h)
				body, write := io.Pipe()
				r, err := http.NewRequestWithContext(t.Context(), "POST", srv.URL, body)
				require.NoError(t, err)
				go func() { _, _ = write.Write([]byte("hello\n")) }()
				res, err := srv.Client().Do(r)
				require.NoError(t, err)
				defer res.Body.Close()
				lines := bufio.NewReader(res.Body)
				for _, word := range []string{"hello\n", "again\n", "good bye\n"} {
					if word != "hello\n" {
						_, err := write.Write([]byte(word))
						require.NoError(t, err)
					}
					line, err := lines.ReadString('\n')
					require.NoError(t, err)
					assert.Equal(t, word, line)
				}
				require.NoError(t, write.Close())
				_, err = lines.ReadByte()
				assert.Equal(t, io.EOF, err)
			})
		}
	}
}

// A body that nobody takes holds the client up, not the server's memory.
func TestBodyHasBackpressure(t *testing.T) {
	const size = 64 << 20
	wait, taken := make(chan struct{}), make(chan struct{})
	srv := start(t, "HTTP/1.1", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := parse.Body(r, iteratee.FoldM(0, func(ctx context.Context, n int, chunk []byte) (int, error) {
			if n == 0 {
				close(taken)
				<-wait
			}
			return n + len(chunk), nil
		}), httpadapter.Writer(w))
		assert.NoError(t, err)
		_, _ = io.WriteString(w, strconv.Itoa(n))
	}))
	var sent atomic.Int64
	chunk := make([]byte, 1<<20)
	body := io.LimitReader(&reader{func(p []byte) (int, error) { sent.Add(int64(len(p))); return copy(p, chunk), nil }}, size)
	answered := make(chan string, 1)
	go func() {
		res, err := srv.Client().Post(srv.URL, "", body)
		if !assert.NoError(t, err) {
			return
		}
		defer res.Body.Close()
		text, _ := io.ReadAll(res.Body)
		answered <- string(text)
	}()
	receive(t, taken, "the first chunk")
	before := int64(-1)
	require.Eventually(t, func() bool { // until the client is stuck
		now := sent.Load()
		stuck := now == before
		before = now
		return stuck
	}, patience, 50*time.Millisecond)
	assert.Less(t, before, int64(size))
	close(wait)
	assert.Equal(t, strconv.Itoa(size), receive(t, answered, "the answer"))
}

type reader struct{ read func([]byte) (int, error) }

func (r *reader) Read(p []byte) (int, error) { return r.read(p) }
