package docs_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	coder "github.com/coder/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"

	"github.com/halley-go/halley/enumeratee"
	"github.com/halley-go/halley/enumeratee/text"
	"github.com/halley-go/halley/enumerator"
	"github.com/halley-go/halley/httpadapter"
	"github.com/halley-go/halley/httpadapter/parse"
	"github.com/halley-go/halley/httpadapter/websocket"
	"github.com/halley-go/halley/iteratee"
)

// These tests check rows of play.md that combine several operations, or that state a difference
// from Play that no test of the package checks.

var errBoom = errors.New("boom")

func collect[E any](t *testing.T, source enumerator.Enumerator[E]) []E {
	elements, err := enumerator.Run(t.Context(), source, iteratee.Collect[E]())
	require.NoError(t, err)
	return elements
}

// Input.map
func TestPlayInputMap(t *testing.T) {
	mapped := func(in iteratee.Input[int]) (out iteratee.Input[int]) {
		for _, e := range in.Els() {
			out = out.Then(iteratee.El(e + 1))
		}
		if in.IsEOF() {
			out = out.Then(iteratee.EOF[int]())
		}
		return out
	}
	assert.Equal(t, []int{4}, mapped(iteratee.El(3)).Els())
	assert.True(t, mapped(iteratee.Empty[int]()).IsEmpty())
	assert.True(t, mapped(iteratee.EOF[int]()).IsEOF())
	both := mapped(iteratee.Els(1, 2).Then(iteratee.EOF[int]()))
	assert.Equal(t, []int{2, 3}, both.Els())
	assert.True(t, both.IsEOF())
}

// Iteratee.consume of strings
func TestPlayConsumeStrings(t *testing.T) {
	for want, source := range map[string]enumerator.Enumerator[string]{
		"":                         enumerator.Empty[string](),
		"GuillaumeSadekPeterErwan": enumerator.Of("Guillaume", "Sadek", "Peter", "Erwan"),
	} {
		got, err := enumerator.Run(t.Context(), source, iteratee.ConsumeString[string]())
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
}

// it.flatMapInput(f) and similar operations
func TestPlayFlatMapInput(t *testing.T) {
	waiting := func(consumer iteratee.Iteratee[int, []int]) iteratee.Iteratee[int, []int] {
		return iteratee.Defer(func(ctx context.Context) (iteratee.Iteratee[int, []int], error) {
			r, step := consumer.Start(ctx)
			if step.IsCont() {
				return iteratee.Resume(r, step), nil
			}
			return iteratee.Done([]int{-1}, iteratee.Empty[int]()), nil
		})
	}
	for range 2 {
		got, err := enumerator.Run(t.Context(), enumerator.Of(1, 2), waiting(iteratee.Collect[int]()))
		require.NoError(t, err)
		assert.Equal(t, []int{1, 2}, got)
		got, err = enumerator.Run(t.Context(), enumerator.Of(1, 2), waiting(iteratee.TakeUpTo[int](0)))
		require.NoError(t, err)
		assert.Equal(t, []int{-1}, got)
	}
}

// it.recover(pf) does not act on the end of the context.
func TestPlayRecover(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	source := enumerator.Generate(func(context.Context) (int, bool, error) { cancel(errBoom); return 1, true, nil })
	fails := iteratee.ForEach(func(ctx context.Context, _ int) error { return context.Cause(ctx) })
	_, err := enumerator.Run(ctx, source, iteratee.Recover(fails, func(error) (struct{}, error) { t.Error("recovered"); return struct{}{}, nil }))
	assert.Equal(t, errBoom, err)
}

// Sources that send EOF: e.mapInput(f), e.flatMap(f) and mapFlatten(f), Enumerator.interleave
func TestPlayEOF(t *testing.T) {
	eof := enumerator.FromInput(iteratee.EOF[int]())
	endsAt3 := enumeratee.MapInput(func(in iteratee.Input[int]) iteratee.Input[int] {
		if e, _ := in.El(); e == 3 {
			return iteratee.EOF[int]()
		}
		return in
	})
	assert.Equal(t, []int{1, 2, 9}, collect(t, enumerator.Through(enumerator.Of(1, 2, 3, 4), endsAt3).AndThen(enumerator.Of(9))))

	ends := enumerator.FlatMap(enumerator.Of(1, 2), func(e int) enumerator.Enumerator[int] { return enumerator.Of(e).AndThen(eof) })
	assert.Equal(t, []int{1}, collect(t, ends.AndThen(enumerator.Of(9))))

	assert.Equal(t, []int{9}, collect(t, enumerator.Interleave(eof, eof, enumerator.Empty[int]()).AndThen(enumerator.Of(9))))
	assert.Empty(t, collect(t, enumerator.Interleave(eof, eof, eof).AndThen(enumerator.Of(9))))
}

// Enumerator.fromCallback1
func TestPlayFromCallback(t *testing.T) {
	for name, c := range map[string]struct {
		consumer iteratee.Iteratee[int, []int]
		want     []string
	}{
		"runs out":            {iteratee.Collect[int](), []string{"next", "next", "complete"}},
		"consumer is done":    {iteratee.TakeUpTo[int](1), []string{"next", "complete"}},
		"consumer fails":      {iteratee.FoldM[int, []int](nil, func(context.Context, []int, int) ([]int, error) { return nil, errBoom }), []string{"next", "boom", "complete"}},
		"consumer was done":   {iteratee.TakeUpTo[int](0), nil},
		"consumer has failed": {iteratee.Error[int, []int](errBoom, iteratee.Empty[int]()), nil},
	} {
		t.Run(name, func(t *testing.T) {
			var calls []string
			source := enumerator.FromCallback(
				func(_ context.Context, first bool) (int, bool, error) {
					calls = append(calls, "next")
					return 1, first, nil
				},
				func() { calls = append(calls, "complete") },
				func(err error) { calls = append(calls, err.Error()) },
			)
			_, _ = enumerator.Run(t.Context(), source, c.consumer)
			assert.Equal(t, c.want, calls)
		})
	}
}

// Enumerator.outputStream(a), with another goroutine that writes to the stream
func TestPlayOutputStream(t *testing.T) {
	source := enumerator.FromReadCloser(func(context.Context) (io.ReadCloser, error) {
		r, w := io.Pipe()
		go func() {
			for _, s := range []string{"FOO", "bar"} {
				if _, err := io.WriteString(w, s); err != nil {
					return
				}
			}
			w.Close()
		}()
		return r, nil
	}, 8192)
	assert.Equal(t, "FOObar", string(bytes.Join(collect(t, source), nil)))
	one, err := enumerator.Run(t.Context(), source, iteratee.Head[[]byte]())
	require.NoError(t, err)
	assert.Equal(t, "FOO", string(*one))
}

// Concurrent.broadcast and its ends
func TestPlayBroadcast(t *testing.T) {
	hub := enumerator.Broadcast[int](enumerator.Capacity(2))
	for e := range 5 {
		require.NoError(t, hub.Push(t.Context(), e))
	}
	hub.End()
	assert.Empty(t, collect(t, enumerator.Values(hub.Live(), nil)))
	assert.Equal(t, []int{3, 4, 9}, collect(t, enumerator.Values(hub.Last(2), nil).AndThen(enumerator.Of(9))))
	hub.EndWithError(errBoom) // the first end counts
	assert.Empty(t, collect(t, enumerator.Values(hub.Live(), nil)))

	// A run falls behind. By default it loses elements and is told so. Under Block, a push waits for it.
	for policy, want := range map[enumerator.Policy]error{enumerator.DropOldest: enumerator.ErrLost, enumerator.Block: nil} {
		synctest.Test(t, func(t *testing.T) {
			hub := enumerator.Broadcast[int](enumerator.Capacity(2), enumerator.WhenFull(policy))
			var err error
			var running sync.WaitGroup
			running.Go(func() {
				_, err = enumerator.Run(t.Context(), enumerator.Values(hub.Live(), nil), iteratee.ForEach(func(context.Context, int) error {
					time.Sleep(time.Second)
					return nil
				}))
			})
			synctest.Wait()
			for e := range 100 {
				require.NoError(t, hub.Push(t.Context(), e))
			}
			hub.End()
			running.Wait()
			assert.ErrorIs(t, err, want)
		})
	}
}

// Broadcaster.close()
func TestPlayCloseShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closing := make(chan struct{})
		shared := enumerator.Share(enumerator.PatchPanel(func(ctx context.Context, patchIn func(enumerator.Enumerator[time.Time]) bool) error {
			patchIn(enumerator.Interval(time.Second))
			select {
			case <-closing:
				patchIn(enumerator.Empty[time.Time]())
			case <-ctx.Done():
			}
			return nil
		}))
		var running sync.WaitGroup
		for range 3 {
			running.Go(func() {
				times, err := enumerator.Run(t.Context(), enumerator.Values(shared.Live(), nil), iteratee.Collect[time.Time]())
				assert.NoError(t, err)
				assert.Len(t, times, 2)
			})
		}
		begin := time.Now()
		time.Sleep(2500 * time.Millisecond)
		close(closing)
		running.Wait()
		assert.Equal(t, 2500*time.Millisecond, time.Since(begin))
	})
}

// Concurrent.patchPanel: a panel that stays open for other goroutines
func TestPlayPatchPanel(t *testing.T) {
	panels := make(chan func(enumerator.Enumerator[int]) bool)
	source := enumerator.PatchPanel(func(ctx context.Context, patchIn func(enumerator.Enumerator[int]) bool) error {
		panels <- patchIn
		<-ctx.Done()
		return nil
	})
	var got []int
	var err error
	var running sync.WaitGroup
	running.Go(func() { got, err = enumerator.Run(t.Context(), source, iteratee.Collect[int]()) })
	patchIn := <-panels
	assert.True(t, patchIn(enumerator.Of(1, 2).AndThen(enumerator.FromInput(iteratee.EOF[int]()))))
	running.Wait()
	require.NoError(t, err)
	assert.Equal(t, []int{1, 2}, got)
	assert.False(t, patchIn(enumerator.Of(3)))
}

// CharEncoding.decode(name) and encode(name)
func TestPlayCharsets(t *testing.T) {
	for _, c := range []struct{ name, bytes, text string }{
		{"UTF-8", "\xe2\x82\xac", "€"},
		{"UTF-8", "\xef\xbb\xbfa", "\ufeffa"},
		{"UTF-16", "\x20\xac", "€"},
		{"UTF-16", "\xfe\xff\x20\xac", "€"},
		{"UTF-16", "\xff\xfe\xac\x20", "€"},
		{"UTF-16BE", "\x20\xac", "€"},
		{"UTF-16LE", "\xac\x20", "€"},
		{"US-ASCII", "a", "a"},
		{"US-ASCII", "\x80", ""},
		{"ISO-8859-1", "\x80\xe9", "\u0080é"},
		{"latin1", "\x80\xe9", "\u0080é"},
		{"ISO-8859-9", "\x80\xfd", "\u0080ı"},
		{"ISO-8859-15", "\xa4", "€"},
		{"windows-1252", "\x80", "€"},
		{"windows-1251", "\xcf", "П"},
		{"Shift_JIS", "\x82\xa0", "あ"},
		{"IBM437", "\x80", "Ç"},
	} {
		enc, err := ianaindex.IANA.Encoding(c.name)
		require.NoError(t, err, c.name)
		for _, size := range []int{1, len(c.bytes)} {
			var chunks [][]byte
			for rest := []byte(c.bytes); len(rest) > 0; rest = rest[size:] {
				chunks = append(chunks, rest[:size])
			}
			got, err := enumerator.Run(t.Context(), enumerator.Through(enumerator.FromSlice(chunks), text.Decode(enc, text.Fail)), iteratee.Collect[string]())
			if c.text == "" {
				assert.ErrorIs(t, err, text.ErrMalformed, c.name)
				continue
			}
			assert.NoError(t, err, c.name)
			assert.Equal(t, c.text, strings.Join(got, ""), "%s, %q", c.name, c.bytes)
		}
	}
	for _, c := range []struct{ name, text, bytes string }{
		{"UTF-8", "€", "\xe2\x82\xac"},
		{"UTF-16", "€", "\xfe\xff\x20\xac"}, // like Java; Play writes no mark
		{"UTF-16BE", "€", "\x20\xac"},
		{"UTF-16LE", "€", "\xac\x20"},
		{"US-ASCII", "a", "a"},
		{"US-ASCII", "€", ""},
		{"ISO-8859-1", "é", "\xe9"},
		{"ISO-8859-1", "€", ""},
		{"windows-1252", "€", "\x80"},
	} {
		enc, err := ianaindex.IANA.Encoding(c.name)
		require.NoError(t, err, c.name)
		got, err := enumerator.Run(t.Context(), enumerator.Through(enumerator.Of(c.text), text.Encode(enc, text.Fail)), iteratee.Consume[byte]())
		if c.bytes == "" {
			assert.ErrorIs(t, err, text.ErrUnencodable, c.name)
			continue
		}
		assert.NoError(t, err, c.name)
		assert.Equal(t, c.bytes, string(got), "%s, %q", c.name, c.text)
	}

	// Names that IANA.Encoding does not know, and one without an encoding.
	for _, name := range []string{"no such name", "UTF8", "ASCII", "Cp1252"} {
		_, err := ianaindex.IANA.Encoding(name)
		assert.Error(t, err, name)
	}
	enc, err := ianaindex.IANA.Encoding("UTF-32")
	assert.NoError(t, err)
	assert.Nil(t, enc)
	// In browsers, these names have other meanings.
	for name, meaning := range map[string]string{"UTF-16": "utf-16le", "US-ASCII": "windows-1252", "ISO-8859-1": "windows-1252"} {
		enc, err := htmlindex.Get(name)
		require.NoError(t, err)
		got, err := htmlindex.Name(enc)
		require.NoError(t, err)
		assert.Equal(t, meaning, got)
	}
}

// promiseToProcessor(promise) and iterateeToProcessor(it): pushed elements enter at the consumer.
func TestPlayProcessors(t *testing.T) {
	first := func(source enumerator.Enumerator[int]) enumerator.Enumerator[int] {
		return enumerator.Through(source, enumeratee.Take[int](1))
	}
	whole := func(source enumerator.Enumerator[int]) enumerator.Enumerator[[]int] {
		return enumerator.Defer(func(ctx context.Context) (none enumerator.Enumerator[[]int], err error) {
			all, err := enumerator.Run(ctx, source, iteratee.Collect[int]())
			return enumerator.Of(all), err
		})
	}
	for name, c := range map[string]struct {
		in    []int
		first []int
		whole [][]int
	}{
		"nothing": {nil, nil, [][]int{nil}},
		"one":     {[]int{1}, []int{1}, [][]int{{1}}},
		"several": {[]int{1, 2, 3}, []int{1}, [][]int{{1, 2, 3}}},
	} {
		t.Run(name, func(t *testing.T) {
			joined := func() enumerator.Enumerator[int] {
				consumer, source := enumerator.Joined[int]()
				var feeding sync.WaitGroup
				feeding.Go(func() {
					_, err := enumerator.Run(t.Context(), enumerator.FromSlice(c.in), consumer)
					assert.NoError(t, err)
				})
				t.Cleanup(feeding.Wait)
				return source
			}
			assert.Equal(t, c.first, collect(t, first(joined())))
			assert.Equal(t, c.whole, collect(t, whole(joined())))
		})
	}
}

// Enumerator.imperative and Enumerator.pushee
func TestPlayPushEnumerators(t *testing.T) {
	// A consumer that comes later gets an element that was pushed before, unless it uses Live.
	hub := enumerator.Broadcast[int]()
	require.NoError(t, hub.Push(t.Context(), 1))
	hub.EOFAndEnd()
	assert.Equal(t, enumerator.ErrEnded, hub.Push(t.Context(), 2))
	assert.Equal(t, []int{1}, collect(t, enumerator.Values(hub.Last(1), nil).AndThen(enumerator.Of(9))))

	pushed := make(chan error, 2)
	pushee := enumerator.Unicast(func(c enumerator.Channel[int]) {
		pushed <- c.Push(t.Context(), 1)
		<-c.Context().Done()
		pushed <- c.Push(t.Context(), 2)
	})
	_, err := enumerator.Run(t.Context(), pushee, iteratee.Head[int]())
	require.NoError(t, err)
	assert.NoError(t, <-pushed)
	assert.Equal(t, enumerator.ErrStopped, <-pushed)
	closed := enumerator.Unicast(func(c enumerator.Channel[int]) {
		_ = c.Push(t.Context(), 1)
		c.EOFAndEnd()
	})
	assert.Equal(t, []int{1}, collect(t, closed.AndThen(enumerator.Of(9))))
}

// parse.maxLength(n, parser): MaxLength reads up to n bytes. MaxBytes reads nothing if the
// declared length exceeds n.
func TestPlayMaxLength(t *testing.T) {
	declared := func() *http.Request {
		return httptest.NewRequest(http.MethodPost, "/", strings.NewReader("too long"))
	}
	read := 0
	parser := iteratee.ForEach(func(_ context.Context, chunk []byte) error { read += len(chunk); return nil })
	for name, c := range map[string]struct {
		parse func() error
		read  int
	}{
		"MaxLength": {func() error { _, err := parse.Body(declared(), parse.MaxLength(parser, 4)); return err }, 4},
		"MaxBytes":  {func() error { _, err := parse.Body(declared(), parser, httpadapter.MaxBytes(4)); return err }, 0},
	} {
		read = 0
		var status *httpadapter.StatusError
		if assert.ErrorAs(t, c.parse(), &status, name) {
			assert.Equal(t, http.StatusRequestEntityTooLarge, status.Status)
			assert.Equal(t, c.read, read, name)
		}
	}
}

// status(code, InputStream): a stream with a status other than 200
func TestPlayStatus(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		source := enumerator.FromReadCloser(func(context.Context) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader("hello")), nil
		}, 8192)
		assert.NoError(t, httpadapter.Serve(created{w}, r, source))
	}))
	defer server.Close()
	response, err := server.Client().Get(server.URL)
	require.NoError(t, err)
	assert.Equal(t, http.StatusCreated, response.StatusCode)
	assert.Equal(t, "hello", string(bytes.Join(collect(t, httpadapter.Response(response)), nil)))
}

type created struct{ http.ResponseWriter }

func (c created) WriteHeader(int)             { c.ResponseWriter.WriteHeader(http.StatusCreated) }
func (c created) Unwrap() http.ResponseWriter { return c.ResponseWriter }

type none = struct{}

// (Done((), EOF), Enumerator(message) >>> eof), with which Play's chat refuses a user
func TestPlayRefusalByMessage(t *testing.T) {
	server := httptest.NewServer(websocket.Handler(websocket.Text(), func(*http.Request) (iteratee.Iteratee[string, none], enumerator.Enumerator[string], error) {
		return iteratee.Ignore[string](), enumerator.Of("This username is already used"), nil
	}))
	defer server.Close()
	for range 100 {
		conn := dial(t, server)
		_, message, err := conn.Read(t.Context())
		require.NoError(t, err)
		assert.Equal(t, "This username is already used", string(message))
		_, _, err = conn.Read(t.Context())
		assert.Equal(t, coder.StatusNormalClosure, coder.CloseStatus(err), "%v", err)
	}
}

// In.onClose(cb) of Java's WebSocket
func TestPlayOnClose(t *testing.T) {
	for name, leave := range map[string]func(*coder.Conn){
		"closed": func(c *coder.Conn) { c.Close(coder.StatusNormalClosure, "") },
		"lost":   func(c *coder.Conn) { c.CloseNow() },
		"refused": func(c *coder.Conn) {
			assert.NoError(t, c.Write(t.Context(), coder.MessageText, []byte("bad")))
			_, _, err := c.Read(t.Context())
			assert.Equal(t, coder.StatusInternalError, coder.CloseStatus(err))
		},
	} {
		t.Run(name, func(t *testing.T) {
			var mapped, closed int
			ended := make(chan struct{})
			handler := websocket.Handler(websocket.Text(), func(*http.Request) (iteratee.Iteratee[string, none], enumerator.Enumerator[string], error) {
				onMessage := iteratee.ForEach(func(_ context.Context, message string) error {
					if message == "bad" {
						return errBoom
					}
					return nil
				})
				in := iteratee.Map(onMessage, func(none) none { mapped++; return none{} })
				return enumeratee.Transform(enumeratee.OnDone[string](func() { closed++ }), in), enumerator.Never[string](), nil
			})
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer close(ended)
				handler.ServeHTTP(w, r)
			}))
			defer server.Close()
			leave(dial(t, server))
			<-ended
			assert.Equal(t, 1, closed)
			assert.Equal(t, name == "closed", mapped == 1)
		})
	}
}

func dial(t *testing.T, server *httptest.Server) *coder.Conn {
	conn, _, err := coder.Dial(t.Context(), server.URL, nil)
	require.NoError(t, err)
	t.Cleanup(func() { conn.CloseNow() })
	return conn
}
